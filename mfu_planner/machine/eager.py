"""Eager runs: what PyTorch's own kernels and host add where a stack's constants were fitted on compiled runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mfu_planner.machine.calibrated import calibration

if TYPE_CHECKING:
    from mfu_planner.machine.constants import Stack


def is_known(stack: str) -> bool:
    """Whether an eager run of a stack is another than its constants say (``calibration/eager.yaml``)."""
    return stack in calibration()["eager"]["stacks"]


def eager(stack: Stack) -> tuple[Stack, str]:
    """(the stack as it runs when every operator is launched by itself, what is assumed in words)."""
    held = calibration()["eager"]
    if not is_known(stack.name):
        return stack, f"eager: the constants of {stack.name} are of runs that were not compiled, and stay"
    scale = {name: float(factor) for name, factor in held["scale_of"].get(stack.name, held["scale"]).items()}
    host = float(held["host_of"].get(stack.name, 1.0))
    for name in ("forward_host_s", "backward_host_s"):
        scale[name] = scale.get(name, 1.0) * host
    said = ", ".join(f"{name} × {factor:g}" for name, factor in scale.items() if factor != 1)
    return replace(
        stack, **{n: getattr(stack, n) * f for n, f in scale.items()}
    ), f"eager: {said} (calibration/eager.yaml)"
