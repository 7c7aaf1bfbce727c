"""What the flags of a run say together, by arithmetic: padding, the format that is computed in, what a day costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfu_planner.answers.measure import Measurement

PADDED = 0.02
"""Tokens of a batch that a rate misses from which they are called padding."""


def computed_format(given: dict[str, Any], warnings: list[str]) -> None:
    """A 16-bit format that the device's matrix units do not know is computed in 32 bits."""
    from mfu_planner.hardware import dtype_key, resolve

    if "dtype" not in given or "hardware" not in given or "peak" in given:
        return
    asked, accelerator = dtype_key(str(given["dtype"])), resolve(given["hardware"])
    if asked in ("bf16", "tf32") and asked not in accelerator.peak and "fp32" in accelerator.peak:
        given["dtype"] = "fp32"
        warnings.append(
            f"{accelerator.name} has no matrix units for {asked}: it is computed at the rate of fp32, on whose peak "
            "every figure here stands"
        )


def padding_of(given: dict[str, Any]) -> float:
    """Share of a batch that is padding, where the rate of real tokens and the time of a step both are known."""
    from mfu_planner.questions.evidence import DiagnoseQuestion
    from mfu_planner.questions.model import choose_model

    names = ("tokens_per_second", "tokens_per_second_per_device", "step_time", "global_batch", "seq_len", "devices")
    s = DiagnoseQuestion.of({k: given[k] for k in (*names, "model", "config", "as_type") if k in given})
    rate = s.tokens_per_second
    if rate is None and s.tokens_per_second_per_device is not None and s.devices is not None:
        rate = s.tokens_per_second_per_device * s.devices
    if rate is None or s.step_time is None or s.global_batch is None or not (s.model or s.config):
        return 0.0
    length = s.seq_len or choose_model(model=s.model, config=s.config, as_type=s.as_type).seq_len
    share = 1.0 - rate * s.step_time / (s.global_batch * length) if length else 0.0
    return share if share > PADDED else 0.0


def usd_per_day(flags: dict[str, Any], found: Measurement) -> float | None:
    """What all of the job's devices cost a day; none without a price."""
    from mfu_planner.answers.costs import price_for
    from mfu_planner.hardware import resolve
    from mfu_planner.questions.runs import MeasureQuestion
    from mfu_planner.units import DAY, HOUR

    s = MeasureQuestion.of(flags)
    if s.hardware is None or found.devices is None:
        return None
    known = {"provider": s.provider, "term": s.term, "region": s.region, "as_of": s.as_of, "machine": s.hardware}
    price = price_for(resolve(s.hardware).id, given=s.price, **known).usd_per_device_hour
    return None if price is None else price * found.devices * DAY / HOUR
