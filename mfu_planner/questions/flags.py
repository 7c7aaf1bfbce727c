"""Reading single flags: whole numbers, shares, rates, stages."""

from __future__ import annotations

from typing import Any

from mfu_planner.errors import InputError

ZERO_STAGES = (0, 1, 2, 3)
_MOST_SEQUENCES = 2**40
"""No step has more: a guard against garbled input."""


def whole(given: dict[str, Any], name: str, default: int | None = None) -> int | None:
    """A flag as a whole number of at least one."""
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    from mfu_planner.units import parse_whole

    number: int = parse_whole(value, "count", field=name.replace("_", "-"))
    if number < 1:
        raise InputError(name.replace("_", "-"), value, "a whole number of at least 1")
    return number


def batch_of(s: Any, default: int | None = None) -> int:
    """Sequences of the global batch."""
    batch: int | None = s.global_batch
    if batch is None and s.global_batch_tokens is not None:
        batch = max(1, round(float(s.global_batch_tokens) / int(s.seq_len)))
    if batch is not None and batch > _MOST_SEQUENCES:
        raise InputError("global-batch", batch, f"at most {_MOST_SEQUENCES:,} sequences")
    if batch is not None:
        return batch
    if default is not None:
        return default
    raise InputError("global-batch", "nothing", "sequences per step, such as --global-batch 1024, or '4M tokens'")


def recompute_share(value: Any, recompute: str) -> float | None:
    """Share of the layers that are recomputed in full: all of them unless said otherwise."""
    if recompute != "full":
        if value is not None:
            raise InputError("recompute-share", value, "nothing: it belongs to --recompute full")
        return None
    from mfu_planner.units import parse

    return 1.0 if value is None else parse(value, "fraction", field="recompute-share")


def whole_zero(value: Any) -> int:
    """ZeRO stage: 0, 1, 2 or 3."""
    try:
        stage = int(value)
    except (TypeError, ValueError, OverflowError):
        stage = -1
    if stage not in ZERO_STAGES:
        raise InputError("zero", value, "0, 1, 2 or 3")
    return stage
