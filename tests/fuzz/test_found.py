"""What the fuzzer and its like have found: each is an answer or one line now."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfu_planner import diagnose, flops, measure, plan, predict, read_log, read_trace, search
from mfu_planner.architectures.operators_file import VERSION
from mfu_planner.errors import InputError, NoAnswer

PLAN = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "tokens": "1B", "mfu": 0.4}
STEP = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "global_batch": 64}
RATE = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "tokens_per_second": "1M"}


@pytest.mark.parametrize(
    ("function", "given", "field"),
    [
        (plan, {**PLAN, "seq_len": 1e308}, "seq-len"),
        (measure, {**RATE, "seq_len": 10**400}, "seq-len"),
        (predict, {**STEP, "vpp": 10**30}, "vpp"),
        (predict, {**STEP, "zero": float("inf")}, "zero"),
        (diagnose, {**RATE, "trace": date(2026, 11, 30)}, "trace"),
        (search, {**STEP, "recompute": [1, "x"]}, "recompute"),
        (search, {**STEP, "goodput": object}, "goodput"),
        (search, {**STEP, "as_of": {"model_type": "llama"}}, "as-of"),
        (search, {**STEP, "sequence_parallel": float("nan")}, "sequence-parallel"),
        (flops, {"config": "x" * 5000, "seq_len": 8}, "config"),
        (flops, {"config": "a\0b", "seq_len": 8}, "config"),
        (plan, {**PLAN, "model": 10**5000}, "model"),
        (plan, {**PLAN, "dtype": 10**5000}, "dtype"),
        (plan, {**PLAN, "global_batch": 10**5000}, "global-batch"),
        (flops, {"model": "gpt2", "seq_len": 8, "packed": np.array(3.0)}, "packed"),
        (diagnose, {**RATE, "dora": np.array(3.0)}, "dora"),
        (measure, {**RATE, "provider": range(3)}, "provider"),
    ],
)
def test_refused_in_one_line(function: Any, given: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refusal:
        function(**given)
    assert refusal.value.field == field
    assert "\n" not in str(refusal.value)


def trace(tmp_path: Path, *events: dict[str, Any]) -> str:
    """A trace of one H100."""
    path = tmp_path / "trace.json"
    device = {"id": 0, "name": "NVIDIA H100 80GB HBM3"}
    path.write_text(json.dumps({"deviceProperties": [device], "traceEvents": events}))
    return str(path)


def kernel(ts: float, dur: float) -> dict[str, Any]:
    """A matrix product on the device."""
    return {"ph": "X", "cat": "kernel", "name": "gemm", "ts": ts, "dur": dur, "pid": 0, "tid": 7,
            "args": {"stream": 7, "device": 0}}  # fmt: skip


def step(number: int, ts: float, dur: float) -> dict[str, Any]:
    """A step of the profiler on the host."""
    return {
        "ph": "X",
        "cat": "user_annotation",
        "name": f"ProfilerStep#{number}",
        "ts": ts,
        "dur": dur,
        "pid": 1,
        "tid": 1,
    }


def test_a_traced_step_that_is_too_short_for_its_work(tmp_path: Path) -> None:
    """64 sequences of GPT-2 in 10 us: an MFU far above 100% is an error of the answer, not an answer."""
    path = trace(tmp_path, step(1, 0, 10), kernel(1, 8), step(2, 10, 10), kernel(11, 8))
    found = read_trace(path, model="gpt2", seq_len=1024, global_batch=64, devices=1)
    assert found.mfu is not None
    assert found.mfu > 1
    assert found.findings[0].severity == "error"
    assert "cannot be" in found.findings[0].message


def test_steps_of_no_length_leave_no_shares(tmp_path: Path) -> None:
    path = trace(tmp_path, kernel(0, 5), step(3, 2, 0), kernel(5, 5))
    found = read_trace(path, window="steps")
    assert found.window_s == 0
    assert not [f for f in found.findings if f.severity != "note"]


def test_a_time_that_is_none_is_no_step(tmp_path: Path) -> None:
    path = trace(tmp_path, kernel(0, 5), step(3, 1e300, 1e308), step(4, 0, 7), kernel(5, 5))
    found = read_trace(path)
    assert [s.seconds for s in found.steps] == [pytest.approx(7e-6)]


def machine(**product: Any) -> dict[str, Any]:
    """The tests' machine file, with other figures of its matrix products."""
    import yaml

    held: dict[str, Any] = yaml.safe_load((Path(__file__).parents[1] / "machine" / "machine.yaml").read_text())
    held["products"]["fp32"] |= product
    return held


def test_a_measured_rate_is_no_faster_than_the_fastest_point() -> None:
    """A fit a little above its best point: no step is shorter than its FLOPs / peak; one far above is no fit of it."""
    asked = {"model": "gpt2", "dtype": "fp32", "global_batch": 8, "devices": 1}
    assert predict(**asked, machine=machine(rate="160 GFLOP/s")).mfu <= 1
    with pytest.raises(InputError, match="fastest product"):
        predict(**asked, machine=machine(best="0.5 GFLOP/s"))


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("gemma-4-26b-a4b", {"text_config": {"model_type": {}}}),
        ("qwen3-vl-235b-a22b", {"text_config": {"model_type": True}}),
        ("mamba-130m", {"expand": float("inf")}),
        ("mamba-130m", {"expand": float("nan")}),
    ],
)
def test_a_config_with_a_field_of_another_type(model: str, changes: dict[str, Any]) -> None:
    held = next(Path(__file__).parents[2].glob(f"model_specs/{model}*.json"))
    config = json.loads(held.read_text())
    config = config.get("config", config)
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    with pytest.raises(InputError):
        flops(config=config, seq_len=64)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="a file that opens and cannot be read")
@pytest.mark.parametrize("field", ["machine", "config", "stack"])
def test_a_file_that_cannot_be_read_is_named(field: str) -> None:
    with pytest.raises(InputError, match="mem"):
        predict(**{**STEP, **({"model": None} if field == "config" else {}), field: "/proc/self/mem"})


@pytest.mark.parametrize("block", [[], "x", None, 7, {"name": []}, {"operators": [[]]}])
def test_an_operators_file_with_a_block_of_another_type(block: Any) -> None:
    file = {"operators_file": VERSION, "grade": "exact", "model_type": "x", "class": "X", "hidden": 8, "vocab": 9,
            "params": 9, "reasons": [], "not_called": [], "assumed": [], "blocks": [block]}  # fmt: skip
    with pytest.raises(InputError):
        flops(config=file, seq_len=8)


@pytest.mark.parametrize("tile", [[-1, 1], [0, 128], [1]])
def test_a_measured_tile_has_rows_and_columns(tile: list[int]) -> None:
    with pytest.raises(InputError, match="tile"):
        predict(model="gpt2", dtype="fp32", global_batch=8, devices=1, machine=machine(tile=tile))


def test_an_unknown_text_is_not_repeated() -> None:
    """It may be a secret."""
    with pytest.raises(InputError, match=r"^api-key: got 'a text'; accepted: a known field") as refused:
        plan(api_key="sk-0123456789abcdef")
    assert "sk-" not in json.dumps(refused.value.as_json())


@pytest.mark.each("made", ["step: 1 " * 40_000, "9" * 40_000 + "/step", "Epoch 1\n" + "9" * 40_000])
def test_a_line_without_an_end_is_no_log(made: str) -> None:
    """No pattern goes over its characters again and again: each of these took a minute."""
    with pytest.raises(NoAnswer):
        read_log(made + "\n")


def test_a_config_nested_in_itself_is_refused() -> None:
    """As deep as no reader goes."""
    nested: Any = []
    for _ in range(990):
        nested = [nested]
    with pytest.raises(InputError):
        flops(config={"model_type": "x", "a": nested}, seq_len=8)


def test_what_packed_documents_do_not_say_is_not_dropped() -> None:
    """The targets beside an encoder–decoder's documents were lost without a word; an image is not so many tokens."""
    with pytest.raises(InputError, match=r"^packed: .* target of T5 Small"):
        flops(model="t5-small", seq_len=512, target_seq_len=128, packed="512:10")
    with pytest.raises(InputError, match=r"^packed: .* image size"):
        flops(model="resnet-18", packed="64:1")


def test_a_convention_beyond_the_peak_is_an_error_finding() -> None:
    """torchtitan's counts 1,000,000 positions for each where the window of half of the layers lets 128 be."""
    found = predict(
        model="gpt-oss-120b", hardware="a10", devices=64, global_batch=64, seq_len=1_000_000, convention="torchtitan"
    )
    (finding,) = found.findings
    assert found.mfu > 1
    assert (finding.code, finding.severity) == ("convention/above-100", "error")
    assert finding.mfu_if_so is not None
    assert finding.mfu_if_so < 1
    assert not predict(**STEP).findings


@pytest.mark.parametrize("padding", [3, 1.5, True, "x"])
def test_a_list_in_a_config_is_a_list(padding: Any) -> None:
    with pytest.raises(InputError, match="depthwise_padding"):
        flops(config={"model_type": "efficientnet", "depthwise_padding": padding})


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"model_type": "swin", "depths": [10**12]}, "depths"),
        ({"model_type": "albert", "num_hidden_groups": 10**12}, "num_hidden_groups"),
        ({"model_type": "efficientnet", "depth_coefficient": 1e12}, "depth_coefficient"),
        ({"model_type": "deberta", "pos_att_type": True}, "pos_att_type"),
        ({"model_type": "exaone4", "sliding_window_pattern": ""}, "sliding_window_pattern"),
        ({"model_type": "exaone_moe", "sliding_window_pattern": ""}, "sliding_window_pattern"),
    ],
)
def test_a_garbled_config_is_refused_at_once(config: dict[str, Any], field: str) -> None:
    """Layers without end hung; words and numbers in the place of lists were exceptions."""
    given = json.loads((Path(__file__).parents[1] / "golden/types.json").read_text("utf-8"))["rows"]
    whole = next((r["config"] for r in given if r["config"].get("model_type") == config["model_type"]), {})
    with pytest.raises(InputError, match=field):
        flops(config={**whole, **config}, seq_len=8)


def test_an_answer_has_null_where_a_config_has_no_number() -> None:
    """JSON knows neither NaN nor infinity: the key is named."""
    held = json.loads((Path(__file__).parents[2] / "model_specs" / "gpt2.json").read_text())
    config = {**held.get("config", held), "layer_norm_epsilon": float("nan")}
    found = flops(config=config, seq_len=64).as_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "layer_norm_epsilon: beyond any number, so null" in found["warnings"][-1]


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("qwen2_5_vl-Qwen2_5_VLModel", {"vision_config": {"patch_size": 10**6}}, "window_size"),
        ("detr-bare", {"backbone_config": {"hidden_sizes": [8, 16]}}, "depths"),
        ("deberta-ForQuestionAnswering", {"pos_att_type": [[]]}, "pos_att_type"),
        ("swinv2-bare", {"patch_size": 10**6}, "patch_size"),
        ("inkling-image", {"vision_config": {"patch_size": 10**40}}, "patch_size"),
        ("sam-depth", {"mask_decoder_config": {"num_multimask_outputs": 10**9}}, "num_multimask_outputs"),
        ("unet-sdxl", {"layers_per_block": 10**9}, "layers_per_block"),
        ("deepseek_v4-plain", {"compress_rates": 4.5}, "compress_rates"),
        ("llava_next-large", {"image_grid_pinpoints": []}, "image_grid_pinpoints"),
        ("molmo2-Molmo2Model", {"adapter_config": {"vision_feature_layer": []}}, "vision_feature_layer"),
    ],
)
def test_sizes_that_do_not_fit_each_other(name: str, changes: dict[str, Any], field: str) -> None:
    held = json.loads((Path(__file__).parents[1] / "golden" / "types.json").read_text())["rows"]
    config = next(row["config"] for row in held if row["name"] == name)
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    with pytest.raises(InputError, match=field):
        flops(config=config, seq_len=64, image_size=224 if "vision_config" in changes else None)


def test_a_results_line_whose_key_is_no_text() -> None:
    """It is left out; those around it are read."""
    sample = Path(__file__).parents[1] / "observe" / "samples" / "mlperf.log"
    odd = ':::MLLOG {"time_ms": 1000, "event_type": "POINT_IN_TIME", "key": {}, "value": 1}\n'
    assert read_log(odd + sample.read_text()).step_time_s == read_log(str(sample)).step_time_s
