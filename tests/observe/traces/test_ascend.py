"""Traces of Ascend devices: tasks that are work, collectives once, waits not at all; tables lead to the trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import read_trace


def _events() -> list[dict[str, Any]]:
    """100 µs: 40 of products, 20 hidden and 10 exposed of an all-reduce, 10 of a cast, 40 idle; times are text."""

    def names(pid: int, process: str, **rows: str) -> list[dict[str, Any]]:
        head = {"ph": "M", "pid": pid, "name": "process_name", "args": {"name": process}}
        return [
            head,
            *(head | {"tid": int(t[1:]), "name": "thread_name", "args": {"name": row}} for t, row in rows.items()),
        ]  # fmt: skip

    def work(pid: int, tid: int, start: float, end: float, name: str, task: str = "") -> dict[str, Any]:
        args = {"Task Type": task} if task else {}
        at = f"{1_699_529_623_000_000 + start:.3f}"
        return {"ph": "X", "pid": pid, "tid": tid, "ts": at, "dur": end - start, "name": name, "args": args}

    return [
        *names(1, "Python", t1="Thread 1"),
        *names(2, "Ascend Hardware", t10="Stream 2", t11="Stream 5"),
        *names(3, "Communication", t20="Group 0 Communication", t21="Plane 0"),
        *names(4, "Overlap Analysis", t30="Computing"),
        work(1, 1, 0, 100, "ProfilerStep#6"),
        work(2, 10, 0, 40, "aclnnMatmul_MatMulV2_MatMulV2", "AI_CORE"),
        work(2, 11, 0, 20, "EVENT_WAIT", "EVENT_WAIT_SQE"),
        work(2, 11, 20, 50, "Notify_Wait", "NOTIFY_WAIT_SQE"),
        work(3, 20, 20, 50, "hcom_allReduce__428_0_1"),
        work(3, 21, 20, 35, "Memcpy"),
        work(3, 21, 35, 50, "Notify_Wait"),
        work(2, 10, 50, 60, "aclnnCast_CastAiCore_Cast", "AI_VECTOR_CORE"),
        work(2, 10, 99.5, 100, "MEMCPY_ASYNC", "SDMA_SQE"),
        work(4, 30, 0, 100, "Computing"),
    ]


def test_a_step_is_its_tasks_and_its_collectives_once(tmp_path: Path) -> None:
    """Nothing of the planes, the waits or the summary row is added."""
    file = tmp_path / "trace_view.json"
    file.write_text(json.dumps(_events()))

    found = read_trace(str(file))
    assert found.window_s == pytest.approx(100e-6, rel=1e-2)
    assert found.busy_s == pytest.approx(60.5e-6, rel=1e-2)
    assert found.compute_s == pytest.approx(50e-6, rel=1e-2)
    assert found.communication_s == pytest.approx(30e-6, rel=1e-2)
    assert found.exposed_communication_s == pytest.approx(10e-6, rel=3e-2)


def test_a_profile_folder_and_its_tables_lead_to_the_trace(tmp_path: Path) -> None:
    """torch_npu writes a folder per rank; of its tables the trace beside them is read."""
    out = tmp_path / "host_1_20260101_ascend_pt" / "ASCEND_PROFILER_OUTPUT"
    out.mkdir(parents=True)
    (out / "trace_view.json").write_text(json.dumps(_events()))
    (out / "kernel_details.csv").write_text("Name,Duration(us)\n")

    assert read_trace(str(tmp_path)).files == (str(out / "trace_view.json"),)
    assert read_trace(str(out / "kernel_details.csv")).files == (str(out / "trace_view.json"),)
