"""Phases of a step of reinforcement learning: seconds, tokens, model FLOPs and MFU of each, and of the whole step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfu_planner.observe.logs.dialects.reinforcement import FORWARD_ONLY, TRAINING
from mfu_planner.observe.logs.quantities import Quantities
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.report import Phase
from mfu_planner.run import solve

#: A training step is a forward pass and two backward ones.
_PASSES = 3
_PARTLY_TRAINED = ("lora_rank", "freeze")


def phases(
    log: Reading,
    q: Quantities,
    seconds: Mapping[str, float],
    computed: Mapping[str, Any],
    stated: Mapping[str, float],
    given: Mapping[str, Any],
) -> tuple[Phase, ...]:
    """Each named phase; FLOPs where the policy runs over all tokens of the step and the planner knows the model."""
    step, tokens, work = q.value("step_time_s"), q.value("tokens_per_step"), computed.get("flops_per_token")
    held = {"devices": q.value("devices"), "peak_flops_per_s": computed.get("peak_flops_per_s")}
    out = []
    for name, each in seconds.items():
        through = tokens if name in (TRAINING, *FORWARD_ONLY) else None
        flops = _work(name, work, given)
        known = {"flops_per_token": flops, "tokens_per_step": through, "step_time_s": each, **held}
        out.append(
            Phase(
                name=name,
                seconds_per_step=each,
                share=each / step if step else None,
                tokens_per_step=through,
                model_flops_per_token=flops,
                mfu=_mfu(known),
                reported_mfu=stated.get("mfu") if name == TRAINING and log.phase_mfu else None,
            )
        )
    return tuple(out)


def _work(name: str, training: float | None, given: Mapping[str, Any]) -> float | None:
    if training is None:
        return None
    if name == TRAINING:
        return float(training)
    partly = any(given.get(k) for k in _PARTLY_TRAINED)
    return float(training) / _PASSES if name in FORWARD_ONLY and not partly else None


def of_the_step(found: tuple[Phase, ...], q: Quantities, peak: float | None) -> float | None:
    """MFU of the whole step: the model FLOPs of all its phases ÷ what the devices could do in it."""
    done = [p.tokens_per_step * p.model_flops_per_token for p in found if p.tokens_per_step and p.model_flops_per_token]
    known = {"total_flops": sum(done), "productive_time_s": q.value("step_time_s"), "devices": q.value("devices")}
    return _mfu({**known, "peak_flops_per_s": peak})


def _mfu(known: Mapping[str, float | None]) -> float | None:
    """From quantities that determine it; None where one of them is missing."""
    positive = all(value is not None and value > 0 for value in known.values())
    return float(solve(known, ["mfu"])["mfu"]) if positive else None
