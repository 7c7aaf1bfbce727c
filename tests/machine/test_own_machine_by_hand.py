"""A measured machine by hand: which constants its figures replace, within which bounds; fits without one source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.errors import InputError
from mfu_planner.hardware import resolve
from mfu_planner.machine import eager as eager_module
from mfu_planner.machine.calibrated import calibration
from mfu_planner.machine.constants import LinkRate
from mfu_planner.machine.eager import eager, is_known
from mfu_planner.machine.own_file import content
from mfu_planner.machine.own_machine import OwnMachine, read_machine
from mfu_planner.machine.toolbox import tools
from mfu_planner.machine.without import changed, on_file_without, stated, without

ERROR = {"median": 0.0, "p90": 0.0, "points": 1}
PRODUCT = {"rate": "600 TFLOP/s", "best": "700 TFLOP/s", "start": "3 us", "depth_overhead": 8, "wave_loss": 0.5,
           "tile": [64, 32], "units": 12, "error": ERROR}  # fmt: skip
ATTENTION = {"rate": "300 TFLOP/s", "ramp": 50, "backward": 2.5, "head_multiple": 16, "error": ERROR}
FILE: dict[str, Any] = {
    "kind": "machine-calibration", "device": "h100-sxm",
    "measured": {"date": "2026-11-30", "torch": "2", "driver": "x", "threads": 1, "passes": 1, "spread": 0.0,
                 "quick": True},
    "products": {"bf16": PRODUCT, "fp8": {**PRODUCT, "rate": "900 TFLOP/s", "units": 7}},
    "attention": {"bf16": ATTENTION},
    "bandwidth": {"stream": "2 TB/s", "allocate": "1 TB/s", "cache": "4 TB/s"},
    "pointwise": {"factor": 2, "backward": 1.5, "loss": 40},
    "issue": {"operator": "4 us", "layer_forward": "0.4 ms", "layer_backward": "0.6 ms", "step": "2 ms",
              "overlaps": True},
    "optimizer": {"adamw": "0.004 ns", "clip": "0.0005 ns", "accumulate": "0.0003 ns"},
    "collectives": {"all_gather": {"start": "9 us", "hop": "2 us", "rate": "300 GB/s", "ramp": "6 MB", "group": 2,
                                   "error": ERROR}},
}  # fmt: skip


def machine_file(where: Path, path: str = "", value: Any = None) -> Path:
    """The file, one place of it changed: ``products.bf16.units``."""
    held = json.loads(json.dumps(FILE))
    *way, last = path.split(".")
    block = held
    for key in way:
        block = block[key]
    if last:
        block[last] = value
    file = where / "machine.yaml"
    file.write_text(json.dumps(held).replace('"2026-11-30"', "2026-11-30"))
    return file


def read(where: Path, *change: Any) -> OwnMachine:
    """The same, read."""
    return read_machine(str(machine_file(where, *change)))


def test_what_was_measured_replaces_what_was_assumed(tmp_path: Path) -> None:
    """Peaks stay the catalogue's (989.4 and 1978.9 TFLOP/s); rates are shares of them; nanoseconds become bytes."""
    box, stack, _, _ = tools(resolve("h100-sxm"), "bf16", "generic", None, "fused")
    found, software, said = read(tmp_path).measured(box, stack, "bf16")
    made = found.products
    assert (made.peak_flops_per_s, found.wide_products, found.grouped_products) == (box.peak_flops_per_s, made, None)
    assert made.efficiency == pytest.approx(600e12 / box.peak_flops_per_s)
    assert (made.depth_overhead, made.fixed_s, made.wave_loss) == (8, pytest.approx(3e-6), 0.5)
    assert (made.tile_rows, made.tile_columns, made.units, made.input_bytes, made.output_bytes) == (64, 32, 12, 2, 2)
    assert (made.bandwidth_bytes_per_s, found.bandwidth_bytes_per_s, found.issues_itself) == (2e12, 2e12, False)
    assert found.links["all_gather"] == LinkRate(pytest.approx(9e-6), pytest.approx(2e-6), 300e9, 6e6)
    assert found.links["all_reduce"] == box.links["all_reduce"]
    assert software.attention_fraction == pytest.approx(300e12 / box.wide_peak_flops_per_s)
    assert (software.attention_ramp_tokens, software.attention_backward, software.head_multiple) == (50, 2.5, 16)
    assert (software.forward_host_s, software.backward_host_s) == (pytest.approx(4e-4), pytest.approx(6e-4))
    assert software.step_fixed_s == pytest.approx(2e-3)
    assert (software.pointwise_factor, software.pointwise_backward, software.loss_bytes) == (2, 1.5, 40)
    moved = (software.optimizer_bytes, software.gradient_passes_bytes, software.accumulate_bytes)
    assert moved == (pytest.approx(8), pytest.approx(1), pytest.approx(0.6))
    assert said == "machine measured on 2026-11-30"
    # unfused attention is not what was measured; nor are formats that are not in the file
    slow = read(tmp_path).measured(box, replace(stack, fused_attention=0.0), "bf16")[1]
    assert slow.attention_fraction == stack.attention_fraction
    other, kept, how = read(tmp_path).measured(box, stack, "fp16")
    assert (other.products, kept.product_factor) == (box.products, stack.product_factor)
    assert kept.attention_fraction == software.attention_fraction
    assert "products of fp16 are not among it" in how
    none = read(tmp_path, "attention", {}).measured(box, stack, "bf16")[1]
    assert none.attention_fraction == stack.attention_fraction


def test_a_narrow_run_on_a_measured_machine(tmp_path: Path) -> None:
    """fp8 and its wide products each by their own table; wide ones as they were where there is none."""
    box, stack, _, _ = tools(resolve("h100-sxm"), "fp8", "generic", None, "fused")
    found = read(tmp_path).measured(replace(box, grouped_products=box.products), stack, "fp8")[0]
    made, wide = found.products, found.wide_products
    assert (made.units, made.input_bytes, made.output_bytes, found.grouped_products) == (7, 1, 2, made)
    assert made.efficiency == pytest.approx(900e12 / box.peak_flops_per_s)
    assert (wide.units, wide.input_bytes) == (12, 2)
    assert wide.efficiency == pytest.approx(600e12 / box.wide_peak_flops_per_s)
    alone = read(tmp_path, "products", {"fp8": PRODUCT}).measured(box, stack, "fp8")[0]
    assert alone.wide_products == box.wide_products


BOUNDS: list[tuple[str, Any, Any]] = [
    # place, accepted, refused
    ("measured.threads", 1, 0), ("measured.passes", 1, 0), ("measured.spread", 0.0, -0.1),
    ("products.bf16.depth_overhead", 0, -1), ("products.bf16.units", 1, 0), ("products.bf16.tile", [1, 1], [1]),
    ("products.bf16.tile", [1, 1], [1, 1, 1]), ("products.bf16.wave_loss", 1, 1.1),
    ("products.bf16.wave_loss", 0, -0.1),
    ("products.bf16.error", {**ERROR}, {**ERROR, "points": 0}), ("products.bf16.error", ERROR, {**ERROR, "p90": -1}),
    ("products.bf16.error", ERROR, {**ERROR, "median": -1}),
    ("attention.bf16.ramp", 0, -1), ("attention.bf16.backward", 0.1, 0), ("attention.bf16.head_multiple", 1, 0),
    ("attention.bf16.backward", 1e11, 1e12), ("collectives.all_gather.group", 2, 1), ("version", 1, 2),
    ("device", "h100-sxm", "h100-SXM"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "accepted", "refused"), BOUNDS)
def test_bounds_of_a_machine_file(place: str, accepted: Any, refused: Any, tmp_path: Path) -> None:
    """The last that ``own_machine_file`` accepts, the first that it does not."""
    assert read(tmp_path, place, accepted).accelerator.id == "h100-sxm"
    with pytest.raises(InputError):
        read(tmp_path, place, refused)


def test_a_rate_half_as_much_again_as_the_fastest_point(tmp_path: Path) -> None:
    """1050 of 700 TFLOP/s is the last that a fit may say, of products and of attention."""
    for place in ("products.bf16.rate", "attention.bf16.rate"):
        assert read(tmp_path, place, "1050 TFLOP/s").accelerator.id == "h100-sxm"
        with pytest.raises(InputError, match="about 700 TFLOP/s at most"):
            read(tmp_path, place, "1051 TFLOP/s")


def test_the_largest_file_of_measurements(tmp_path: Path) -> None:
    """A mebibyte; one byte more is no such file."""
    file = tmp_path / "large.yaml"
    file.write_text("#" * 2**20)
    assert len(content(str(file), "machine", "a file")[0]) == 2**20
    file.write_text("#" * (2**20 + 1))
    with pytest.raises(InputError, match="at most 1,048,576 bytes"):
        content(str(file), "machine", "a file")


def test_eager_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack's own factors, or those of all; the host's beside them."""
    held = {"stacks": ["generic", "nanotron-2025"], "scale": {"pointwise_factor": 3.0, "drag": 1.0},
            "scale_of": {"nanotron-2025": {"forward_host_s": 2.0}}, "host_of": {"nanotron-2025": 5.0}}  # fmt: skip
    monkeypatch.setattr(eager_module, "calibration", lambda: {"eager": held})
    stack = tools(resolve("h100-sxm"), "bf16", "generic", None, None).stack
    assert (is_known("generic"), is_known("megatron-2024")) == (True, False)
    found, said = eager(stack)
    assert found == replace(stack, pointwise_factor=3 * stack.pointwise_factor)
    assert "pointwise_factor × 3 (" in said
    other = replace(stack, name="nanotron-2025")
    assert eager(other)[0] == replace(
        other, forward_host_s=10 * other.forward_host_s, backward_host_s=5 * other.backward_host_s
    )


def test_what_is_on_file_without_a_source() -> None:
    """Every place that another fit changes is one of the calibration; a source that no fit saw changes none."""
    found = on_file_without.__wrapped__()
    assert len(found) > 10
    for changes in found.values():
        assert {place.split("/")[0] for place, _ in changes} <= {"stacks", "fabrics", "ranges"}
        assert any(value is None or value > 0 for _, value in changes)
    assert without("nobody").stacks == calibration()["stacks"]


def test_fits_without_a_source() -> None:
    """A constant changed in its place, what was on file left alone; a stack without rows keeps what is stated of it."""
    held = {"stacks": {"a": {"constants": {"drag": 0.5, "send_exposed": 0, "dropout": 1.0, "recompute": 1}},
                       "b": {"constants": {"drag": {"new": 1.0}}}},
            "fabrics": {"f": {"efficiency": 0.5}}, "ranges": {"a": {"low": 0.5}}}  # fmt: skip
    stated_of_a = {"send_exposed": 0, "dropout": 1.0, "recompute": 1}
    assert stated(held["stacks"]["a"]["constants"]) == stated_of_a
    found = changed(held, [("stacks/b/constants/drag/new", 2.0), ("fabrics/f/efficiency", 0.25), ("stacks/a", None)])
    assert found.stacks == {"a": {"constants": stated_of_a}, "b": {"constants": {"drag": {"new": 2.0}}}}
    assert found.fabrics == {"f": {"efficiency": 0.25}}
    said = {
        "stacks": {"a": {**held["stacks"]["a"], "stated": {"constants": {"drag": 0.75}}}},
        "fabrics": {},
        "ranges": {},
    }
    assert changed(said, [("stacks/a", None)]).stacks["a"]["constants"] == {**stated_of_a, "drag": 0.75}
    said["stacks"]["c"] = {"extends": "a", "constants": {"drag": 0.5, "dropout": 0, "optimizer_bytes": 9.0}}
    left = changed(said, [("stacks/a/constants/drag", 0.25), ("stacks/c", None)]).stacks["c"]["constants"]
    assert left == {**stated_of_a, "drag": 0.25, "dropout": 0}
    assert changed(held, [("ranges/a/low", 0.25)]).ranges == {"a": {"low": 0.25}}
    assert held["stacks"]["b"]["constants"]["drag"] == {"new": 1.0}
    assert changed(held, [("stacks/a/constants/drag/new", 2.0)]).stacks["a"]["constants"]["drag"] == {"new": 2.0}
