"""What a published run states of its result: the time of a step, the peak of its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.run import solve

if TYPE_CHECKING:
    from mfu_planner.backtesting.case import RowCase
    from mfu_planner.backtesting.runs import RunRow


def published_step_time(row: RunRow, case: RowCase) -> float | None:
    """Seconds per step that the source states or implies; None where it gives no time and no rate."""
    seconds, rate = row.number("step_time_s"), row.number("tokens_per_s_per_device")
    if seconds is not None:
        return seconds
    known = {
        "tokens_per_step": case.request.global_batch * case.request.seq_len,
        "devices": row.number("num_devices") or case.request.devices,
    }
    more = _from_flops(row, case) if rate is None else {"tokens_per_s_per_device": rate}
    found: float | None = solve({**known, **more}, ["step_time_s"]).get("step_time_s")
    return found


def _from_flops(row: RunRow, case: RowCase) -> dict[str, float]:
    """Work, peak and utilisation from a printed TFLOP/s, MFU or HFU by the convention of its source."""
    from mfu_planner.backtesting.mfu import (
        flops_per_token,
        peak_tflops,
        published_percent,
        recompute_counted,
        stated_params,
    )
    from mfu_planner.backtesting.runs import Unusable
    from mfu_planner.backtesting.sources import load_sources, rule_of
    from mfu_planner.counting.conventions import convention

    if not any(row.number(name) for name in ("tflops_per_device_reported", "mfu_reported", "hfu_reported")):
        return {}
    rule, _ = rule_of(row, load_sources())
    if rule is None or rule.convention is None:
        return {}
    try:
        peak, _ = peak_tflops(row, rule)
    except Unusable:
        return {}
    chosen = convention(rule.convention, **rule.switches)
    per_token = flops_per_token(
        chosen,
        case.architecture,
        case.request.seq_len,
        stated=stated_params(row, rule),
        tensor_parallel=int(case.layout.tp),
        recompute=recompute_counted(row, rule),
    )
    percent, _ = published_percent(row, peak)
    return {"flops_per_token": per_token, "mfu": percent / 100.0, "peak_flops_per_s": peak * 1e12}


def stated_memory(row: RunRow) -> float | None:
    """Peak memory that the source states [byte]; allocator figures are GiB, whatever unit is printed beside them.

    None where blank.  Every source on file prints what ``torch.cuda`` or ``nvidia-smi`` counts in units of 2^30 byte.
    """
    value = row.number("mem_gb_reported")
    return None if value is None else value * 2.0**30
