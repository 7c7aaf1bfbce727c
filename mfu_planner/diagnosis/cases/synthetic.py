"""Runs made by the step-time model with one thing made worse, by a seeded draw over models, devices and layouts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from mfu_planner.diagnosis.bench import NOTHING, Bench
from mfu_planner.diagnosis.cases.outcome import Outcome
from mfu_planner.errors import PlannerError
from mfu_planner.step.case import NETWORK, Change

SEED = 20261124
EACH = 8
"""Cases of each cause."""

Flags = dict[str, Any]

HEALTHY: tuple[Flags, ...] = (
    {
        "model": "llama-3.1-8b",
        "hardware": "h100-sxm",
        "devices": 64,
        "seq_len": 8192,
        "zero": 3,
        "micro_batch": 1,
        "global_batch": 256,
        "compile": True,
    },
    {
        "model": "llama-2-7b",
        "hardware": "a100-sxm-80gb",
        "devices": 32,
        "seq_len": 4096,
        "zero": 3,
        "micro_batch": 2,
        "global_batch": 512,
        "compile": True,
    },
    {
        "model": "llama-2-13b",
        "hardware": "h100-sxm",
        "devices": 16,
        "seq_len": 4096,
        "tp": 2,
        "zero": 1,
        "micro_batch": 1,
        "global_batch": 256,
        "compile": True,
    },
    {
        "model": "llama-3.1-70b",
        "hardware": "h100-sxm",
        "devices": 256,
        "seq_len": 8192,
        "tp": 8,
        "pp": 4,
        "vpp": 5,
        "micro_batch": 1,
        "global_batch": 512,
        "compile": True,
    },
    {
        "model": "gpt-3-175b",
        "hardware": "a100-sxm-80gb",
        "devices": 512,
        "seq_len": 2048,
        "tp": 8,
        "pp": 8,
        "vpp": 6,
        "micro_batch": 1,
        "global_batch": 1536,
        "compile": True,
    },
    {
        "model": "qwen3-8b",
        "hardware": "h200-sxm",
        "devices": 32,
        "seq_len": 4096,
        "zero": 3,
        "micro_batch": 4,
        "global_batch": 512,
        "compile": True,
    },
    {
        "model": "mistral-7b",
        "hardware": "a100-sxm-80gb",
        "devices": 64,
        "seq_len": 8192,
        "zero": 3,
        "micro_batch": 1,
        "global_batch": 512,
        "compile": True,
    },
    {
        "model": "llama-3.2-3b",
        "hardware": "h100-sxm",
        "devices": 8,
        "seq_len": 4096,
        "zero": 1,
        "micro_batch": 2,
        "global_batch": 256,
        "compile": True,
    },
)
"""Settings that are well chosen, as far as the model knows."""


def outcomes(seed: int = SEED, each: int = EACH) -> list[Outcome]:
    """Every cause, ``each`` times."""
    from mfu_planner.diagnosis import diagnose

    drawn = random.Random(seed)  # noqa: S311 - a reproducible draw, no secret
    out = []
    for cause, worsen in WORSENED.items():
        made = 0
        for flags in _endless(drawn):
            if made == each:
                break
            try:
                given = worsen(dict(flags), drawn)
            except PlannerError:
                continue
            if given is None:
                continue
            found = diagnose(**given)
            out.append(
                Outcome(f"{cause}-{made + 1} {given['model']}", "synthetic", "held out", cause, found.first_cause or "")
            )
            made += 1
    return out


def _endless(drawn: random.Random) -> Iterator[Flags]:
    while True:
        yield from drawn.sample(HEALTHY, len(HEALTHY))


def _mfu(flags: Flags, own: Change = NOTHING) -> float:
    return Bench(flags, own).base.mfu


def _noise(drawn: random.Random) -> float:
    """No run meets the model exactly."""
    return drawn.uniform(0.95, 1.03)


def _said(flags: Flags, mfu: float, drawn: random.Random, **answers: Any) -> Flags:
    return {
        **flags,
        "stack": flags.get("stack") or _stack(flags),
        "mfu": min(mfu * _noise(drawn), 0.99),
        "search": False,
        **answers,
    }


def _stack(flags: Flags) -> str:
    return "torchtitan-2025" if flags.get("zero") == 3 else "megatron-2024"


def _with_stack(flags: Flags) -> Flags:
    return {**flags, "stack": _stack(flags)}


def data_loading(flags: Flags, drawn: random.Random) -> Flags:
    """The loader takes a share of every step; the user knows the wait, or the workers and the utilisation."""
    flags = _with_stack(flags)
    wait = drawn.uniform(0.15, 0.5)
    mfu = _mfu(flags) * (1 - wait)
    if drawn.random() < 0.5:
        return _said(flags, mfu, drawn, loader_wait=f"{wait:.4f}")
    return _said(flags, mfu, drawn, loader_workers=drawn.choice((0, 1)), gpu_utilisation=f"{1 - wait:.4f}")


def cpu(flags: Flags, drawn: random.Random) -> Flags:
    """Python holds a compiled run up: the device is idle and the loader is not the reason."""
    flags = _with_stack(flags)
    idle = drawn.uniform(0.15, 0.5)
    return _said(
        flags, _mfu(flags) * (1 - idle), drawn, gpu_utilisation=f"{1 - idle:.4f}", loader_wait="0.01", loader_workers=8
    )


def kernel_launch(flags: Flags, drawn: random.Random) -> Flags | None:
    """A small model, small batches, eager."""
    small = drawn.choice(("llama-3.2-1b", "gpt2", "gpt2-medium", "qwen3-0.6b", "gpt2-large"))
    run = {
        "model": small,
        "hardware": flags["hardware"],
        "devices": drawn.choice((1, 8)),
        "seq_len": drawn.choice((256, 512)),
        "zero": 0,
        "micro_batch": drawn.choice((1, 2)),
        "stack": "generic",
    }
    from mfu_planner.diagnosis.bench import eager_tuning

    point = Bench({**run, "recompute": "none"}, eager_tuning("generic")).base
    if point.parts["launch"] < 0.35 * point.per_token:
        return None
    return _said({**run, "recompute": "none", "eager": True}, point.mfu, drawn)


def communication(flags: Flags, drawn: random.Random) -> Flags | None:
    """Tensor parallelism across nodes, sharding at a batch of one, or a network slower than the catalogue's."""
    kind = drawn.choice(("tensor", "network", "small"))
    flags = _with_stack(flags)
    if kind == "tensor":
        if flags["devices"] < 32 or flags.get("pp"):
            return None
        flags |= {"tp": 16, "zero": 1, "stack": "megatron-2024", "micro_batch": 1, "global_batch": 256}
        return _said(flags, _mfu(flags), drawn)
    if flags["devices"] < 16:
        return None
    if kind == "small":
        if flags.get("zero") != 3:
            return None
        flags |= {"micro_batch": 1, "seq_len": 1024, "global_batch": flags["devices"]}
        slow = Change("slow", constants={NETWORK: 0.15})
    else:
        slow = Change("slow", constants={NETWORK: drawn.uniform(0.05, 0.12)})
    healthy, slowed = _mfu(flags), _mfu(flags, slow)
    if slowed > 0.8 * healthy:
        return None
    return _said(flags, slowed, drawn, gpu_utilisation="0.99", loader_wait="0.005")


def kernels(flags: Flags, drawn: random.Random) -> Flags | None:
    """Unfused attention at long sequences, element-wise work that nothing fuses, or full precision."""
    from mfu_planner.diagnosis.bench import eager_tuning

    flags = _with_stack(flags)
    kind = drawn.choice(("attention", "eager", "format"))
    if kind == "attention":
        flags["attention_kernel"] = "unfused"
        return _said(flags, _mfu(flags), drawn)
    if kind == "format":
        flags["dtype"] = drawn.choice(("tf32", "fp32"))
        return _said(flags, _mfu(flags), drawn) if _mfu(flags) < 0.9 else None
    del flags["compile"]
    flags["stack"] = "torchtitan-2025"
    if flags.get("pp"):
        return None
    return _said({**flags, "eager": True}, _mfu(flags, eager_tuning(flags["stack"])), drawn)


def pipeline_bubble(flags: Flags, drawn: random.Random) -> Flags | None:
    """Too few micro-batches for the stages."""
    if not flags.get("pp"):
        return None
    flags = _with_stack(flags)
    dp = flags["devices"] // (flags["tp"] * flags["pp"])
    flags |= {"vpp": 1, "global_batch": dp * flags["pp"] * drawn.choice((1, 2))}
    return _said(flags, _mfu(flags), drawn)


def recomputation(flags: Flags, drawn: random.Random) -> Flags:
    """Everything is computed twice although it fits."""
    flags = {**_with_stack(flags), "recompute": "full"}
    return _said(flags, _mfu(flags), drawn)


def stragglers(flags: Flags, drawn: random.Random) -> Flags:
    """One rank computes slower; the user compared the ranks."""
    flags = _with_stack(flags)
    slower = drawn.uniform(1.12, 1.6)
    return _said(flags, _mfu(flags) / slower, drawn, slowest_rank=f"{slower:.4f}")


WORSENED = {
    "data-loading": data_loading,
    "cpu": cpu,
    "kernel-launch": kernel_launch,
    "communication": communication,
    "kernels": kernels,
    "pipeline-bubble": pipeline_bubble,
    "recomputation": recomputation,
    "stragglers": stragglers,
}
"""Cause → how a healthy run is made worse."""
