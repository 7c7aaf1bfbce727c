"""Traces of XLA programs (JAX, TensorFlow) in the terms of the torch profiler, so that one analysis reads both.

The profiler writes one process for each device (``/device:TPU:0``) and one thread for each kind of row [1]_.  Only the
rows that are work become activities: ``XLA Ops`` and ``Async XLA Ops`` of a TPU, the streams of a GPU; the others
(modules, name scopes, source lines) repeat the same time at another level.  A loop that stands around the operations of
its body is left out for the same reason.

References
----------
.. [1] OpenXLA, *XProf trace viewer*, https://openxla.org/xprof/trace_viewer
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from .classes import classify, classify_hlo

_DEVICE = re.compile(r"/device:(?:TPU|GPU|CUSTOM)?:?[\w:.-]*\d")
_OPERATIONS = re.compile(r"(?:Async )?XLA Ops$|Stream #")
_AROUND = re.compile(r"(?:while|conditional|call)(?:[._]\d+)*$")
_COPY = re.compile(r"(?i)mem(cpy|set)")
_DIRECTION = re.compile(r"\b(?i:memcpy)?([HDP])2([HDP])\b")
_CALL = re.compile(r"(?i)^(?:cu|cuda|hip)[A-Z]?\w*(?:launch|memcpy|memset|synchronize|malloc|memalloc|free|waitevent)")


class XlaEvents:
    """Events of a trace, those of an XLA program translated; any other trace passes unchanged.

    Attributes
    ----------
    found : bool
        The trace is one of an XLA program.
    """

    def __init__(self, events: Iterable[Any]) -> None:
        self.found = False
        self._events = events
        self._devices: dict[object, str] = {}
        self._hosts: set[object] = set()
        self._rows: dict[tuple[object, object], str] = {}

    def __iter__(self) -> Iterator[Any]:
        """Every event of the source, in its order."""
        for event in self._events:
            if not isinstance(event, dict):
                yield event
            elif event.get("ph") == "M":
                self._name(event)
                yield event
            elif self.found and event.get("ph") == "X" and "cat" not in event:
                yield self._translated(event)
            else:
                yield event

    def _name(self, event: dict[str, Any]) -> None:
        args = event.get("args")
        name = args.get("name") if isinstance(args, dict) else None
        if not isinstance(name, str):
            return
        if event.get("name") == "process_name":
            if _DEVICE.match(name):
                self._devices[event.get("pid")] = name.removeprefix("/device:")
                self.found = True
            elif name.startswith("/host:"):
                self._hosts.add(event.get("pid"))
                self.found = True
        elif event.get("name") == "thread_name":
            self._rows[event.get("pid"), event.get("tid")] = name

    def _translated(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event with the category that the analysis looks for; without one where it is not work."""
        pid = event.get("pid")
        args = event.get("args")
        args = args if isinstance(args, dict) else {}
        if pid in self._devices:
            return self._on_device(event, args, self._devices[pid])
        if pid in self._hosts:
            return _on_host(event, args)
        return event

    def _on_device(self, event: dict[str, Any], args: dict[str, Any], device: str) -> dict[str, Any]:
        row, name = self._rows.get((event.get("pid"), event.get("tid")), ""), str(event.get("name"))
        if row == "Steps" and name.isdecimal():
            return event | {"cat": "user_annotation", "name": f"ProfilerStep#{name}"}
        if not _OPERATIONS.match(row) or _AROUND.match(name):
            return event
        stated = {"device": device, "stream": event.get("tid"), "correlation": args.get("correlation_id", -1)}
        copy = _COPY.match(name)
        if copy:
            clear = _DIRECTION.sub(r"\1to\2", name)
            return event | {"cat": f"gpu_mem{copy[1].lower()}", "name": clear, "args": stated}
        kind = classify(name) if row.startswith("Stream") else "other"
        if kind == "other":
            kind = classify_hlo(str(args.get("hlo_category") or args.get("hlo_op") or ""), name)
        return event | {"cat": "kernel", "args": stated | {"kind": kind}}


def _on_host(event: dict[str, Any], args: dict[str, Any]) -> dict[str, Any]:
    """Steps that the program marks, calls that launch work, and spans with a name of their own."""
    name = str(event.get("name"))
    step = str(args.get("step_num", ""))
    if step.isdecimal():
        return event | {"cat": "user_annotation", "name": f"ProfilerStep#{step}"}
    if "correlation_id" in args and _CALL.match(name):
        return event | {"cat": "cuda_driver", "args": {"correlation": args["correlation_id"]}}
    return event | {"cat": "user_annotation"}
