"""The torch device that is measured: its name, its clock, what it can hold."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError

KINDS = ("cpu", "cuda", "xpu", "mps")
"""Of torch; a ROCm device is called cuda there."""
_FORMATS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class TorchDevice:
    """A device as torch knows it."""

    torch: Any
    """The module."""
    kind: str

    def dtype(self, name: str) -> Any:
        """The format as torch calls it."""
        return getattr(self.torch, _FORMATS[name])

    @property
    def formats(self) -> tuple[str, ...]:
        """Number formats that are measured."""
        return ("fp32", "bf16") if self.kind == "cpu" else tuple(_FORMATS)

    @property
    def threads(self) -> int:
        """Of a CPU."""
        return int(self.torch.get_num_threads())

    @property
    def name(self) -> str:
        """As the driver or the system says it."""
        if self.kind == "cpu":
            return f"{_processor()}, {self.threads} thread{'s' * (self.threads > 1)}"
        if self.kind == "mps":
            return "Apple GPU"
        return str(getattr(self.torch, self.kind).get_device_name())

    @property
    def memory_bytes(self) -> int:
        """What it holds."""
        if self.kind in ("cuda", "xpu"):
            return int(getattr(self.torch, self.kind).get_device_properties(0).total_memory)
        return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))

    @property
    def units(self) -> int:
        """Processors that take a tile each: of a GPU."""
        if self.kind != "cuda":
            return 1
        return int(self.torch.cuda.get_device_properties(0).multi_processor_count)

    @property
    def identifier(self) -> str:
        """An id of the catalogue's kind."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.kind} {self.name}".lower()).strip("-")[:60].rstrip("-")

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.kind != "cpu":
            getattr(self.torch, self.kind).synchronize()

    def clock(self) -> float:
        """Seconds: on one thread the process's own, which others on the machine do not stretch; else the wall's."""
        return time.process_time() if self.kind == "cpu" and self.threads == 1 else time.perf_counter()

    def seconds(self, action: Callable[[], Any], budget_s: float) -> float:
        """The lower quartile of a few runs of an action [s].

        Timed around as many runs as make the clock's grain and the waiting small.  A run that is longer than
        ``budget_s`` is repeated less, down to once.
        """
        clock = self.clock
        action()
        self.wait()
        start = clock()
        action()
        self.wait()
        once = max(clock() - start, 1e-7)
        batch = max(1, min(1000, round(budget_s / 8 / once)))
        least = max(1, min(_LEAST, int(_LEAST * budget_s / once)))
        taken = [once] if least == 1 else []
        end = time.perf_counter() + budget_s * (least > 1)
        while len(taken) < least or (time.perf_counter() < end and len(taken) < _MOST):
            start = clock()
            for _ in range(batch):
                action()
            self.wait()
            taken.append((clock() - start) / batch)
        return sorted(taken)[len(taken) // 4]


_LEAST, _MOST = 3, 50
"""Timings of one point."""


def torch_device(kind: str | None) -> TorchDevice:
    """The device that was asked for; else the first accelerator, else the CPU.

    Raises
    ------
    InputError
        torch is not installed, or has no such device.
    """
    try:
        import torch
    except ImportError:
        raise InputError("probe", "no torch", "an environment with torch: pip install 'mfu-planner[probe]'") from None
    there = [k for k in KINDS[1:] if _available(torch, k)] + ["cpu"]
    chosen = "cuda" if kind == "rocm" else kind or there[0]
    if chosen not in there:
        raise InputError("device", kind, f"a device that torch has here: {', '.join(there)}")
    return TorchDevice(torch, chosen)


def _available(torch: Any, kind: str) -> bool:
    module = torch.backends.mps if kind == "mps" else getattr(torch, kind, None)
    return module is not None and bool(module.is_available())


def _processor() -> str:
    """The CPU as the system calls it."""
    import platform

    try:
        said = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8", errors="replace"))
    except OSError:
        said = None
    return said[1].strip() if said else platform.processor() or platform.machine()
