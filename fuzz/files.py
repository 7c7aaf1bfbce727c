"""Files made from a seed: the project's own samples with pieces gone, garbled, of another type or size."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fuzz.made import Made
from fuzz.values import mutated, number_changed, odd, odd_json
from mfu_planner.architectures.operators_file import VERSION
from mfu_planner.facts import folder
from mfu_planner.machine.multipliers import multipliers

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "tests" / "observe" / "samples"
_LINES = 40
"""Lines of a sample that are kept: a log says no more in its next thousand."""
_NO_SAMPLES = ("index.json", "expected.csv")
_STEP = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "global_batch": 64}


@cache
def _texts(pattern: str) -> tuple[str, ...]:
    """Every file of a kind that ships or that the tests read."""
    where, _, kind = pattern.rpartition("/")
    files = [p for p in sorted((ROOT / where).rglob(kind)) if p.is_file()]
    return tuple(
        p.read_bytes().decode("utf-8", "replace") for p in files if p.name not in ("index.json", "expected.csv")
    )


def config(random_: random.Random) -> Made:
    """A ``config.json`` with a field gone, exchanged, nested or of another type."""
    data = copy.deepcopy(random_.choice(_configs()))
    _worn(data, random_, random_.choice((1, 1, 2, 4)))
    text = json.dumps(data)
    if random_.random() < 0.1:
        text = mutated(text, random_, 3)
    command = random_.choice(("flops", "flops", "plan", "memory", "predict"))
    more = {"flops": {}, "plan": {"tokens": "1B", "mfu": 0.4, "hardware": "h100-sxm", "devices": 8}}
    step: dict[str, Any] = {"hardware": "h100-sxm", "devices": 8, "global_batch": 64}
    return Made("config.json", (command,), {"seq_len": 256, **more.get(command, step)}, text)


@cache
def _configs() -> tuple[dict[str, Any], ...]:
    """The presets' and those of every class that the tests count."""
    presets = [json.loads(text) for text in _texts("model_specs/*.json")]
    small = json.loads((ROOT / "tests" / "golden" / "types.json").read_text("utf-8"))["rows"]
    return tuple(data.get("config", data) for data in [*presets, *small])


def _worn(data: dict[str, Any], random_: random.Random, times: int) -> None:
    """Change some of its fields, on any depth."""
    for _ in range(times):
        place: Any = data
        while random_.random() < 0.5 and isinstance(place, dict) and place:
            below = random_.choice(list(place.values()))
            if not isinstance(below, dict) or not below:
                break
            place = below
        key = random_.choice(list(place) or ["model_type"])
        value = place.get(key)
        if random_.random() < 0.25:
            place.pop(key, None)
        elif isinstance(value, int | float) and random_.random() < 0.6:
            place[key] = value * random_.choice((0, -1, 2, 3, 0.5, 1e9, 10**30))
        else:
            place[key] = odd_json(random_, data)


def log(random_: random.Random) -> Made:
    """A log with lines gone, doubled, garbled, of another format, or with other numbers."""
    lines = _sample(random_)
    for _ in range(random_.choice((1, 2, 5, 20))):
        at = random_.randrange(len(lines))
        lines[at] = random_.choice((number_changed(lines[at], random_), mutated(lines[at], random_), lines[at] * 2, ""))
        if random_.random() < 0.1:
            lines.insert(at, random_.choice(_sample(random_)))
    given = random_.choice(
        ({}, {"devices": 8}, {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "seq_len": "1024"})
    )
    return Made("log", given=dict(given), text="".join(lines))


def _sample(random_: random.Random) -> list[str]:
    lines = random_.choice(_texts("tests/observe/samples/*")).splitlines(keepends=True)
    start = random_.randrange(max(1, len(lines) - _LINES)) if random_.random() < 0.3 else 0
    return lines[start : start + _LINES] or ["\n"]


def trace(random_: random.Random) -> Made:
    """A small Chrome trace, its events odd."""
    events = []
    for i in range(random_.choice((0, 1, 12, 40))):
        event: dict[str, object] = {
            "ph": random_.choice("XXXXMBEi"),
            "cat": random_.choice(("kernel", "kernel", "gpu_memcpy", "cuda_runtime", "cpu_op", "user_annotation", "x")),
            "name": random_.choice(("gemm_bf16", "ncclDevKernel_AllReduce", "ProfilerStep#3", "cudaLaunchKernel")),
            "ts": 10.5 * i,
            "dur": random_.choice((7.25, 5, 5, 5, 0, -1, 1e300, "x", None)),
            "pid": 0,
            "tid": 7,
            "args": random_.choice(({"stream": 7, "device": 0, "correlation": i}, {}, None, [], {"device": []})),
        }
        if random_.random() < 0.2:
            event[random_.choice(list(event))] = odd_json(random_, {})
        events.append(event)
    text = json.dumps({"deviceProperties": [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}], "traceEvents": events})
    given = random_.choice(({}, {}, {"window": "steps"}, {**_STEP, "seq_len": 1024}, {"step": odd(random_)}))
    return Made("trace", given=dict(given), text=mutated(text, random_, 2) if random_.random() < 0.3 else text)


def plan_file(random_: random.Random) -> Made:
    """A ``plan.yaml`` with keys and values of the question, now and then in stages, now and then none of YAML's."""
    from fuzz.asked import fields, sensible

    data: dict[str, str] = {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "mfu": "0.4", "tokens": "1B"}
    for _ in range(random_.choice((1, 1, 2, 4))):
        key = random_.choice(fields("plan")) if random_.random() < 0.9 else odd(random_)
        data[key] = sensible("plan", key, random_) or (
            odd(random_) if random_.random() < 0.7 else random_.choice(_YAML)
        )
    lines = [f"{key}: {value}" for key, value in data.items()]
    if random_.random() < 0.3:
        key = random_.choice(fields("plan"))
        value = sensible("plan", key, random_) or odd(random_)
        lines += ["stages:", f"  - {{tokens: 1B, {key}: {value}}}", f"  - {odd(random_)}", "  - {tokens: 2B}"]
        if random_.random() < 0.7:
            del lines[-2]
        lines = [line for line in lines if not line.startswith("tokens")]
    return Made("plan.yaml", text="\n".join(lines) + "\n")


_YAML = ("[]", "{a: 1}", ".nan", "2026-01-01", "!!python/none", "&a [*a]", "8", "[512, 8]", "'8'")
"""What YAML reads as something else than text."""


def hardware(random_: random.Random) -> Made:
    """A file of the catalogue, a device's or a machine's, garbled, where the user's own stand."""
    kind = random_.choice(("accelerators", "accelerators", "clusters"))
    text = random_.choice(_texts(f"hardware_specs/{kind}/*.yaml"))
    name = next((line[4:].strip() for line in text.splitlines() if line.startswith("id: ")), "x")
    return Made("hardware.yaml", (kind, name), text=_garbled(text, random_))


def _garbled(text: str, random_: random.Random) -> str:
    """YAML with pieces garbled, or with a value of another type."""
    for _ in range(random_.choice((1, 2, 6))):
        text = random_.choice((number_changed, number_changed, mutated))(text, random_)
    return text


def machine(random_: random.Random) -> Made:
    """A measured machine, garbled."""
    text = _texts("tests/machine/machine.yaml")[0]
    return Made("machine.yaml", given={"model": "gpt2", "dtype": "fp32", "global_batch": 8, "devices": 1},
                text=_garbled(text, random_))  # fmt: skip


def stack(random_: random.Random) -> Made:
    """A calibrated stack, its factors odd."""
    base = random_.choice(("generic", "generic", "megatron-2024", "x"))
    data: dict[str, Any] = {"kind": "stack-calibration", "name": "ours", "base": base}
    factors = (1.0, 0.5, 3.0) if random_.random() < 0.5 else (1.0, 20, 1e-3, 1e9, 0, -1, "x")
    data["constants"] = {
        name: {"times": random_.choice(factors), "sd": 0.1, "prior": 0.2, "informed": 0.5}
        for name in random_.sample(sorted(multipliers()), 3)
    }
    if random_.random() < 0.3:
        _worn(data, random_, 2)
    text = yaml.safe_dump(data)
    return Made("stack.yaml", given=dict(_STEP), text=_garbled(text, random_) if random_.random() < 0.2 else text)


def operators(random_: random.Random) -> Made:
    """An operators file, its blocks and figures odd."""
    data = copy.deepcopy(_OPERATORS)
    if random_.random() < 0.7:
        place = random_.choice([data, *data["blocks"], *(o for b in data["blocks"] for o in b["operators"])])
        _worn(place, random_, random_.choice((1, 2, 4)))
    else:
        _worn(data, random_, 2)
    text = json.dumps(data)
    command = random_.choice(("flops", "flops", "memory"))
    more = (
        {"seq_len": 64}
        if command == "flops"
        else {"hardware": "h100-sxm", "devices": 8, "global_batch": 8, "seq_len": 64}
    )
    return Made("config.json", (command,), more, mutated(text, random_) if random_.random() < 0.1 else text)


_OPERATORS: dict[str, Any] = {
    "operators_file": VERSION, "model_type": "supernova", "class": "SupernovaForCausalLM", "transformers": "5.23.0",
    "torch": "2.13.0", "config_sha256": "0" * 64, "grade": "exact", "reasons": [], "not_called": [],
    "assumed": ["balanced routing"], "hidden": 8, "vocab": 100, "params": 100 * 8 + 2 * (8 * 24 + 5),
    "blocks": [
        {"name": "model", "layers": [], "operators": [
            {"path": "embed_tokens", "name": "embed_tokens", "kind": "table", "entries": 100, "width": 8},
        ]},
        {"name": "model.layers", "layers": [0, 1], "operators": [
            {"path": "attn.qkv", "name": "qkv_proj", "kind": "linear", "inputs": 8, "outputs": 24, "copies": 1,
             "active": 1, "bias": False, "shared": False},
            {"path": "attn", "name": "attention", "kind": "attention", "heads": 2, "kv_heads": 1, "qk_dim": 4,
             "v_dim": 4, "mask": "window", "size": 16},
            {"path": "mix", "name": "mix", "kind": "product", "forward": {"b": 7, "bs": 3, "bss": 2},
             "backward": {"b": 14, "bs": 6, "bss": 4}},
            {"path": "norm", "name": "norm", "kind": "elementwise", "params": 5},
        ]},
    ],
}  # fmt: skip
"""A small one by hand, every kind of operator in it."""


def runs(random_: random.Random) -> Made:
    """Rows of published runs with odd cells."""
    rows = _rows()
    picked = [dict(random_.choice(rows)) for _ in range(random_.choice((1, 1, 3)))]
    for row in picked:
        for _ in range(random_.choice((0, 1, 3))):
            row[random_.choice(list(row))] = odd(random_)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(picked)
    text = mutated(out.getvalue(), random_) if random_.random() < 0.1 else out.getvalue()
    return Made("runs.csv", (random_.choice(("step-time", "mfu", "memory", "total")),), text=text)


@cache
def _rows() -> tuple[dict[str, str], ...]:
    return tuple(csv.DictReader(io.StringIO((folder("published_runs") / "runs.csv").read_text("utf-8"))))
