"""What a stack file may hold, to the last value that is accepted; memory beside the states; whom one device meets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from mfu_planner.hardware import resolve
from mfu_planner.machine.base_weights import stored_bytes
from mfu_planner.machine.memory import BESIDE_STATES, memory_constants
from mfu_planner.machine.own_stack_file import ConstantSpec, EvidenceSpec, RangeSpec, RunSpec
from mfu_planner.machine.toolbox import Wires, tools

HELD: dict[type[Any], dict[str, Any]] = {
    ConstantSpec: {"times": 1.0, "sd": 0.0, "prior": 0.0, "informed": 0.0},
    RangeSpec: {"low": 1.0, "high": 1.0},
    EvidenceSpec: {
        "runs": 1, "range": {"low": 1.0, "high": 1.0}, "models": 1, "formats": [], "seq_len": [], "devices": [],
        "params": [],
    },
    RunSpec: {"run": "a", "sha256": "0", "step_s": 1.0, "base_s": 1.0, "predicted_s": 1.0},
}  # fmt: skip
"""The least that each part takes."""


@pytest.mark.parametrize(
    ("part", "field", "good", "bad"),
    [
        (ConstantSpec, "times", (0.0011, 999.0), (0.001, 1000.0)),
        (ConstantSpec, "sd", (0.0, 5.0), (-1e-9,)),
        (ConstantSpec, "prior", (0.0, 5.0), (-1e-9,)),
        (ConstantSpec, "informed", (0.0, 1.0), (-1e-9, 1.0001)),
        (RangeSpec, "low", (1e-9, 1.0), (0.0, 1.0001)),
        (RangeSpec, "high", (1.0, 9.0), (0.9999,)),
        (EvidenceSpec, "runs", (1, 9), (0,)),
        (EvidenceSpec, "loo_median", (0.0, None), (-1e-9,)),
        (EvidenceSpec, "loo_rms", (0.0, None), (-1e-9,)),
        (EvidenceSpec, "room", (1e-9, 1.0), (0.0, 1.0001)),
        (RunSpec, "step_s", (1e-9,), (0.0,)),
        (RunSpec, "base_s", (1e-9,), (0.0,)),
        (RunSpec, "predicted_s", (1e-9,), (0.0,)),
        (RunSpec, "left_out_s", (1e-9, None), (0.0,)),
    ],
)
def test_the_last_value_that_is_accepted(part: type[Any], field: str, good: tuple[Any, ...], bad: tuple[Any, ...]):
    for value in good:
        assert getattr(part(**{**HELD[part], field: value}), field) == value
    for value in bad:
        with pytest.raises(ValidationError):
            part(**{**HELD[part], field: value})


def test_nothing_is_known_of_room_that_is_not_said() -> None:
    assert EvidenceSpec(**HELD[EvidenceSpec]).room == 1.0


@pytest.mark.parametrize(("room", "factor"), [(1.0, 1.0), (0.5, 0.5), (None, 1.0)])
def test_runs_that_ran_leave_less_room(room: float | None, factor: float) -> None:
    """What stands beside the states shrinks, the states do not."""
    evidence = None if room is None else SimpleNamespace(room=room)
    own: Any = SimpleNamespace(evidence=evidence)
    found, plain = memory_constants.__wrapped__("generic", own), memory_constants("generic")
    assert found.gradient_bytes == plain.gradient_bytes
    for name in BESIDE_STATES:
        assert getattr(found, name) == factor * getattr(plain, name)


def test_a_scale_of_a_tensor_is_shared_by_all_its_weights() -> None:
    """fp8: one byte a weight and four for the scale of a matrix."""
    assert stored_bytes("fp8", 8, 4) == 1 + 4 / 32


@pytest.mark.parametrize(("cluster", "devices", "said"), [(None, 1, False), ("dgx-h100", 1, True), (None, 8, True)])
def test_one_device_meets_nobody(cluster: str | None, devices: int, said: bool) -> None:
    """No network is assumed for it, but for one that is named."""
    _, _, told, _ = tools(resolve("h100-sxm"), "bf16", "generic", cluster, None, Wires(devices=devices))
    assert any("dgx-h100" in line.lower() or "cluster" in line for line in told) == said
