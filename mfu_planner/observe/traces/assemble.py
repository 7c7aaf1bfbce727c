"""From what each file gave to the one report: means over the ranks, MFU, findings."""

from __future__ import annotations

from typing import Any, NamedTuple

from mfu_planner.errors import InputError

from .efficiency import Efficiency, efficiency, waterfall
from .findings import findings, late
from .ranks import Collectives, straggler
from .report import Kernel, Rank, TraceFinding, TraceReport, TraceStep, Waterfall

Window = str | tuple[int, int]
"""``gpu``, ``steps``, or the first and last step of a range."""


class FilePart(NamedTuple):
    """What one file gave."""

    ranks: list[Rank]
    steps: list[TraceStep]
    kernels: list[Kernel]
    collectives: list[Collectives]
    copied: list[dict[str, float]]
    step_time_s: float | None
    world_size: int | None
    backend: str | None
    events: int
    resolution_s: float
    whole_us: bool
    stacks: int
    warnings: list[str]


def assemble(paths: tuple[str, ...], parts: list[FilePart], chosen: Window, flags: dict[str, Any]) -> TraceReport:
    """One report of all files; the MFU where the flags name a model.

    Raises
    ------
    InputError, NoAnswer
        From :func:`.efficiency.efficiency`.
    """
    ranks = [rank for part in parts for rank in part.ranks]
    warnings = [w for part in parts for w in part.warnings]
    last = straggler(ranks, [c for part in parts for c in part.collectives])
    mean = _mean(ranks)
    worlds = {part.world_size for part in parts if part.world_size is not None}
    names = {rank.device for rank in ranks if rank.device is not None}
    if len(worlds) > 1:
        warnings.append(f"the traces state different world sizes: {', '.join(map(str, sorted(worlds)))}")
    if len(names) > 1:
        warnings.append(f"the traces are of different devices: {', '.join(sorted(names))}")
    device = min(names) if len(names) == 1 else None
    world_size = worlds.pop() if len(worlds) == 1 else None
    timed = [part.step_time_s for part in parts if part.step_time_s]
    step_time_s = sum(timed) / len(timed) if timed else None

    measured: Efficiency | None = None
    parts_of_step: list[Waterfall] = []
    if flags.get("model") or flags.get("config") or flags.get("params"):
        measured, notes = efficiency(step_time_s, device, world_size, flags)
        warnings += [*measured.warnings, *notes]
        if step_time_s is not None:
            parts_of_step = waterfall(step_time_s, measured.mfu, mean["breakdown"], mean["idle"], mean["window_s"])
    elif flags.get("global_batch"):
        raise InputError("model", "nothing", "--model, --config or --params beside --global-batch, for the MFU")

    return TraceReport(
        files=paths,
        window=_words(chosen),
        **mean,
        overlap=1 - mean["exposed_communication_s"] / mean["communication_s"] if mean["communication_s"] else None,
        memcpy=_average([table for part in parts for table in part.copied]),
        device=device,
        world_size=world_size,
        backend=next((part.backend for part in parts if part.backend), None),
        step_time_s=step_time_s,
        steps=tuple(s for part in parts for s in part.steps),
        kernels=tuple(parts[0].kernels),
        ranks=tuple(ranks),
        straggler=last,
        late_rank=late(last, mean["window_s"]),
        mfu=measured.mfu if measured else None,
        peak_flops_per_s=measured.peak_flops_per_s if measured else None,
        flops_per_token=measured.flops_per_token if measured else None,
        convention=measured.convention if measured else None,
        tokens_per_s_per_device=measured.tokens_per_s_per_device if measured else None,
        waterfall=tuple(parts_of_step),
        events=sum(part.events for part in parts),
        clock_resolution_s=max(part.resolution_s for part in parts),
        findings=(
            *(_of_the_number(measured) if measured else ()),
            *findings(
                mean,
                ranks,
                last,
                whole_us=all(part.whole_us for part in parts),
                stacks=sum(part.stacks for part in parts),
            ),
        ),
        warnings=tuple(warnings),
    )


def _of_the_number(measured: Efficiency) -> list[TraceFinding]:
    """What makes the MFU itself doubtful: above 100%, the first of a trace's findings."""
    doubts = [f for f in measured.findings if f.severity == "error"]
    return [
        TraceFinding(code=f.code, severity="error", message=f.message, evidence={"mfu": measured.mfu}) for f in doubts
    ]


def _mean(ranks: list[Rank]) -> dict[str, Any]:
    fields = ("window_s", "busy_s", "compute_s", "communication_s", "exposed_communication_s", "idle_s")
    mean: dict[str, Any] = {name: sum(getattr(r, name) for r in ranks) / len(ranks) for name in fields}
    mean["exposed_memory_s"] = sum(r.memory_s for r in ranks) / len(ranks)
    mean["idle"] = _average([r.idle for r in ranks])
    mean["breakdown"] = _average([r.breakdown for r in ranks])
    return mean


def _average(tables: list[dict[str, float]]) -> dict[str, float]:
    keys = dict.fromkeys(key for table in tables for key in table)
    return {key: sum(table.get(key, 0.0) for table in tables) / len(tables) for key in keys}


def _words(chosen: Window) -> str:
    if isinstance(chosen, str):
        return (
            "first to last device activity" if chosen == "gpu" else "first to last profiler step, on the host's clock"
        )
    first, last = chosen
    return f"profiler step {first}" if first == last else f"profiler steps {first} to {last}"
