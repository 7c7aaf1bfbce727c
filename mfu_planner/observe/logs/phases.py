"""Phases of a step of reinforcement learning: seconds, tokens, model FLOPs and MFU of each, and of the whole step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfu_planner.observe.logs.dialects.reinforcement import FORWARD_ONLY, TRAINING
from mfu_planner.observe.logs.quantities import Quantities
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.report import Phase

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
    step, tokens, devices = q.value("step_time_s"), q.value("tokens_per_step"), q.value("devices")
    work, peak = computed.get("flops_per_token"), computed.get("peak_flops_per_s")
    out = []
    for name, each in seconds.items():
        through = tokens if name in (TRAINING, *FORWARD_ONLY) else None
        flops = _work(name, work, given)
        known = through and flops and each > 0 and devices and peak
        out.append(
            Phase(
                name=name,
                seconds_per_step=each,
                share=each / step if step else None,
                tokens_per_step=through,
                model_flops_per_token=flops,
                mfu=through * flops / (each * devices * peak) if known else None,  # type: ignore[operator]
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
    step, devices = q.value("step_time_s"), q.value("devices")
    done = [p.tokens_per_step * p.model_flops_per_token for p in found if p.tokens_per_step and p.model_flops_per_token]
    if not done or not step or not devices or not peak:
        return None
    return sum(done) / (step * devices * peak)
