"""The events of one trace, reduced to the columns that the analysis needs.

Times stay in microseconds as float64, as the trace states them: rounding them to integers would invent idle time
between kernels.  Per device activity a row of seven numbers is kept, so that a trace of 1 GB leaves some tens of
megabytes.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from .classes import CLASSES, classify

_DEVICE_KINDS = {
    "kernel": "kernel",
    "gpu_memcpy": "memcpy",
    "memcpy": "memcpy",
    "gpu_memset": "memset",
    "memset": "memset",
    "concurrent_kernel": "kernel",
    "mtia_ccp_events": "kernel",
    "hpu_op": "kernel",
}
_HOST_CALLS = {
    "cuda_runtime",
    "cuda_driver",
    "runtime",
    "driver",
    "hip_runtime",
    "xpu_runtime",
    "privateuse1_runtime",
    "mtia_runtime",
    "xpu_driver",
}
_HOST_SPANS = {"user_annotation", "cpu_op", "operator"}

_CALL = re.compile(
    r"(?P<sync>(?:Device|Stream|Event|Ctx)Synchronize)"
    r"|(?P<wait>StreamWaitEvent)"
    r"|(?P<allocation>^(?:cuda|hip|cu)(?:Malloc|Free|MemAlloc|MemFree|HostAlloc|HostMalloc|FreeHost|HostFree|HostRegister"
    r"|MemCreate|MemMap|MemUnmap|MemRelease|MemSetAccess)(?!\w*Async))"
    r"|(?P<copy>Memcpy|Memset)"
    r"|(?P<launch>Launch|Enqueue)",
    re.IGNORECASE,
)
_LATEST_US = 1e18
"""No trace begins later or has a longer event: 30,000 years."""
CALL_KINDS = ("launch", "copy", "sync", "wait", "allocation")
"""Host calls that matter, by what they do; queries and attribute look-ups are dropped."""

_LOADER = re.compile(
    r"^enumerate\(DataLoader\)|DataLoader\w*\.__next__"
    r"|(?:^|[^a-z])(?:next|get|fetch|load|read|wait)[_ ]?(?:for[_ ]?)?(?:data[_ ]?)?"
    r"(?:batch|sample|minibatch|data)(?:es|s)?(?:$|[^a-z])"
    r"|data[_ ]?(?:load(?:er|ing)?|fetch(?:ing)?|wait|time)(?:$|[^a-z])"
    r"|next\(\w*(?:iter|loader)\w*\)|input[_ ]?pipeline"
    r"|^[#\s]*data[#\s]*$",
    re.IGNORECASE,
)
_STEP = re.compile(r"^ProfilerStep#?\s*(\d+)")
_NAME_LIMIT = 2000
_NAMES_LIMIT = 20_000


class Timeline:
    """Columns of one trace file; every time is in microseconds.

    Attributes
    ----------
    start, end : array of float
        Device activities (kernels, copies, sets), in file order.
    name, kind : array of int
        Row of :attr:`names`, and index into :data:`.classes.CLASSES`.
    device, stream, correlation : array of int
        Row of :attr:`devices`, the stream's number, and the id that a host call shares (−1: none).
    group : array of int
        Row of :attr:`groups` (what a collective states about itself), −1 for everything else.
    call_start, call_end, call_kind, call_thread, call_correlation
        Host calls of the kinds in :data:`CALL_KINDS`.
    loader : list of (start, end)
        Host spans whose name says that they fetch data.
    steps : dict
        Profiler step number → (start, end) on the host.
    optimizer_steps : list of float
        Starts of ``Optimizer.step`` spans: step borders where the profiler's own are missing.
    odd : int
        Events with unusable values, left out.
    frames : int
        Python frames.
    whole_microseconds : bool
        All device times are integers.
    """

    def __init__(self) -> None:
        self.start, self.end = array("d"), array("d")
        self.name, self.kind, self.device, self.group = array("l"), array("b"), array("h"), array("l")
        self.stream, self.correlation = array("q"), array("q")
        self.call_start, self.call_end = array("d"), array("d")
        self.call_kind, self.call_thread, self.call_correlation = array("b"), array("l"), array("q")
        self.names: list[str] = []
        self.devices: list[object] = []
        self.groups: list[tuple[str, str, str]] = []
        self.loader: list[tuple[float, float]] = []
        self.steps: dict[int, tuple[float, float]] = {}
        self.optimizer_steps: list[float] = []
        self.events = self.odd = self.host_spans = self.frames = 0
        self.whole_microseconds = True
        self._name_ids: dict[tuple[str, str], int] = {}
        self._kind_ids: list[int] = []
        self._device_ids: dict[object, int] = {}
        self._group_ids: dict[tuple[str, str, str], int] = {}
        self._thread_ids: dict[object, int] = {}
        self._call_kinds: dict[str, int] = {}
        self._span_fetches: dict[str, bool] = {}

    def read(self, events: Iterable[Any]) -> None:
        """Take every event in; those with unusable values are counted in :attr:`odd`."""
        device_kinds, calls, spans = dict(_DEVICE_KINDS), set(_HOST_CALLS), set(_HOST_SPANS)
        for event in events:
            self.events += 1
            try:
                if event.get("ph") != "X":
                    continue
                category = event.get("cat", "")
                if category in spans:
                    self._span(event)
                elif category in calls:
                    self._call(event)
                elif category in device_kinds:
                    self._activity(event, device_kinds[category])
                elif category != (lower := category.lower()):
                    if lower in spans:
                        spans.add(category)
                        self._span(event)
                    elif lower in calls:
                        calls.add(category)
                        self._call(event)
                    elif lower in device_kinds:
                        device_kinds[category] = device_kinds[lower]
                        self._activity(event, device_kinds[lower])
                elif category == "python_function":
                    self.frames += 1
            except (TypeError, ValueError, OverflowError, KeyError, AttributeError):
                self.odd += 1

    @property
    def mean_step_us(self) -> float | None:
        """Mean profiler step; without them the mean distance of optimizer steps; None where neither is in the trace."""
        lengths = [end - start for start, end in self.steps.values() if end > start]
        if lengths:
            return sum(lengths) / len(lengths)
        marks = sorted(self.optimizer_steps)
        return (marks[-1] - marks[0]) / (len(marks) - 1) if len(marks) > 1 and marks[-1] > marks[0] else None

    @property
    def resolution_us(self) -> float:
        """The coarsest step of the device times: one for integers, else the spacing of float64 at such times."""
        return 1.0 if self.whole_microseconds else math.ulp(max(map(abs, (self.end[0], self.end[-1]))))

    @property
    def linked_share(self) -> float:
        """Share of the device activities whose host call is in the trace."""
        calls = set(self.call_correlation)
        calls.discard(-1)
        return sum(1 for c in self.correlation if c in calls) / max(1, len(self.correlation))

    def _activity(self, event: dict[str, Any], what: str) -> None:
        start, duration = event["ts"], event.get("dur", 0)
        args = event.get("args") or {}
        if type(start) is not int or type(duration) is not int:
            self.whole_microseconds = False
        begin, finish = _times(event)
        device = args.get("device", event.get("pid"))
        stream = _integer(args.get("stream", event.get("tid")))
        correlation = _integer(args.get("correlation", -1))
        collective = args.get("Collective name") if what == "kernel" else None
        kind = args.get("kind") if what == "kernel" else None
        name = self._name(str(event["name"]), "communication" if collective else kind if kind in CLASSES else what)
        device_id = self._intern(device, self._device_ids, self.devices)
        group = -1
        if collective:
            stated = (
                str(collective),
                str(args.get("Process Group Name", "")),
                str(args.get("Process Group Ranks", "")),
            )
            group = self._intern(stated, self._group_ids, self.groups)
        # Everything that can fail is behind us: a row is written whole or not at all.
        self.start.append(begin)
        self.end.append(finish)
        self.name.append(name)
        self.kind.append(self._kind_ids[name])
        self.device.append(device_id)
        self.stream.append(stream)
        self.correlation.append(correlation)
        self.group.append(group)

    def _call(self, event: dict[str, Any]) -> None:
        name = event["name"]
        kind = self._call_kinds.get(name)
        if kind is None:
            found = _CALL.search(name)
            kind = CALL_KINDS.index(found.lastgroup) if found and found.lastgroup else -1
            if len(self._call_kinds) < _NAMES_LIMIT and len(name) < _NAME_LIMIT:
                self._call_kinds[name] = kind
        if kind < 0:
            return
        begin, finish = _times(event)
        args = event.get("args") or {}
        correlation = _integer(args.get("correlation", -1))
        thread = (event.get("pid"), event.get("tid"))
        thread_id = self._thread_ids.setdefault(thread, len(self._thread_ids))
        self.call_start.append(begin)
        self.call_end.append(finish)
        self.call_kind.append(kind)
        self.call_thread.append(thread_id)
        self.call_correlation.append(correlation)

    def _span(self, event: dict[str, Any]) -> None:
        name = event["name"]
        self.host_spans += 1
        if name.startswith("ProfilerStep") and (found := _STEP.match(name)):
            self.steps.setdefault(int(found[1]), _times(event))
        elif name.startswith("Optimizer.step#"):
            self.optimizer_steps.append(_times(event)[0])
        else:
            fetches = self._span_fetches.get(name)
            if fetches is None:
                fetches = _LOADER.search(name[:200]) is not None
                if len(self._span_fetches) < _NAMES_LIMIT and len(name) < _NAME_LIMIT:
                    self._span_fetches[name] = fetches
            if fetches:
                self.loader.append(_times(event))

    def _name(self, name: str, what: str) -> int:
        name = name[:_NAME_LIMIT]
        found = self._name_ids.get((name, what))
        if found is None:
            if len(self.names) >= _NAMES_LIMIT:
                name = f"(other {what})"
                found = self._name_ids.get((name, what))
                if found is not None:
                    return found
            found = len(self.names)
            self._name_ids[name, what] = found
            self.names.append(name)
            self._kind_ids.append(CLASSES.index(classify(name) if what == "kernel" else what))
        return found

    @staticmethod
    def _intern(value: Any, ids: dict[Any, int], values: list[Any]) -> int:
        found = ids.get(value)
        if found is None:
            if len(values) >= 1 << 15:
                raise ValueError(value)
            found = ids[value] = len(values)
            values.append(value)
        return found


def _times(event: Mapping[str, Any]) -> tuple[float, float]:
    """Start and end in microseconds; a ValueError for what is no time."""
    start, duration = float(event["ts"]), float(event.get("dur", 0))
    if not (abs(start) <= _LATEST_US and 0 <= duration <= _LATEST_US):
        raise ValueError(start)
    return start, start + duration


def _integer(value: object) -> int:
    """A stream or correlation id: an int, or −1 for anything else."""
    if type(value) is int:
        return value if -(1 << 62) < value < 1 << 62 else -1
    if isinstance(value, str) and len(value) < 19 and value.lstrip("-").isdecimal():
        return int(value)
    return int(value) if isinstance(value, float) and abs(value) < 1 << 53 else -1
