"""Reading profiler traces: where a step's time went, and why the device stood still.

``read_trace`` streams Chrome traces of torch.profiler (Kineto) and of XLA programs, plain or compressed, and SQLite
exports of Nsight Systems, of one rank or several.
"""

from __future__ import annotations

from .read import read_trace
from .report import TraceReport

__all__ = ["TraceReport", "read_trace"]
