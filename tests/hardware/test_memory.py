"""Memory is what the driver gives: totals as printed, what a framework can allocate, one rule for every answer."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mfu_planner import memory, predict, search
from mfu_planner.hardware import resolve
from mfu_planner.hardware._index import accelerator, index

PRINTED = list(csv.DictReader((Path(__file__).parent / "driver_memory.csv").read_text("utf-8").splitlines()))
RECORDS = index()["accelerators"]
LAYOUT = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "global_batch": 64, "zero": 1}


@pytest.mark.each("row", PRINTED)
def test_total_is_what_the_driver_prints(row: dict[str, str]) -> None:
    """The figure that nvidia-smi, rocm-smi or npu-smi printed on a real machine, typed here from the print-out."""
    unit = {"MiB": 2**20, "GiB": 2**30, "B": 1}[row["unit"]]
    device = accelerator(row["id"])

    assert device.memory_bytes == pytest.approx(float(row["printed"]) * unit, abs=unit / 2)
    assert device.memory_basis == "driver"
    assert device.source_of("memory_driver")["url"].startswith("https://")


def test_enough_devices_have_a_print_out() -> None:
    """At least forty devices rest on what a driver prints, each of which is typed in the list beside this test."""
    assert len(PRINTED) >= 40
    assert {i for i, r in RECORDS.items() if r["memory_basis"] == "driver"} == {row["id"] for row in PRINTED}


@pytest.mark.each("identifier", [i for i, r in RECORDS.items() if r["memory_bytes"]])
def test_the_three_figures_are_in_order(identifier: str) -> None:
    """Usable is below the total, and the total is the box's figure within what GB can mean (10⁹ or 2³⁰ bytes)."""
    record = RECORDS[identifier]
    nominal, total, usable = (record[k] for k in ("memory_nominal_bytes", "memory_bytes", "usable_bytes"))

    assert 0 < usable < total
    assert 0.93 * nominal <= total <= 2**30 / 1e9 * nominal * 1.0001
    assert usable >= min(0.7 * total, total - 2**30)


def test_usable_is_between_the_fullest_run_and_the_total() -> None:
    """A published run (Ultra-Scale Playbook, 3B) peaked at 76.9 GiB on an 80 GB H100; torch sees 79.1 GiB of it."""
    device = accelerator("h100-sxm")
    assert device.usable_bytes is not None

    assert 76.9 * 2**30 < device.usable_bytes < 79.11 * 2**30


def test_one_rule_for_memory_predict_and_search() -> None:
    """The same layout is called fitting or not by every command, against the same number of usable bytes."""
    device = resolve("h100-sxm")
    for batch in (1, 2, 4, 8):
        held = memory(**LAYOUT, micro_batch=batch)
        said = predict(**LAYOUT, micro_batch=batch).memory
        assert held.capacity_bytes == said["capacity_bytes"] == device.memory_bytes
        assert held.usable_bytes == said["usable_bytes"] == device.usable_bytes
        assert held.fits is said["fits"] is (held.total_bytes <= device.usable_bytes)
    found = search(**LAYOUT)
    assert all(row["total_bytes"] <= device.usable_bytes for row in found.layouts)
