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
from collections.abc import Iterable
from typing import Any

from .classes import classify, classify_hlo
from .translated import TranslatedEvents

_DEVICE = re.compile(r"/device:(?:TPU|GPU|CUSTOM)?:?[\w:.-]*\d")
_OPERATIONS = re.compile(r"(?:Async )?XLA Ops$|Stream #")
_AROUND = re.compile(r"(?:while|conditional|call)(?:[._]\d+)*$")
_COPY = re.compile(r"(?i)mem(cpy|set)")
_DIRECTION = re.compile(r"\b(?i:memcpy)?([HDP])2([HDP])\b")
_CALL = re.compile(r"(?i)^(?:cu|cuda|hip)[A-Z]?\w*(?:launch|memcpy|memset|synchronize|malloc|memalloc|free|waitevent)")


class XlaEvents(TranslatedEvents):
    """Those of an XLA program."""

    def __init__(self, events: Iterable[Any]) -> None:
        super().__init__(events)
        self._devices: dict[object, str] = {}
        self._hosts: set[object] = set()

    def process(self, pid: object, name: str) -> None:
        """Take the name of a process."""
        if _DEVICE.match(name):
            self._devices[pid] = name.removeprefix("/device:")
        elif name.startswith("/host:"):
            self._hosts.add(pid)
        self.found = bool(self._devices or self._hosts)

    def translated(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event with its category; without one where it is not work."""
        pid = event.get("pid")
        args = event.get("args")
        args = args if isinstance(args, dict) else {}
        if "cat" in event:
            return event
        if pid in self._devices:
            return self._on_device(event, args, self._devices[pid])
        return _on_host(event, args) if pid in self._hosts else event

    def _on_device(self, event: dict[str, Any], args: dict[str, Any], device: str) -> dict[str, Any]:
        row, name = self.row(event), str(event.get("name"))
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
