"""Factors of time on a machine and a stack, multiplied out by hand; attention kernels by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mfu_planner.errors import InputError
from mfu_planner.hardware import resolve
from mfu_planner.machine import multipliers as module
from mfu_planner.machine.multipliers import Multiplier, multiplied, multipliers
from mfu_planner.machine.own_stack import read_stack
from mfu_planner.machine.toolbox import Wires, tools


def factor(**moves: Any) -> dict[str, Multiplier]:
    """One factor that moves these constants."""
    return {"x": Multiplier(name="x", meaning="", sd=0.1, measured_sd=0.1, **moves)}


def by(monkeypatch: pytest.MonkeyPatch, times: float, dtype: str = "bf16", **moves: Any) -> tuple[Any, Any, Any, Any]:
    """(machine, stack) before and after, of constants that are 3 and half hidden."""
    before, software, _, _ = tools(resolve("h100-sxm"), dtype, "generic", None, None)
    software = replace(software, product_factor=3.0, data_hidden=0.5)
    monkeypatch.setattr(module, "multipliers", lambda: factor(**moves))
    return (before, software, *multiplied(before, software, {"x": times}))


def test_times_go_up_and_rates_go_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times 1.5: 3 → 4.5, or → 2; rates of the network and of every link; what is not hidden, 0.5 → 0.75."""
    moves = {
        "slower": ("stack.product_factor",),
        "faster": ("fabric.nic_bytes_per_s", "links.bandwidth_bytes_per_s"),
        "exposed": ("stack.data_hidden",),
    }
    box, _, machine, stack = by(monkeypatch, 1.5, **moves)
    assert (stack.product_factor, stack.data_hidden) == (4.5, pytest.approx(0.25))
    assert machine.fabric.nic_bytes_per_s == box.fabric.nic_bytes_per_s / 1.5
    assert {k: v.bandwidth_bytes_per_s for k, v in machine.links.items()} == {
        k: v.bandwidth_bytes_per_s / 1.5 for k, v in box.links.items()
    }


@pytest.mark.parametrize(("times", "hidden"), [(3.0, 0.0), (2.0, 0.0), (1.0, 0.5), (0.5, 0.75), (0.0, 1.0)])
def test_shares_stay_shares(monkeypatch: pytest.MonkeyPatch, times: float, hidden: float) -> None:
    """1 − 0.5 · times, never below nought."""
    assert by(monkeypatch, times, exposed=("stack.data_hidden",))[3].data_hidden == hidden


@pytest.mark.parametrize(("dtype", "expected"), [("bf16", 3.0), ("fp8", 6.0)])
def test_factors_of_narrow_products(monkeypatch: pytest.MonkeyPatch, dtype: str, expected: float) -> None:
    """A run in 16 bits has none."""
    moves = {"slower": ("stack.product_factor",), "narrow_only": True}
    assert by(monkeypatch, 2.0, dtype, **moves)[3].product_factor == expected


def test_measured_factors_vary_as_said_or_as_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prior with a machine file is the prior without one, where nothing else is said."""
    held = {
        "a": {"meaning": "", "sd": 0.2, "slower": ["stack.drag"]},
        "b": {"meaning": "", "sd": 0.2, "measured_sd": 9},
    }
    monkeypatch.setattr(module, "calibration", lambda: {"multipliers": {"multipliers": held}})
    multipliers.cache_clear()
    found = multipliers()
    multipliers.cache_clear()
    assert (found["a"].measured_sd, found["b"].measured_sd) == (0.2, 9)
    assert (found["a"].slower, found["a"].narrow_only) == (("stack.drag",), False)


@pytest.mark.parametrize(("kernel", "fused"), [("fused", 1.0), ("unfused", 0.0)])
def test_kernels_by_name(kernel: str, fused: float) -> None:
    """Said, it replaces the stack's; unknown, it is refused."""
    for name in ("generic", "megatron-2021"):
        assert tools(resolve("a100-sxm-80gb"), "bf16", name, None, kernel).stack.fused_attention == fused
    assert tools(resolve("a100-sxm-80gb"), "bf16", "megatron-2021", None, None).stack.fused_attention == 0
    with pytest.raises(InputError, match="fused"):
        tools(resolve("a100-sxm-80gb"), "bf16", "generic", None, "fusd")


FILE: dict[str, Any] = {"kind": "stack-calibration", "name": "ours", "base": "generic", "constants": {}}
EVIDENCE = {"runs": 1, "range": {"low": 1.0, "high": 1.0}, "models": 1, "formats": [], "seq_len": [], "devices": [],
            "params": []}  # fmt: skip
RUN = {"run": "a", "sha256": "b", "step_s": 0.1, "base_s": 0.1, "predicted_s": 0.1}


def constant(**change: float) -> dict[str, Any]:
    """A file with one factor."""
    return {"constants": {"product": {"times": 1.0, "sd": 0.0, "prior": 0.0, "informed": 0.0, **change}}}


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({}, True), ({"version": 2}, False), ({"name": ""}, False), ({"name": "x" * 200}, True),
        ({"name": "x" * 201}, False),
        (constant(), True), (constant(times=0.0011), True), (constant(times=0.001), False),
        (constant(times=999.0), True), (constant(times=1000.0), False), (constant(sd=-0.1), False),
        (constant(prior=-0.1), False), (constant(informed=1.0), True), (constant(informed=1.1), False),
        (constant(informed=-0.1), False),
        ({"evidence": EVIDENCE}, True), ({"evidence": {**EVIDENCE, "runs": 0}}, False),
        ({"evidence": {**EVIDENCE, "loo_median": 0.0, "loo_rms": 0.0}}, True),
        ({"evidence": {**EVIDENCE, "loo_median": -0.1}}, False), ({"evidence": {**EVIDENCE, "loo_rms": -0.1}}, False),
        ({"evidence": {**EVIDENCE, "range": {"low": 0.0, "high": 1.0}}}, False),
        ({"evidence": {**EVIDENCE, "range": {"low": 1.1, "high": 1.2}}}, False),
        ({"evidence": {**EVIDENCE, "range": {"low": 0.5, "high": 0.9}}}, False),
        ({"runs": [RUN]}, True), *(({"runs": [{**RUN, name: 0.0}]}, False)
                                    for name in ("step_s", "base_s", "predicted_s", "left_out_s")),
    ],
)  # fmt: skip
def test_what_a_stack_file_may_say(change: dict[str, Any], accepted: bool) -> None:
    """Factors between a thousandth and a thousand, shares from nought to one, times above nought, at least one run."""
    if accepted:
        assert read_stack({**FILE, **change}) is not None
    else:
        with pytest.raises(InputError):
            read_stack({**FILE, **change})


def test_a_stack_is_meant_for_its_machine() -> None:
    """The file that it was calibrated with, or none; what was given is said."""
    plain, fitted = read_stack(FILE), read_stack({**FILE, "machine": "a" * 64})
    assert plain is not None
    assert fitted is not None
    plain.meant_for(None)
    fitted.meant_for("a" * 64)
    with pytest.raises(InputError, match="got 'none'; accepted: the machine file of SHA-256 aaaaaaaaaaaa…"):
        fitted.meant_for(None)
    with pytest.raises(InputError, match="got 'a file of SHA-256 bbbbbbbbbbbb…'; accepted: no --machine"):
        plain.meant_for("b" * 64)


def test_a_cluster_by_its_name_or_the_usual_one() -> None:
    """A named one is said to be given; without a name it is assumed; 2 devices on a switch are no bridge's."""
    for name, how in (("dgx-h100", "given"), (None, "assumed")):
        found = tools(resolve("h100-sxm"), "bf16", "generic", name, None)
        assert f"({how})" in found.said[-1]
        assert found.own is None
    alone = tools(resolve("h100-sxm"), "bf16", "generic", None, None, Wires(devices=2))
    assert alone.machine == found.machine
    paired = tools(resolve("a100-pcie-80gb"), "bf16", "generic", None, None, Wires(devices=4))
    assert "PCIe at 32 GB/s a direction the others of a host" in paired.said[-1]


@pytest.mark.parametrize(("room", "said"), [(1.0, ""), (0.8, "they ran, so 80% of its activations and buffers")])
def test_room_that_runs_left_is_said(room: float, said: str) -> None:
    """Where they fitted as counted, nothing is."""
    own = {**FILE, "evidence": {**EVIDENCE, "room": room}}
    (line,) = [s for s in tools(resolve("h100-sxm"), "bf16", own, None, None).said if "calibrated on own runs" in s]
    assert said in line
    assert ("they ran" in line) == bool(said)


@pytest.mark.parametrize(
    ("device", "dtype", "stack", "fused"),
    [
        ("h100-sxm", "bf16", "megatron-2024", 1.0),
        ("v100-sxm-32gb", "fp16", "megatron-2024", 0.0),  # no FlashAttention on Volta
        ("h100-sxm", "fp32", "megatron-2024", 0.0),  # nor in 32 bits
        ("v100-sxm-32gb", "fp16", "megatron-2021", 0.0),  # which had none anyway
    ],
)
def test_where_flash_attention_does_not_run(device: str, dtype: str, stack: str, fused: float) -> None:
    """Without it, and said, unless the kernel is named."""
    found = tools(resolve(device), dtype, stack, None, None)
    assert found.stack.fused_attention == fused
    assert any("FlashAttention runs neither" in s for s in found.said) == (not fused and stack == "megatron-2024")
    assert tools(resolve(device), dtype, stack, None, "fused").stack.fused_attention == 1
