"""Reading profiler traces: where a step's time went, and why the device stood still.

``read_trace`` streams torch.profiler (Kineto) Chrome traces of NVIDIA and AMD devices, plain or compressed, of one
rank or several.
"""

from __future__ import annotations

from .read import read_trace
from .report import TraceReport

__all__ = ["TraceReport", "read_trace"]
