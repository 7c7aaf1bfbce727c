"""Random traces on an integer grid against counting cells, and random damage to whole files."""

from __future__ import annotations

import contextlib
import json
import random

import pytest

from mfu_planner.errors import PlannerError
from mfu_planner.observe.traces import read_trace

KINDS = {
    "compute": ("kernel", "volta_sgemm_128x32_nt"),
    "communication": ("kernel", "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)"),
    "memory": ("gpu_memcpy", "Memcpy DtoD (Device -> Device)"),
}
CALLS = ("cudaStreamWaitEvent", "cudaDeviceSynchronize", "cudaMalloc", "cudaEventQuery")


def random_trace(trace, dice):
    """Activities on any stream with launches before or after their start, and host calls of every kind."""
    cells: dict[str, set[int]] = {kind: set() for kind in KINDS}
    for _ in range(dice.randrange(1, 30)):
        kind = dice.choice(list(KINDS))
        category, name = KINDS[kind]
        start, length = dice.randrange(300), dice.randrange(1, 25)
        launch = dice.choice([None, start - dice.randrange(250), start + dice.randrange(3)])
        took = dice.choice([1, 5, 150])
        trace.kernel(start, start + length, name, category=category, launch=launch, took=took, stream=dice.randrange(3))
        cells[kind] |= set(range(start, start + length))
    for _ in range(dice.randrange(12)):
        start = dice.randrange(-50, 350)
        trace.call(dice.choice(CALLS), start, start + dice.randrange(60))
    for _ in range(dice.randrange(4)):
        start = dice.randrange(300)
        trace.span("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", start, start + dice.randrange(60))
    return cells


@pytest.mark.parametrize("seed", range(60))
def test_counts_of_cells(make_trace, seed):
    """Every figure of a report is a number of covered cells; the causes of idle time add up to it."""
    trace = make_trace()
    cells = random_trace(trace, random.Random(seed))
    report = read_trace(trace.write())

    compute, communication, memory = cells["compute"], cells["communication"], cells["memory"]
    busy = compute | communication | memory
    window = max(busy) + 1 - min(busy)
    got = {
        "window": report.window_s,
        "busy": report.busy_s,
        "compute": report.compute_s,
        "communication": report.communication_s,
        "exposed": report.exposed_communication_s,
        "copies": report.exposed_memory_s,
        "idle": report.idle_s,
        "causes": sum(report.idle.values()),
        "breakdown": sum(report.breakdown.values()),
    }
    assert {k: round(v * 1e6, 6) for k, v in got.items()} == {
        "window": window,
        "busy": len(busy),
        "compute": len(compute),
        "communication": len(communication),
        "exposed": len(communication - compute),
        "copies": len(memory - compute - communication),
        "idle": window - len(busy),
        "causes": window - len(busy),
        "breakdown": window,
    }
    assert min(report.idle.values()) >= 0


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files(make_trace, seed):
    """Bytes changed, cut out or doubled: a report that adds up, or one line that says why not."""
    dice = random.Random(seed)
    trace = make_trace(deviceProperties=[{"id": 0, "name": "x"}], distributedInfo={"rank": 0, "world_size": 2})
    random_trace(trace, dice)
    data = bytearray(json.dumps(json.loads(trace.text()), indent=dice.choice([None, 2])).encode())
    for _ in range(dice.randrange(1, 8)):
        at, n = dice.randrange(len(data)), dice.randrange(1, 40)
        data[at : at + n] = dice.choice([b"", data[at : at + n] * 2, bytes(dice.randrange(256) for _ in range(n))])
    path = trace.folder / "damaged.json"
    path.write_bytes(data)
    with contextlib.suppress(PlannerError):
        report = read_trace(str(path))
        assert report.window_s == pytest.approx(report.busy_s + report.idle_s)
        assert report.idle_s == pytest.approx(sum(report.idle.values()), abs=1e-12)
