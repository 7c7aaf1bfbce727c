"""A small writer of profiler traces: every test states its own events in microseconds."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

GEMM = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_cublas"
REDUCE = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"


class Trace:
    """Collects events; host calls and kernels that belong together share a correlation id."""

    def __init__(self, folder: Path, **metadata: Any) -> None:
        self.folder, self.metadata = folder, metadata
        self.events: list[dict[str, Any]] = []
        self._correlation = 0

    def event(self, category: str, name: str, start: float, duration: float, **more: Any) -> Trace:
        """Any complete event."""
        self.events.append(
            {"ph": "X", "cat": category, "name": name, "pid": 7, "tid": 7, "ts": start, "dur": duration, "args": more}
        )
        return self

    def kernel(
        self, start: float, end: float, name: str = GEMM, *, launch: float | None = None, took: float = 5.0, **more: Any
    ) -> Trace:
        """A kernel on ``[start, end)``; launched at ``launch`` by a call of length ``took``, or by none."""
        self._correlation += 1
        more = {"device": 0, "stream": 7, "correlation": self._correlation} | more
        category = more.pop("category", "kernel")
        self.event(category, name, start, end - start, **more)
        if launch is not None:
            self.event("cuda_runtime", "cudaLaunchKernel", launch, took, correlation=self._correlation)
        return self

    def call(self, name: str, start: float, end: float) -> Trace:
        """A host call without device activity."""
        return self.event("cuda_runtime", name, start, end - start, correlation=0)

    def span(self, name: str, start: float, end: float) -> Trace:
        """A host annotation."""
        return self.event("user_annotation", name, start, end - start)

    def text(self, indent: int | None = None) -> str:
        """The trace as JSON."""
        return json.dumps({"schemaVersion": 1, **self.metadata, "traceEvents": self.events}, indent=indent)

    def write(self, name: str = "trace.json", indent: int | None = None) -> str:
        """Write the file, compressed when its name says so; gives its path."""
        path = self.folder / name
        data = self.text(indent).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)


@pytest.fixture
def make_trace(tmp_path: Path) -> Any:
    """``make_trace(**metadata)`` gives an empty trace in a temporary folder."""

    def make(**metadata: Any) -> Trace:
        return Trace(tmp_path, **metadata)

    return make


@pytest.fixture
def names() -> dict[str, str]:
    """Kernel names by class."""
    return {"gemm": GEMM, "reduce": REDUCE}
