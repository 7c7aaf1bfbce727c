"""Collectives of the processes that ``torchrun`` started, by size."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mfu_planner.machine.constants import LinkRate
from mfu_planner.probing.device import TorchDevice
from mfu_planner.probing.reduce import error
from mfu_planner.step.collectives import in_node_time

_BACKENDS = {"cpu": "gloo", "cuda": "nccl", "xpu": "xccl"}
_BYTES = (2**14, 2**17, 2**20, 2**23, 2**25)
_RAMPS = (0.0, 2.0**17, 2.0**19, 2.0**20, 2.0**22)
_TIMES = 8
KINDS = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0, "alltoall": 1.0}
"""Collective → passes over the ring."""


def world_size() -> int:
    """Processes of the job."""
    said = os.environ.get("WORLD_SIZE", "1")
    return int(said) if said.isdigit() else 1


def collectives(device: TorchDevice) -> dict[str, dict[str, Any]]:
    """The constants of each collective that the backend has."""
    torch, group = device.torch, world_size()
    if device.kind == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    torch.distributed.init_process_group(_BACKENDS[device.kind])
    found = {}
    for name, rounds in KINDS.items():
        try:
            seconds = np.array([_seconds(device, _action(device, name, size, group)) for size in _BYTES])
        except RuntimeError:  # the backend lacks it
            continue
        found[name] = _fitted(np.array(_BYTES, float), seconds, group, rounds)
    return found


def _action(device: TorchDevice, name: str, size: int, group: int) -> Callable[[], Any]:
    """One collective of ``size`` bytes, gathered."""
    torch, count = device.torch, size // 4 // group * group
    whole = torch.ones(count, device=device.kind)
    part = torch.ones(count // group, device=device.kind)
    job = torch.distributed
    return {
        "all_reduce": lambda: job.all_reduce(whole),
        "all_gather": lambda: job.all_gather_into_tensor(whole, part),
        "reduce_scatter": lambda: job.reduce_scatter_tensor(part, whole),
        "alltoall": lambda: job.all_to_all_single(torch.empty_like(whole), whole),
    }[name]


def _seconds(device: TorchDevice, action: Callable[[], Any]) -> float:
    """Lower quartile of the slowest process's time."""
    taken = []
    for _ in range(_TIMES):
        device.torch.distributed.barrier()
        start = time.perf_counter()
        action()
        device.wait()
        worst = device.torch.tensor(time.perf_counter() - start, device=device.kind)
        device.torch.distributed.all_reduce(worst, op=device.torch.distributed.ReduceOp.MAX)
        taken.append(float(worst))
    return sorted(taken)[len(taken) // 4]


def _fitted(sizes: Any, seconds: Any, group: int, rounds: float) -> dict[str, Any]:
    """Start, rate and ramp of :func:`mfu_planner.step.collectives.in_node_time` that suit the timings best."""
    best: tuple[float, dict[str, Any]] | None = None
    for ramp in _RAMPS:
        for start in seconds.min() * np.linspace(0.0, 0.95, 12):
            ring = in_node_time(sizes, float(group), rounds, LinkRate(0.0, 0.0, 1.0, ramp))
            rate = float(np.median(ring / (seconds - start)))
            off = np.abs((start + ring / rate) / seconds - 1.0)
            if best is None or off.mean() < best[0]:
                held = {"start": float(start), "hop": 0.0, "rate": rate, "ramp": ramp, "group": group}
                best = float(off.mean()), {**held, "error": error(off)}
    assert best is not None
    return best[1]
