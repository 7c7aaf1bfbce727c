"""A machine as its user measured it: its figures in every answer, known by content, for its own device alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfu_planner import InputError, diagnose, measure, memory, predict, search
from mfu_planner.hardware import OwnDevice, lookup
from mfu_planner.machine.own_machine import read_machine
from mfu_planner.machine.toolbox import tools
from mfu_planner.step.kernels import issue_bound

FILE = Path(__file__).parent / "machine.yaml"
ASKED: dict[str, Any] = {"model": "gpt2", "devices": 1, "global_batch": 8, "dtype": "fp32"}


def changed(where: Path, **changes: Any) -> str:
    """The file with values put in: ``products__fp32__rate="1 TFLOP/s"``."""
    held = yaml.safe_load(FILE.read_text())
    for path, value in changes.items():
        *way, last = path.split("__")
        block = held
        for key in way:
            block = block[key]
        block[last] = value
    file = where / f"{len(list(where.iterdir()))}.yaml"
    file.write_text(yaml.safe_dump(held))
    return str(file)


def parts(file: Any, **more: Any) -> dict[str, float]:
    """Seconds of the step by part."""
    return {p["name"]: p["seconds"] for p in predict(**ASKED, machine=file, stack="generic", **more).waterfall}


def test_the_constants_are_the_files() -> None:
    """By hand: 113 of 117 GFLOP/s, 0.4 ms a layer, 4 ns · 42 GB/s = 168 byte a parameter."""
    device = read_machine(FILE).accelerator
    box, stack, said, _ = tools(device, "fp32", "generic", None, None, None, FILE)
    assert box.products.efficiency * box.peak_flops_per_s == pytest.approx(113e9)
    assert box.peak_flops_per_s == box.wide_peak_flops_per_s == 117e9
    assert (box.products.units, box.products.tile_rows, box.products.input_bytes) == (1, 1, 4.0)
    assert box.bandwidth_bytes_per_s == 42e9
    assert box.issues_itself
    assert stack.attention_fraction * box.wide_peak_flops_per_s == pytest.approx(60e9)
    assert stack.forward_host_s == pytest.approx(4e-4)
    assert stack.optimizer_bytes == pytest.approx(168.0)
    assert "measured on 2026-11-30" in said[0]


def test_a_cpu_issues_its_own_kernels() -> None:
    """Issuing adds to the work where the device does it, and hides behind it elsewhere."""
    assert issue_bound(3.0, 2.0) == 3.0
    assert issue_bound(3.0, 2.0, issues_itself=True) == 5.0
    layers, each = 12, 4e-4 + 6e-4
    assert parts(FILE)["launch"] == pytest.approx(layers * each + 2e-3)  # one micro-batch of the 8


def test_every_measured_figure_moves_its_own_part(tmp_path: Path) -> None:
    """Half the attention rate doubles attention; the update takes its time per parameter; nothing else moves."""
    before = parts(FILE)
    after = parts(changed(tmp_path, optimizer__adamw="8 ns"))
    grown = {name for name in before if after[name] != pytest.approx(before[name], rel=1e-9)}
    assert grown == {"optimizer"}
    assert after["optimizer"] - before["optimizer"] == pytest.approx(4e-9 * 124_439_808, rel=0.02)
    slow = parts(changed(tmp_path, attention__fp32__rate="30 GFLOP/s"))
    assert slow["attention"] > 1.9 * before["attention"]
    assert slow["pointwise"] == pytest.approx(before["pointwise"])


def test_every_question_takes_it() -> None:
    """The same device, peak and step wherever it is named."""
    step = predict(**ASKED, machine=str(FILE))
    assert step.inputs["hardware"] == "cpu-test"
    assert memory(**ASKED, machine=str(FILE)).total_bytes > 0
    asked = {k: v for k, v in ASKED.items() if k != "devices"}
    best = search(**asked, devices=1, machine=str(FILE), top=1).layouts[0]
    assert predict(**best["question"]).step_time_s == pytest.approx(best["step_time_s"], rel=1e-9)
    rate = measure(model="gpt2", dtype="fp32", machine=FILE, tokens_per_second_per_device=80)
    assert rate.peak_flops_per_s == 117e9
    why = diagnose(**ASKED, machine=str(FILE), mfu=0.4, micro_batch=1, recompute="none", search=False)
    alone = predict(**ASKED, machine=str(FILE), micro_batch=1, recompute="none")
    assert why.predicted_mfu == pytest.approx(alone.mfu)


def test_a_device_of_the_catalogue(tmp_path: Path) -> None:
    """Its peak stays the data sheet's, its rates are the file's."""
    file = changed(tmp_path, device="h100-pcie", own=None)
    found = predict(**ASKED, machine=file)
    assert found.peak_flops_per_s == lookup("h100-pcie").accelerator.peak_flops_per_s("fp32")
    with pytest.raises(InputError, match=r"machine: got 'h100-pcie'; accepted: a machine file of a100-sxm-80gb"):
        predict(**ASKED, machine=file, hardware="a100-sxm-80gb")


def test_it_counts_by_its_content(tmp_path: Path) -> None:
    """Two files never share an answer; a stack calibrated with one is refused with another."""
    fast = changed(tmp_path, products__fp32__rate="116 GFLOP/s")
    assert parts(fast)["matmul_inefficiency"] < parts(FILE)["matmul_inefficiency"]
    stack = {
        "kind": "stack-calibration", "name": "ours", "base": "generic", "constants": {},
        "machine": hashlib.sha256(FILE.read_bytes()).hexdigest(),
    }  # fmt: skip
    assert predict(**ASKED, machine=FILE, stack=stack).step_time_s > 0
    with pytest.raises(InputError, match="machine: got 'a file of SHA-256"):
        predict(**ASKED, machine=fast, stack=stack)


def test_an_own_device_stands_for_itself() -> None:
    """Its name alone is unknown to everybody else."""
    device = read_machine(FILE).accelerator
    assert lookup(OwnDevice("file", lambda: device)).accelerator is device
    assert lookup(OwnDevice("cpu-test", lambda: device, named=True)).accelerator is device
    assert lookup(OwnDevice("h100-pcie", lambda: device, named=True)).accelerator.id == "h100-pcie"
    with pytest.raises(InputError, match="cpu-test"):
        lookup("cpu-test")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"products__fp32__rate": "fast"}, r"products\.fp32\.rate"),
        ({"issue__overlaps": "yes"}, r"issue\.overlaps"),
        ({"attention__fp32__ramp": float("nan")}, r"attention\.fp32\.ramp"),
        ({"device": "h100-sxm5", "own": None}, "device"),
        ({"products": {}}, "products"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_broken_file_is_one_line(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    """It names the key."""
    with pytest.raises(InputError, match=said) as error:
        predict(**ASKED, machine=changed(tmp_path, **change))
    assert "\n" not in str(error.value)
