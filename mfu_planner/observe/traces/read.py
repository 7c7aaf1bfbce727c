"""``read_trace``: files in, one report out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.questions.evidence import TraceQuestion

if TYPE_CHECKING:
    from .assemble import FilePart, Window
    from .nsys import NsysScanner
    from .report import TraceReport
    from .scan import TraceScanner
    from .source import TraceText
    from .timeline import Timeline
    from .xplane import XplaneScanner

_MOST_KERNELS = 1000
_SUFFIXES = (".json", ".json.gz", ".sqlite")
_ASCEND = "trace_view.json"
"""The trace of an Ascend profile, beside its tables."""


def read_trace(
    files: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    window: str = "gpu",
    step: str | int | None = None,
    top: int = 5,
    progress: Callable[[str, int, int], None] | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    **flags: Any,
) -> TraceReport:
    """Where the time of one profiler trace, or of several ranks' traces, went.

    Parameters
    ----------
    files
        Chrome traces of torch.profiler or of an XLA program (JAX), plain or gzipped; ``-`` is standard input; a folder
        stands for its ``.json`` and ``.json.gz`` files, or for the newest profile that JAX left in it, or for the
        ``trace_view.json`` of Ascend profiles; ``.xplane.pb`` of JAX; SQLite exports of Nsight Systems.  Each file is
        one rank.
    window
        ``gpu``: from the first to the last device activity.  ``steps``: from the start of the first profiler step to
        the end of the last, on the host's clock.
    step
        A step's number (``5``) or a range (``5:8``), in place of ``window``.
    top
        Kernels reported per class.
    progress
        Called with file, bytes read, bytes in all; files read by other processes report nothing.
    jobs, scheduler
        Processes for many ranks, or the address of a Dask scheduler (:func:`.spread.spread`).
    **flags
        Those of ``mfu-planner mfu`` (``model``, ``config``, ``global_batch``, ``seq_len``, ``hardware``, ``devices``,
        …): with a model and a batch the report has the MFU and a waterfall.

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
    from .assemble import assemble
    from .spread import processes, spread

    asked = TraceQuestion.of({"window": window, "step": step, "top": top, "jobs": jobs})
    chosen, top = _window(asked.window, step), asked.top
    if top > _MOST_KERNELS:
        raise InputError("top", top, f"a number of kernels per class, 0 to {_MOST_KERNELS}")
    paths = _paths(files)
    count = processes(paths, asked.jobs)
    here = progress if count == 1 and scheduler is None else None
    read = partial(_read_one, chosen=chosen, top=top, progress=here)
    return assemble(paths, list(spread(read, paths, count, scheduler)), chosen, flags)


def _window(window: str, step: str | int | None) -> Window:
    if step is None:
        return window
    found = re.fullmatch(r"\s*(\d{1,9})\s*(?:[:-]\s*(\d{1,9})\s*)?", str(step))
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise InputError("step", step, "a profiler step such as 5, or a range such as 5:8")
    return int(found[1]), int(found[2] or found[1])


def _paths(files: str | PathLike[str] | Sequence[str | PathLike[str]]) -> tuple[str, ...]:
    if not isinstance(files, str | PathLike | Sequence):
        raise InputError("trace", files, "the path of a trace file, or a list of them")
    listed = [files] if isinstance(files, str | PathLike) else list(files)
    if not listed:
        raise InputError("file", "nothing", "one or more trace files")
    paths: list[str] = []
    for entry in listed:
        path = fspath(entry)
        if path != "-" and Path(path).is_dir():
            paths += _inside(Path(path))
        elif path.endswith((".csv", ".db")) and (view := Path(path).with_name(_ASCEND)).is_file():
            paths.append(str(view))  # tables of the same Ascend profile: the trace has every task's time
        elif path.endswith((".nsys-rep", ".qdrep")):
            raise InputError("file", path, "its SQLite export: nsys export --type sqlite FILE")
        else:
            paths.append(path)
    return tuple(paths)


def _inside(folder: Path) -> list[str]:
    """The traces of a folder; where it holds none, those of the newest profile that JAX wrote below it."""
    try:
        inside = sorted(str(p) for p in folder.iterdir() if p.name.endswith(_SUFFIXES))
        profiles = sorted({p.parent for p in folder.glob("plugins/profile/*/*.trace.json.gz")})
        ascend = sorted(str(p) for p in folder.glob(f"*_ascend_pt/ASCEND_PROFILER_OUTPUT/{_ASCEND}"))
        ascend += sorted(str(p) for p in folder.glob(f"ASCEND_PROFILER_OUTPUT/{_ASCEND}"))
    except OSError as error:
        raise InputError("file", str(folder), f"a readable folder ({error.strerror})") from None
    found = inside or ascend or (sorted(str(p) for p in profiles[-1].glob("*.trace.json.gz")) if profiles else [])
    if not found:
        raise InputError("file", str(folder), f"a folder with {', '.join(_SUFFIXES)} files")
    return found


def _read_one(path: str, chosen: Window, top: int, progress: Callable[[str, int, int], None] | None) -> FilePart:
    from .analyse import analyse, copies, devices, steps, top_kernels, window
    from .ascend import AscendEvents
    from .assemble import FilePart
    from .nsys import NsysScanner, is_export
    from .origin import STATED, device_name, origin
    from .ranks import collectives
    from .scan import TraceScanner
    from .source import TraceText
    from .timeline import Timeline
    from .xla import XlaEvents
    from .xplane import XplaneScanner

    text = TraceText(path, (lambda done, total: progress(path, done, total)) if progress else None)
    scanner: TraceScanner | NsysScanner | XplaneScanner
    if path.endswith(".xplane.pb"):
        scanner = XplaneScanner(path)
    else:
        scanner = NsysScanner(path) if is_export(path) else TraceScanner(text, path, keep=STATED)
    events = XlaEvents(AscendEvents(scanner.events()))
    timeline = Timeline()
    timeline.read(events)
    found = devices(timeline)
    if not found:
        raise NoAnswer(_nothing(path, timeline, xla=events.found))
    stated = origin(scanner.metadata, path)
    ranks, per_step, kernels, matched, copied = [], [], [], [], []
    for device in found:
        name = device_name(stated, device.name)
        borders = window(device, timeline, chosen)
        ranks.append(analyse(device, timeline, borders, file=path, rank=stated.rank, device_name=name))
        per_step += steps(device, timeline, stated.rank)
        kernels += top_kernels(device, timeline, borders, top)
        matched.append(collectives(device, timeline))
        copied.append(copies(device, timeline, borders))
    shown = Path(path).name
    warnings = _warnings(shown, text, scanner, timeline)
    if len(found) > 1:
        warnings.append(f"{shown}: {len(found)} devices in one trace: averaged, and listed one by one")
    if all(r.device is None for r in ranks):
        warnings.append(f"{shown}: the trace does not name its device")
    if stated.world_size is None:
        warnings.append(f"{shown}: the trace does not state a world size")
    return FilePart(
        ranks=ranks,
        steps=per_step,
        kernels=kernels,
        collectives=matched,
        copied=copied,
        step_time_s=timeline.mean_step_us and timeline.mean_step_us * 1e-6,
        world_size=stated.world_size,
        backend=stated.backend,
        events=timeline.events + scanner.unread.total(),
        resolution_s=timeline.resolution_us * 1e-6,
        whole_us=timeline.whole_microseconds,
        stacks=scanner.unread["python_function"] + timeline.frames,
        warnings=warnings,
    )


def _nothing(path: str, timeline: Timeline, *, xla: bool) -> str:
    if timeline.events == 0:
        return f"{path}: the trace holds no events"
    host = timeline.host_spans or len(timeline.call_start)
    if xla:
        why = "an XLA program with rows of the host alone: a run on the CPU, or one whose device was not traced"
    elif host:
        why = "rows of the host alone: a run on the CPU, or one profiled without its device's activity (CUDA, XPU)"
    else:
        why = "neither a torch.profiler nor an XLA trace of an accelerator"
    return f"{path}: no device activity (kernels, copies) among {timeline.events:,} events; {why}"


def _warnings(
    name: str, text: TraceText, scanner: TraceScanner | NsysScanner | XplaneScanner, timeline: Timeline
) -> list[str]:
    found = []
    if text.truncated or scanner.truncated:
        found.append(f"{name}: the file is truncated; what stands before the cut was measured")
    if scanner.skipped:
        found.append(f"{name}: {scanner.skipped} malformed event(s) were skipped")
    if timeline.odd:
        found.append(f"{name}: {timeline.odd} event(s) without usable times were left out")
    if text.damaged_text:
        found.append(f"{name}: bytes that are not UTF-8 were replaced")
    linked = timeline.linked_share
    if linked < 0.5:
        found.append(
            f"{name}: {linked:.0%} of the device activities have their host call in the trace: "
            "the idle causes of the rest are unexplained"
        )
    return found
