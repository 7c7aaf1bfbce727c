"""SQLite exports of Nsight Systems: the tables that the user guide describes, times in nanoseconds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mfu_planner import read_trace
from mfu_planner.errors import InputError

NAMES = ["nvjet_hsh_128x256", "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", "cudaLaunchKernel_v7000", "iteration 3"]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """One iteration of 200 µs: a product [10, 110), an all-reduce [90, 150), a copy [150, 160), and nothing else."""
    path = tmp_path / "report1.sqlite"
    held = sqlite3.connect(path)
    held.executescript(
        """
        CREATE TABLE StringIds (id INTEGER, value TEXT);
        CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL
          (start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, correlationId INTEGER,
           demangledName INTEGER);
        CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY
          (start INTEGER, end INTEGER, deviceId INTEGER, streamId INTEGER, correlationId INTEGER, copyKind INTEGER);
        CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME
          (start INTEGER, end INTEGER, globalTid INTEGER, correlationId INTEGER, nameId INTEGER);
        CREATE TABLE NVTX_EVENTS (start INTEGER, end INTEGER, globalTid INTEGER, text TEXT, textId INTEGER);
        CREATE TABLE TARGET_INFO_GPU (id INTEGER, name TEXT);
        INSERT INTO TARGET_INFO_GPU VALUES (0, 'NVIDIA H100 80GB HBM3');
        INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (10000, 110000, 0, 7, 1, 0), (90000, 150000, 0, 20, 2, 1);
        INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (150000, 160000, 0, 7, 3, 1);
        INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (5000, 8000, 99, 1, 2);
        INSERT INTO NVTX_EVENTS VALUES (0, 200000, 99, NULL, 3), (150000, 160000, 99, 'next_batch', NULL);
        """
    )
    held.executemany("INSERT INTO StringIds VALUES (?, ?)", enumerate(NAMES))
    held.commit()
    held.close()
    return path


def test_an_export_by_hand(export: Path) -> None:
    found = read_trace(str(export), window="steps")

    assert found.device == "NVIDIA H100 80GB HBM3"
    assert found.window_s == pytest.approx(200e-6)
    assert found.compute_s == pytest.approx(100e-6)
    assert found.communication_s == pytest.approx(60e-6)
    assert found.exposed_communication_s == pytest.approx(40e-6)
    assert found.memcpy == {"HtoD": pytest.approx(10e-6)}
    assert found.idle_s == pytest.approx(50e-6)
    assert [step.step for step in found.steps] == [3]


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    held = sqlite3.connect(path)
    held.execute("CREATE TABLE notes (text TEXT)")
    held.commit()
    held.close()

    with pytest.raises(InputError, match="export of Nsight Systems with CUDA activity"):
        read_trace(str(path))


def test_a_damaged_database_is_one_line(export: Path) -> None:
    data = bytearray(export.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    export.write_bytes(data)

    with pytest.raises(InputError, match="readable SQLite export"):
        read_trace(str(export))


def test_a_report_that_was_not_exported_says_how(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nsys export --type sqlite"):
        read_trace(str(tmp_path / "report1.nsys-rep"))
