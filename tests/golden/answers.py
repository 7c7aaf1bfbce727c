"""What the planner answered to some hundred questions, kept so that a move of code changes no number in silence.

``python tests/golden/answers.py`` compares; ``--write [KIND ...]`` writes the answers of some kinds (or all) anew, for
a change that its commit names.  The file says what the code said, not what is right: other tests do that.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("answers.json")
RELATIVE = 1e-9
"""Figures may differ by this much (the order of sums); whole numbers, words and blanks not at all."""
_SEED = 20261130

Question = dict[str, Any]

_DECODERS = ("llama-3.1-8b", "llama-3.1-70b", "gpt-3-175b", "qwen3-8b", "mistral-7b", "gemma-2-9b", "phi-3-mini")
_MIXTURES = ("mixtral-8x7b", "deepseek-v3", "qwen3-30b-a3b", "gpt-oss-20b")
_OTHERS = ("mamba2-2.7b", "nemotron-h-8b", "bert-large", "vit-l16", "zamba2-7b", "falcon-7b", "gpt2-xl")
_DEVICES = ("h100-sxm", "a100-sxm-80gb", "mi300x", "tpu-v5p", "b200")
_MODELS_COUNTED = 45
_IMAGES = ("vit", "convnext", "resnet", "dit", "clip")
_PAIRS = ("t5", "mt5", "bart", "whisper")


def _plan() -> Iterator[Question]:
    for model, device in product(("llama-3.1-8b", "gpt-3-175b", "deepseek-v3", "mistral-7b"), _DEVICES[:3]):
        common = {"model": model, "hardware": device, "price": 2.5, "seq_len": 4096}
        yield {**common, "tokens": "1T", "devices": 1024, "mfu": "40%"}
        yield {**common, "tokens": "300B", "mfu": 0.35, "deadline": "30d", "goodput": 0.95}
        yield {**common, "devices": 512, "mfu": 0.3, "budget": "2M", "global_batch": 1024, "pue": 1.2}
    yield {"params": "70B", "tokens": "1.4T", "hardware": "h100-sxm", "devices": 2048, "deadline": "40d", "price": 2}
    yield {"params": "70B", "active_params": "13B", "tokens": "2T", "peak": "989 TFLOP/s", "devices": 512, "mfu": 0.4}
    yield {
        "model": "llama-3.1-8b",
        "tokens": "1T",
        "hardware": "h100-sxm",
        "devices": 256,
        "tokens_per_second": 2e6,
        "price": 2,
    }
    for convention in ("causal", "6n", "palm", "megatron", "nanogpt"):
        yield {
            "model": "llama-3.1-8b",
            "tokens": "1T",
            "hardware": "h100-sxm",
            "devices": 256,
            "mfu": 0.4,
            "price": 2,
            "convention": convention,
        }


def _mfu() -> Iterator[Question]:
    for model, device in product((*_DECODERS, *_MIXTURES, "mamba2-2.7b", "falcon-7b"), ("h100-sxm", "tpu-v5p")):
        common = {"model": model, "hardware": device, "seq_len": 2048}
        yield {**common, "tokens_per_second_per_device": 1500, "recompute": "full"}
    common = {"model": "llama-3.1-8b", "hardware": "h100-sxm"}
    yield {**common, "devices": 64, "step_time": "4.2s", "global_batch": 256, "recompute": "selective"}
    yield {**common, "tokens": "15T", "device_hours": "1.46M", "goodput": 0.9}
    yield {**common, "flops_per_second_per_device": "400 TFLOP/s"}
    yield {**common, "tokens_per_second": 600000, "devices": 64, "dtype": "fp8", "peak_dtype": "bf16"}
    yield {**common, "tokens_per_second_per_device": 90000}
    yield {"params": "7B", "hardware": "a100-sxm-80gb", "tokens_per_second_per_device": 3000}
    yield {"model": "bert-large", "hardware": "a100-sxm-80gb", "tokens_per_second_per_device": 30000}
    yield {"model": "vit-l16", "hardware": "a100-sxm-80gb", "tokens_per_second_per_device": 400}


def _flops() -> Iterator[Question]:
    from mfu_planner.architectures.presets import catalogue

    rows = sorted(catalogue(), key=lambda row: row["id"])
    for row in rows[:: max(1, len(rows) // _MODELS_COUNTED)]:
        lengths = {"seq_len": 448} if row["model_type"] not in _IMAGES else {}
        yield {
            "model": row["id"],
            "batch": 2,
            **lengths,
            **({"target_seq_len": 128} if row["model_type"] in _PAIRS else {}),
        }
    yield {"model": "llama-3.1-8b", "seq_len": 8192, "convention": "causal"}
    yield {"model": "gemma-2-9b", "seq_len": 8192, "convention": "causal"}


def _layouts(models: tuple[str, ...], count: int, salt: int) -> Iterator[Question]:
    """Layouts drawn at random from a fixed seed, each of its degrees now and then above one."""
    draw = random.Random(_SEED + salt)
    for number in range(count):
        tp, pp, cp = draw.choice((1, 1, 2, 4, 8)), draw.choice((1, 1, 2, 4)), draw.choice((1, 1, 1, 2))
        dp, micro = draw.choice((2, 8, 16)), draw.choice((1, 2, 4))
        asked: Question = {
            "model": models[number % len(models)],
            "hardware": draw.choice(_DEVICES),
            "devices": tp * pp * cp * dp,
            "tp": tp,
            "pp": pp,
            "cp": cp,
            "micro_batch": micro,
            "global_batch": dp * micro * draw.choice((1, 4, 8)),
            "seq_len": draw.choice((512, 2048, 4096)),
            "zero": draw.choice((0, 1, 2, 3)),
            "recompute": draw.choice(("none", "selective", "full")),
        }
        if asked["model"] == "vit-l16":
            del asked["seq_len"]
        if pp > 1:
            asked["vpp"] = draw.choice((1, 2))
            asked["schedule"] = draw.choice((None, "1f1b", "gpipe")) if asked["vpp"] == 1 else None
        if tp > 1:
            asked["sequence_parallel"] = draw.choice((None, True, False))
        if asked["recompute"] == "full":
            asked["recompute_share"] = draw.choice((None, 0.25))
        if asked["model"] in _MIXTURES:
            asked["ep"] = draw.choice((1, 2, dp))
            asked["expert_imbalance"] = draw.choice((None, 1.5))
        asked["compile"], asked["offload"] = draw.choice((None, True)), draw.choice((None, None, True))
        asked["attention_kernel"] = draw.choice((None, None, "unfused"))
        asked["stack"] = draw.choice((None, None, "torchtitan-2025", "generic"))
        asked["optimizer"] = draw.choice((None, None, "sgd"))
        yield {key: value for key, value in asked.items() if value is not None}


def _predict() -> Iterator[Question]:
    yield from _layouts((*_DECODERS, *_MIXTURES, *_OTHERS), 90, 1)
    common = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "zero": 3, "global_batch": 128}
    yield {**common, "dtype": "fp8"}
    yield {**common, "convention": "causal"}
    yield {**common, "loader_tokens_per_s": 100000}
    yield {**common, "cluster": "aws-p5"}


def _memory() -> Iterator[Question]:
    yield from _layouts((*_DECODERS, *_MIXTURES, *_OTHERS), 60, 2)


def _search() -> Iterator[Question]:
    for model, device in (
        ("llama-3.1-8b", "h100-sxm"),
        ("gpt-3-175b", "a100-sxm-80gb"),
        ("mixtral-8x7b", "h100-sxm"),
        ("qwen3-8b", "mi300x"),
        ("deepseek-v3", "b200"),
        ("mamba2-2.7b", "h100-sxm"),
    ):
        yield {"model": model, "hardware": device, "devices": 256, "global_batch": 512, "seq_len": 4096, "price": 2}
    yield {"model": "llama-3.1-70b", "hardware": "h100-sxm", "devices": 128, "tp": 8, "global_batch": 256, "price": 2}


def _diagnose() -> Iterator[Question]:
    for model, device, rate in (
        ("llama-3.1-8b", "h100-sxm", 5000),
        ("llama-3.1-8b", "a100-sxm-80gb", 1800),
        ("qwen3-8b", "mi300x", 4000),
        ("mixtral-8x7b", "h100-sxm", 2500),
        ("mistral-7b", "b200", 9000),
    ):
        common = {
            "model": model,
            "hardware": device,
            "devices": 64,
            "tokens_per_second_per_device": rate,
            "seq_len": 4096,
        }
        yield {**common, "zero": 3}
        yield {**common, "tp": 8, "recompute": "full", "micro_batch": 1, "global_batch": 512}
        yield {**common, "tp": 2, "pp": 4, "loader_wait": 0.1, "gpu_utilisation": 0.7}


def _rows() -> Iterator[Question]:
    """A sample of the published runs, of every source some."""
    from mfu_planner.backtesting.runs import read_runs

    draw = random.Random(_SEED)
    for kind, most, columns in _SAMPLED:
        by_source: dict[str, list[str]] = {}
        for run in read_runs():
            if any(run.number(column) for column in columns):
                by_source.setdefault(run.source, []).append(run.id)
        for ids in by_source.values():
            yield from ({"kind": kind, "id": id_} for id_ in sorted(draw.sample(ids, min(most, len(ids)))))


_SAMPLED = (
    ("step-time", 14, ("step_time_s", "tokens_per_s_per_device", "mfu_reported", "tflops_per_device_reported")),
    ("mfu", 6, ("mfu_reported", "tflops_per_device_reported")),
    ("memory", 6, ("mem_gb_reported",)),
    ("total", 6, ("gpu_hours", "wallclock_days")),
)
"""Kind of back-test, rows of a source, the columns of which one is stated."""

QUESTIONS: dict[str, Callable[[], Iterator[Question]]] = {
    "plan": _plan,
    "mfu": _mfu,
    "flops": _flops,
    "predict": _predict,
    "memory": _memory,
    "search": _search,
    "diagnose": _diagnose,
    "backtest": _rows,
}
_KEPT = {
    "plan": [
        "training_time_s",
        "productive_time_s",
        "device_hours",
        "cost_usd",
        "energy_kwh",
        "tokens",
        "devices",
        "devices_exact",
        "mfu",
        "tokens_per_s",
        "total_flops",
        "convention",
        "seq_len",
        "optimizer_steps",
        "step_time_s",
        "deadline_slack_s",
        "budget_slack_usd",
    ],
    "mfu": ["mfu", "hfu", "convention", "by_convention", "achieved_flops_per_s_per_device", "tokens_per_s"],
    "flops": ["params", "flops", "by_convention"],
    "predict": ["step_time_s", "tokens_per_s_per_device", "mfu", "hfu", "device_bound", "range"],
    "memory": [
        "weights_bytes",
        "gradients_bytes",
        "optimizer_bytes",
        "activations_bytes",
        "other_bytes",
        "total_bytes",
    ],
    "search": ["evaluated", "feasible"],
    "diagnose": ["mfu", "predicted_mfu", "predicted_step_time_s", "observed_over_predicted", "first_cause"],
}


_ROW = (
    *("tp", "pp", "vpp", "cp", "ep", "dp", "zero", "zero_group", "sequence_parallel", "micro_batch", "recompute"),
    *("recompute_share", "offload", "schedule", "devices", "step_time_s", "mfu", "tokens_per_s", "total_bytes"),
    "cost_usd",
)
"""What is kept of a search's first row."""


def answer(kind: str, question: Question) -> dict[str, Any]:
    """The figures of one answer that are kept; of a refused question the class of the refusal."""
    import mfu_planner
    from mfu_planner.errors import InputError, NoAnswer

    if kind == "backtest":
        return _by_id(question["kind"])[question["id"]]
    function = mfu_planner.measure if kind == "mfu" else getattr(mfu_planner, kind)
    try:
        found = function(**question).as_json()
    except (InputError, NoAnswer) as refusal:
        return {"refused": type(refusal).__name__}
    kept = {key: found[key] for key in _KEPT[kind]}
    if kind == "predict":
        kept["range"] = {key: found["range"][key] for key in ("low", "high")}
        kept["waterfall"] = {part["name"]: part["seconds"] for part in found["waterfall"]}
    if kind == "search" and found["layouts"]:
        kept["first"] = {key: found["layouts"][0][key] for key in _ROW}
    if kind == "diagnose":
        kept["gap"] = {part["part"]: part["share"] for part in found["gap"]}
        kept["actions"] = [[a["change"], a["predicted_mfu"]] for a in found["actions"][:5]]
    plain: dict[str, Any] = json.loads(json.dumps(kept))
    return plain


@cache
def judged(kind: str) -> Any:
    """The back-test of all published runs."""
    from mfu_planner import backtest

    return backtest(kind)


@cache
def _by_id(kind: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: {key: row[key] for key in ("published", "predicted")} for row in judged(kind).rows}


def differences(kept: Any, now: Any, where: str = "") -> Iterator[str]:
    """Every place where an answer is not what was kept."""
    if isinstance(kept, dict) and isinstance(now, dict):
        for key in {**kept, **now}:
            if key in kept and key in now:
                yield from differences(kept[key], now[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}: {'gone' if key in kept else 'new'}"
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        for place, (a, b) in enumerate(zip(kept, now, strict=True)):
            yield from differences(a, b, f"{where}[{place}]")
    elif isinstance(kept, float) and isinstance(now, float):
        if not math.isclose(kept, now, rel_tol=RELATIVE, abs_tol=1e-15):
            yield f"{where}: {kept!r}, now {now!r}" + (f" ({now / kept - 1:+.2%})" if kept else "")
    elif type(kept) is not type(now) or kept != now:
        yield f"{where}: {kept!r}, now {now!r}"


def read() -> list[dict[str, Any]]:
    """The kept answers: ``kind``, ``question``, ``answer``."""
    held: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))
    return held


def main(arguments: list[str]) -> int:
    """Compare, or write with ``--write``; the exit code says whether anything differs."""
    kinds = [a for a in arguments if not a.startswith("-")] or list(QUESTIONS)
    held = [] if not FILE.exists() else read()
    if "--write" in arguments:
        rest = {kind: [h for h in held if h["kind"] == kind] for kind in QUESTIONS if kind not in kinds}
        fresh = {k: [{"kind": k, "question": q, "answer": answer(k, q)} for q in QUESTIONS[k]()] for k in kinds}
        lines = (json.dumps(h, separators=(",", ":")) for k in QUESTIONS for h in {**rest, **fresh}[k])
        FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
        return 0
    found = 0
    for h in held:
        if h["kind"] in kinds:
            for line in differences(h["answer"], answer(h["kind"], h["question"])):
                found += 1
                print(h["kind"], json.dumps(h["question"]), line)
    print(f"{found} differences")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
