"""The lessons: their figures are those of the API, for any model and hardware, in both languages."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pytest

from mfu_planner import plan, predict
from mfu_planner.report.human import show
from mfu_planner.ui.learn_formats import FORMATS
from mfu_planner.ui.learning import Told, changed, cures, slowed, told

RUN: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": "64", "seq_len": "8192", "global_batch": "256",
    "zero": "3", "micro_batch": "1",
}  # fmt: skip
FIXED = {"tp": "1", "pp": "1", "vpp": "1", "cp": "1", "ep": "1"}
STEPS = 11


def _text(app: Any) -> str:
    raw = " ".join(each.proto.body for each in app.get("html"))
    return html.unescape(re.sub(r"<[^>]+>", " ", raw)) + " ".join(each.value for each in app.markdown)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("hardware", ["a100-sxm-80gb", "tpu-v5p"])
@pytest.mark.parametrize("model", ["llama-3.2-1b", "mixtral-8x7b", "resnet-50"])
def test_every_step_for_every_model(page: Any, model: str, hardware: str) -> None:
    """A dense model without a length on file, a mixture, a vision model; a GPU and a TPU without sparsity or FP32."""
    app = page("learn", model=model, hardware=hardware)
    assert not app.error
    assert [header.value.split(".")[0] for header in app.header] == [str(n + 1) for n in range(STEPS)]
    assert len([m for m in app.markdown if "Recognised so" in m.value]) == 5


def test_a_vision_model_is_told_of_samples(page: Any) -> None:
    """ResNet-50's image is no token: 3 × 2 × 4.09 GFLOP (He et al. count 3.8 G multiply-adds, and the head) ÷ 25.6M."""
    app = page("learn", model="resnet-50")
    said = " ".join(each.value for each in app.markdown)
    assert "a sample of this model costs" in said
    assert "0 tokens per sequence" not in said
    (ratio,) = re.findall(r"\*\*: ([\d,]+) N\.", said)
    assert float(ratio) == pytest.approx(3 * 2 * 4.09e9 / 25.6e6, rel=0.02)


def test_a_model_of_which_only_the_size_is_known(page: Any) -> None:
    """No layers, no step: said, and the other lessons stand."""
    app = page("learn", model="own size", params="8B", hardware="a100-sxm-80gb")
    assert not app.error
    assert any("no layers" in info.value for info in app.info)
    assert "Try it yourself" in app.header[-1].value


def test_the_causes_are_those_of_predict(page: Any) -> None:
    """Half the loader's rate is twice the step; unfused attention as the API has it."""
    app = page("learn", **RUN, **FIXED, tokens_per_second_per_device="5000")
    run = {**RUN, "recompute": "none"}
    step = predict(**run).step_time_s
    said = [m.value for m in app.markdown if "Recognised so" in m.value]
    assert f"**{show(2 * step, 'time', 3)}**" in said[0]
    unfused = predict(**run, attention_kernel="unfused").step_time_s
    assert f"**{show(unfused, 'time', 3)}** in place of {show(step, 'time', 3)}" in said[4]


def _base() -> Told:
    found = told(RUN)
    assert found is not None
    return found


@pytest.mark.parametrize("cause", ["data-loading", "cpu", "kernel-launch", "communication", "kernels"])
def test_a_cause_makes_its_own_part_longer(cause: str) -> None:
    """Of all parts of the step, one that belongs to the cause grows most."""
    base = _base()
    found = slowed(cause, RUN, base)
    assert found is not None
    before = dict(base.parts)
    grown = max(found[1].parts, key=lambda part: part[1] - before.get(part[0], 0.0))[0]
    belongs = {
        "data-loading": {"input_stall"},
        "cpu": {"launch"},
        "kernel-launch": {"launch", "pointwise"},
        "communication": {"tensor_parallel", "data_parallel"},
        "kernels": {"attention", "recompute"},
    }
    assert grown in belongs[cause]


def test_the_cures_are_those_of_predict() -> None:
    """Each gain is the quotient of two predicted rates."""
    found = {cure.slug: cure for cure in cures(RUN, _base())}
    assert found["workers"].gain == pytest.approx(2.0)
    eager, compiled = (predict(**RUN, compile=on).step_time_s for on in (False, True))
    assert found["compile"].gain == pytest.approx(eager / compiled)
    fp32 = predict(**RUN, dtype="fp32").step_time_s
    assert found["precision"].gain == pytest.approx(fp32 / predict(**RUN).step_time_s)
    assert found["batch"].gain is not None
    assert found["batch"].gain >= 1.0


def test_more_tensor_parallel_leaves_less_data_parallel() -> None:
    """DP of the learner's layout goes, so that the devices stay as many."""
    assert changed({"tp": 1, "dp": 64}, {"tp": 8}) == {"tp": 8}
    assert changed({"dp": 64}, {"compile": True}) == {"dp": 64, "compile": True}


def test_formats_have_the_bits_of_their_standards() -> None:
    """NumPy's own IEEE types; the others by the width of the format: 16, 19 used, 8."""
    for name, kind in (("fp32", np.float32), ("fp16", np.float16)):
        assert FORMATS[name] == (np.finfo(kind).nexp, np.finfo(kind).nmant)
    assert {n: 1 + sum(FORMATS[n]) for n in ("bf16", "tf32", "fp8")} == {"bf16": 16, "tf32": 19, "fp8": 8}


def test_the_data_sheet_and_the_money(page: Any) -> None:
    """NVIDIA prints 1,979 TFLOP/s for BF16 with sparsity; half the MFU is twice the time."""
    app = page("learn", **RUN, **FIXED, tokens_per_second_per_device="5000")
    said = _text(app)
    assert re.search(r"BF16\s+1 \+ 8 \+ 7\s+989.4 TFLOP/s\s+1.979 PFLOP/s", said)
    job = {k: RUN[k] for k in ("model", "hardware", "devices", "seq_len")}
    slow, fast = (plan(**job, tokens="1T", mfu=mfu) for mfu in (0.2, 0.5))
    assert fast.training_time_s == pytest.approx(0.4 * slow.training_time_s)
    for each in (slow, fast):
        assert show(each.training_time_s, "time", 3) in said
        assert show(each.cost_usd, "usd", 3) in said


def test_exercises_are_checked(page: Any) -> None:
    """By hand: 5,000 tokens/s × 57.91 GFLOP ÷ 989.4 TFLOP/s = 29.3%; against the sparse peak 14.6%."""
    app = page("learn", **RUN, **FIXED, tokens_per_second_per_device="5000")
    app.number_input(key="exercise_mfu").set_value(29.3)
    app.number_input(key="exercise_sparse").set_value(29.3)
    app.run()
    assert [each.value for each in app.success if "Right" in each.value] == ["Right. Rate times work, over the peak."]
    assert [each.value.split(".")[0] for each in app.warning] == ["Not yet"]
    app.number_input(key="exercise_sparse").set_value(14.63).run()
    assert not app.warning


_NAMES = (
    r"https?://\S+|`[^`]*`|\$\\?[A-Za-z][^$]*\$|NVIDIA H100 Tensor Core GPU Architecture whitepaper[^|<]{0,40}datasheet"
)


def _sentences(app: Any) -> tuple[list[str], str]:
    shown = [_text(app), *(each.label for each in app.number_input), *(each.value for each in app.header)]
    shown += [each.value for kind in (app.caption, app.info, app.subheader) for each in kind]
    shown += [text for each in app.get("vega_lite_chart") for text in (each.proto.alt, each.proto.spec)]
    plain = re.sub(_NAMES, " ", " | ".join(shown))
    return re.findall(r"[A-Za-z]+(?:[ ,]+[a-z]+){3,}", plain), plain


@pytest.mark.sampled(2)
@pytest.mark.parametrize("query", [{}, {"model": "resnet-50", "hardware": "mi300x"}])
def test_no_english_sentence_in_chinese(page: Any, query: dict[str, str]) -> None:
    """Four English words in a row are a sentence; addresses, code, formulas and titles of sources are not."""
    english, _plain = _sentences(page("learn", **query))
    assert len(english) > 50
    found, plain = _sentences(page("learn", **query, lang="zh"))
    assert found == []
    for name in ("数据加载瓶颈", "CPU 瓶颈", "核函数启动开销", "通信瓶颈", "次优的实现", "内存映射", "混合精度"):
        assert name in plain
