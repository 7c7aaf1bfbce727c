"""``read_trace``: files in, one report out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mfu_planner.errors import InputError, NoAnswer, nearest

if TYPE_CHECKING:
    from .ranks import Collectives
    from .report import Kernel, Rank, Step, TraceReport

_WINDOWS = ("gpu", "steps")
_SUFFIXES = (".json", ".json.gz")


class _One(NamedTuple):
    """What one file gave."""

    ranks: list[Rank]
    steps: list[Step]
    kernels: list[Kernel]
    collectives: list[Collectives]
    copied: dict[str, float]
    step_time_s: float | None
    world_size: int | None
    backend: str | None
    events: int
    resolution_s: float
    whole_us: bool
    stacks: int
    warnings: list[str]


def read_trace(
    files: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    window: str = "gpu",
    step: str | int | None = None,
    top: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
    **flags: Any,
) -> TraceReport:
    """Where the time of one profiler trace, or of several ranks' traces, went.

    Parameters
    ----------
    files
        Chrome traces of torch.profiler, plain or gzipped; ``-`` is standard input; a folder stands for its ``.json`` and
        ``.json.gz`` files.  Each file is one rank.
    window
        ``gpu``: from the first to the last device activity.  ``steps``: from the start of the first profiler step to the
        end of the last, on the host's clock.
    step
        A step's number (``5``) or a range (``5:8``), in place of ``window``.
    top
        Kernels reported per class.
    progress
        Called with file, bytes read, bytes in all.
    **flags
        Those of ``mfu-planner mfu`` (``model``, ``config``, ``global_batch``, ``seq_len``, ``hardware``, ``devices``, …): with
        a model and a batch the report has the MFU and a waterfall.

    Returns
    -------
    TraceReport
        Frozen, SI units; several ranks are averaged and also listed.

    Raises
    ------
    InputError
        A file cannot be read or is no trace; a flag makes no sense.
    NoAnswer
        The trace holds no device activity, or not the step asked for.
    """
    chosen = _window(window, step)
    if not 0 <= top <= 1000:
        raise InputError("top", top, "a number of kernels per class, 0 to 1000")
    paths = _paths(files)
    parts = [_read_one(path, chosen, top, progress) for path in paths]
    return _report(paths, parts, chosen, flags)


def _window(window: str, step: str | int | None) -> str | tuple[int, int]:
    if step is None:
        if window not in _WINDOWS:
            raise InputError("window", window, " or ".join(_WINDOWS), nearest(window, _WINDOWS))
        return window
    found = re.fullmatch(r"\s*(\d{1,9})\s*(?:[:-]\s*(\d{1,9})\s*)?", str(step))
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise InputError("step", step, "a profiler step such as 5, or a range such as 5:8")
    return int(found[1]), int(found[2] or found[1])


def _paths(files: str | PathLike[str] | Sequence[str | PathLike[str]]) -> tuple[str, ...]:
    listed = [files] if isinstance(files, str | PathLike) else list(files)
    if not listed:
        raise InputError("file", "nothing", "one or more trace files")
    paths: list[str] = []
    for entry in listed:
        path = fspath(entry)
        if path != "-" and Path(path).is_dir():
            inside = sorted(str(p) for p in Path(path).iterdir() if p.name.endswith(_SUFFIXES))
            if not inside:
                raise InputError("file", path, f"a folder with {' or '.join(_SUFFIXES)} files")
            paths += inside
        else:
            paths.append(path)
    return tuple(paths)


def _read_one(
    path: str, chosen: str | tuple[int, int], top: int, progress: Callable[[str, int, int], None] | None
) -> _One:
    from .analyse import analyse, devices, steps, top_kernels, window
    from .origin import device_name, origin
    from .ranks import collectives
    from .scan import TraceScanner
    from .source import TraceText
    from .timeline import Timeline

    text = TraceText(path, (lambda done, total: progress(path, done, total)) if progress else None)
    scanner = TraceScanner(text, path)
    timeline = Timeline()
    timeline.read(scanner.events())
    found = devices(timeline)
    if not found:
        raise NoAnswer(_nothing(path, timeline))
    stated = origin(scanner.metadata, path)
    ranks, per_step, kernels, matched = [], [], [], []
    for device in found:
        name = device_name(stated, device.name)
        borders = window(device, timeline, chosen)
        ranks.append(analyse(device, timeline, borders, file=path, rank=stated.rank, device_name=name))
        per_step += steps(device, timeline, stated.rank)
        kernels += top_kernels(device, timeline, borders, top)
        matched.append(collectives(device, timeline))
    warnings = _warnings(path, text, scanner, timeline)
    if len(found) > 1:
        warnings.append(f"{path}: {len(found)} devices in one trace: averaged, and listed one by one")
    if all(r.device is None for r in ranks):
        warnings.append(f"{path}: the trace does not name its device")
    if stated.world_size is None:
        warnings.append(f"{path}: the trace does not state a world size")
    return _One(
        ranks=ranks,
        steps=per_step,
        kernels=kernels,
        collectives=matched,
        copied=dict(timeline.copied),
        step_time_s=timeline.mean_step_us and timeline.mean_step_us * 1e-6,
        world_size=stated.world_size,
        backend=stated.backend,
        events=timeline.events + scanner.unread.total(),
        resolution_s=timeline.resolution_us * 1e-6,
        whole_us=timeline.whole_microseconds,
        stacks=scanner.unread["python_function"],
        warnings=warnings,
    )


def _nothing(path: str, timeline: Any) -> str:
    if timeline.events == 0:
        return f"{path}: the trace holds no events"
    host = timeline.host_spans or len(timeline.call_start)
    why = "host events only: profile with ProfilerActivity.CUDA" if host else "is it a torch.profiler trace of a GPU?"
    return f"{path}: no device activity (kernels, copies) among {timeline.events:,} events; {why}"


def _warnings(path: str, text: Any, scanner: Any, timeline: Any) -> list[str]:
    found = []
    if text.truncated or scanner.truncated:
        found.append(f"{path}: the file is truncated; what stands before the cut was measured")
    if scanner.skipped:
        found.append(f"{path}: {scanner.skipped} malformed event(s) were skipped")
    if timeline.odd:
        found.append(f"{path}: {timeline.odd} event(s) without usable times were left out")
    if text.damaged_text:
        found.append(f"{path}: bytes that are not UTF-8 were replaced")
    linked = timeline.linked_share
    if linked < 0.5:
        found.append(
            f"{path}: {linked:.0%} of the device activities have their host call in the trace: the rest's idle causes are unexplained"
        )
    return found


def _report(paths: tuple[str, ...], parts: list[_One], chosen: str | tuple[int, int], flags: dict[str, Any]) -> TraceReport:
    from .efficiency import efficiency, waterfall
    from .findings import findings
    from .ranks import straggler
    from .report import TraceReport

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

    measured, parts_of_step = None, []
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
        memcpy=_average([part.copied for part in parts]),
        device=device,
        world_size=world_size,
        backend=next((part.backend for part in parts if part.backend), None),
        step_time_s=step_time_s,
        steps=tuple(s for part in parts for s in part.steps),
        kernels=tuple(parts[0].kernels),
        ranks=tuple(ranks),
        straggler=last,
        mfu=measured.mfu if measured else None,
        peak_flops_per_s=measured.peak_flops_per_s if measured else None,
        flops_per_token=measured.flops_per_token if measured else None,
        convention=measured.convention if measured else None,
        tokens_per_s_per_device=measured.tokens_per_s_per_device if measured else None,
        waterfall=tuple(parts_of_step),
        events=sum(part.events for part in parts),
        clock_resolution_s=max(part.resolution_s for part in parts),
        findings=tuple(
            findings(
                mean,
                ranks,
                last,
                whole_us=all(part.whole_us for part in parts),
                stacks=sum(part.stacks for part in parts),
            )
        ),
        warnings=tuple(warnings),
    )


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


def _words(chosen: str | tuple[int, int]) -> str:
    if chosen == "gpu":
        return "first to last device activity"
    if chosen == "steps":
        return "first to last profiler step, on the host's clock"
    first, last = chosen
    return f"profiler step {first}" if first == last else f"profiler steps {first} to {last}"
