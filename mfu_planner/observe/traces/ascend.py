"""Ascend traces (``trace_view.json`` of torch_npu and MindSpore) in the terms of the torch profiler.

One process has the tasks of the device's streams (``Ascend Hardware``), another the collectives (``Communication``,
``HCCL`` before), one row for each group and one for each plane of it; what waits, records or sums up is no work [1]_.

References
----------
.. [1] Huawei, *Ascend Extension for PyTorch*, "Performance tuning: trace_view.json",
   https://www.hiascend.com/document
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .translated import TranslatedEvents

_DEVICE = "Ascend Hardware"
_COLLECTIVES = ("Communication", "HCCL")
_WORK = re.compile(r"(?i)(?:KERNEL_)?(?:AI_?CORE|AI_?CPU|AI_VECTOR_CORE|AI[CV]|MIX_AI\w*|FFTS_PLUS|DVPP\w*)$")
_COPY = re.compile(r"(?i)mem_?cpy|sdma|pcie_dma")
_WAIT = re.compile(r"(?i)(?:event|notify|capture)_?(?:wait|record)|place_?holder|profiler_trace|model_\w+$")
_COLLECTIVE = re.compile(r"(?i)^hc(?:om|cl)_?")


class AscendEvents(TranslatedEvents):
    """Those of an Ascend device."""

    def __init__(self, events: Iterable[Any]) -> None:
        super().__init__(events)
        self._processes: dict[object, str] = {}

    def process(self, pid: object, name: str) -> None:
        """Take the name of a process."""
        self._processes[pid] = name
        self.found = self.found or name.startswith(_DEVICE)

    def translated(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event with its category; without one where it is not work."""
        process, name = self._processes.get(event.get("pid"), ""), str(event.get("name"))
        args = event.get("args")
        task = str(args.get("Task Type", "")) if isinstance(args, dict) else ""
        stated = {"device": "npu", "stream": event.get("tid"), "correlation": -1}
        if name.startswith("ProfilerStep"):
            return event | {"cat": "user_annotation"}
        if process.startswith(_COLLECTIVES):
            # a group's row has its collectives, the rows of its planes the same time again in pieces
            whole = _COLLECTIVE.match(name) and "Plane" not in self.row(event)
            return event | {"cat": "kernel", "args": stated | {"kind": "communication"}} if whole else _idle(event)
        if not process.startswith(_DEVICE):
            return event if process in ("Python", "") else _idle(event)
        if _WAIT.search(name) or _WAIT.search(task) or _COLLECTIVE.match(name):
            return _idle(event)
        if _COPY.search(task) or _COPY.match(name):
            return event | {"cat": "gpu_memcpy", "args": stated}
        return event | {"cat": "kernel", "args": stated} if _WORK.match(task) or not task else _idle(event)


def _idle(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"cat": ""}
