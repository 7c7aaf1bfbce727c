"""Small traces of each kind, written event by event, whose cause is known by construction."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfu_planner.diagnosis.cases.outcome import Outcome

PRODUCT = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_cublas"
POINTWISE = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>"
REDUCE = "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)"


class Writer:
    """Appends kernels with their launches, and host spans, to a trace (times in µs)."""

    def __init__(self, rank: int = 0) -> None:
        self.events: list[dict[str, Any]] = []
        self.rank = rank
        self.now = 0.0

    def kernel(
        self, length: float, name: str = PRODUCT, *, gap: float = 2.0, stream: int = 7, launch_lead: float | None = None
    ) -> None:
        """A kernel ``gap`` µs after the last one; launched ``launch_lead`` µs before its start (default: ahead)."""
        start = self.now + gap
        lead = 400.0 if launch_lead is None else launch_lead
        correlation = len(self.events) + 1
        self._event("cuda_runtime", "cudaLaunchKernel", start - lead, 4.0, correlation=correlation)
        self._event("kernel", name, start, length, device=0, stream=stream, correlation=correlation)
        self.now = start + length

    def span(self, name: str, start: float, length: float) -> None:
        """A host annotation."""
        self._event("user_annotation", name, start, length)

    def _event(self, category: str, name: str, start: float, length: float, **args: Any) -> None:
        self.events.append(
            {
                "ph": "X",
                "cat": category,
                "name": name,
                "pid": 7,
                "tid": 7,
                "ts": 10_000 + start,
                "dur": length,
                "args": args,
            }
        )

    def save(self, folder: Path) -> str:
        """Write the file; its path."""
        path = folder / f"rank{self.rank}.json"
        stated = {"schemaVersion": 1, "distributedInfo": {"backend": "nccl", "rank": self.rank, "world_size": 8}}
        path.write_text(json.dumps({**stated, "traceEvents": self.events}), encoding="utf-8")
        return str(path)


def loader(w: Writer) -> None:
    """Between steps the host stands in the loader."""
    for _ in range(6):
        for _ in range(20):
            w.kernel(300.0)
        w.span("enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__", w.now, 3000.0)
        w.kernel(300.0, gap=3100.0, launch_lead=5.0)


def launches(w: Writer) -> None:
    """Kernels shorter than the time to issue the next."""
    for _ in range(600):
        w.kernel(4.0, gap=11.0, launch_lead=6.0)


def host(w: Writer) -> None:
    """Long kernels, and Python that does something else between them."""
    for _ in range(12):
        for _ in range(10):
            w.kernel(200.0)
        w.kernel(200.0, gap=1800.0, launch_lead=6.0)


def exposed(w: Writer) -> None:
    """Gradients are exchanged after the backward pass."""
    for _ in range(6):
        for _ in range(20):
            w.kernel(200.0)
        w.kernel(2500.0, REDUCE, stream=9)


def unfused(w: Writer) -> None:
    """Half of the time is element-wise."""
    for _ in range(60):
        w.kernel(150.0)
        for _ in range(8):
            w.kernel(40.0, POINTWISE)


KINDS: dict[str, tuple[str, Callable[[Writer], None]]] = {
    "trace-loader": ("data-loading", loader),
    "trace-launches": ("kernel-launch", launches),
    "trace-host": ("cpu", host),
    "trace-communication": ("communication", exposed),
    "trace-unfused": ("kernels", unfused),
}


def outcomes() -> list[Outcome]:
    """Diagnose each trace alone, without a model."""
    from mfu_planner.diagnosis import diagnose

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (cause, write) in KINDS.items():
            writer = Writer()
            write(writer)
            answer = diagnose(trace=writer.save(Path(folder)))
            found.append(Outcome(name, "trace", "held out", cause, answer.first_cause or ""))
    return found
