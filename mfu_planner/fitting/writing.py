"""A calibration as the content of a ``stack.yaml``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mfu_planner.fitting.fit import Calibration
from mfu_planner.fitting.steps import NAMES, Steps
from mfu_planner.questions.filling import BLANKS
from mfu_planner.step.evaluate import device_memory

if TYPE_CHECKING:
    from mfu_planner.step.case import Case


def informed(found: Calibration) -> list[float]:
    """Share of each factor's variance before that the steps took away."""
    left = np.diag(found.fit.covariance) / np.diag(found.before)
    return [float(np.clip(1.0 - share, 0.0, 1.0)) for share in left]


def factors(found: Calibration) -> dict[str, dict[str, float]]:
    """Each factor: its value, its standard deviation [natural log] after and before, what the steps said of it."""
    sd, prior = (np.sqrt(np.diag(c)) for c in (found.fit.covariance, found.before))
    return {
        name: {
            "times": _short(np.exp(found.fit.logs[j])),
            "sd": _short(sd[j]),
            "prior": _short(prior[j]),
            "informed": round(share, 3),
        }
        for j, (name, share) in enumerate(zip(NAMES, informed(found), strict=True))
    }


def evidence(found: Calibration, steps: Steps) -> dict[str, Any]:
    """What the steps behind a calibration were."""
    cases, off = steps.cases, np.abs(np.expm1(found.left_out))
    reach = float(np.exp(found.half_width))
    return {
        "runs": steps.count,
        "loo_median": _short(np.median(off)) if len(off) else None,
        "loo_rms": _short(found.rms) if len(off) else None,
        "range": {"low": _short(1 / reach), "high": _short(reach)},
        "models": len({id(c.architecture) for c in cases}),
        "formats": sorted({str(c.said.echo["dtype"]) for c in cases}),
        "seq_len": _span([c.work.seq_len for c in cases]),
        "devices": _span([c.devices for c in cases]),
        "params": _span([c.division.params for c in cases]),
        "room": min(map(room, cases)),
    }


_LEAST_ROOM = 0.01
"""Where states alone are beyond a device by the model, no share of the rest mends it."""


def room(case: Case) -> float:
    """The share of activations, logits and buffers that leaves a run, which did run, room on its device; 1 where the
    model says that it fits, or micro-batch and recomputation were not said.

    .. math:: r = (U - S)/(H - S)

    U is what a framework can allocate, S the states and H all that the model counts.
    """
    held, usable = device_memory(case), case.machine.usable_bytes
    if any(case.said.given.get(name) is None for name in BLANKS) or not usable or held.total <= usable:
        return 1.0
    states = held.weights + held.gradients + held.optimizer
    return max(_LEAST_ROOM, math.floor(1000.0 * float((usable - states) / (held.total - states))) / 1000.0)


def stack_file(name: str, base: str, machine: str | None, found: Calibration, steps: Steps) -> dict[str, Any]:
    """The content of a ``stack.yaml``, but for its runs."""
    return {
        "kind": "stack-calibration",
        "version": 1,
        "name": name,
        "base": base,
        "machine": machine,
        "constants": factors(found),
        "covariance": [[_short(v) for v in row] for row in found.fit.covariance],
        "evidence": evidence(found, steps),
    }


def _span(values: Sequence[Any]) -> list[float]:
    return [float(min(values)), float(max(values))]


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")
