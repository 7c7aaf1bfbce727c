"""What the lessons compute: the learner's own step made slow by each cause, and what each cure gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from mfu_planner.answers.predict import predict
from mfu_planner.errors import PlannerError
from mfu_planner.hardware._own import in_use
from mfu_planner.ui.text import N_

Given = dict[str, Any]
NOTICED = 1.05
"""A step this many times as long is visibly slower: a change that does less is followed by a stronger one."""
_SLOWER = (4, 16, 64)
_TENSOR = (16, 8, 4, 2, 32)
_BATCHES = tuple(2**n for n in range(10))
_MORE = 4
"""A larger global batch, in times the learner's."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a lesson needs of a prediction."""

    step_s: float
    rate: float
    """Work units (tokens or samples) per second."""
    unit: str
    mfu: float
    parts: tuple[tuple[str, float], ...]
    """(part of the waterfall, seconds)."""
    inputs: Given
    loader_bytes_per_s: float | None
    """None where a unit is no token."""
    fits: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """Changes to a question, and the words for them."""

    changes: Given
    said: str
    """Marked for translation; ``values`` fills it."""
    values: Given = field(default_factory=dict)


def told(given: Given) -> Told | None:
    """The step of a question; None where it cannot be predicted."""
    return _told(given, in_use())


@st.cache_data(max_entries=512, ttl=3600, show_spinner=False)
def _told(given: Given, own: Any) -> Told | None:  # noqa: ARG001  the own hardware is a part of the key
    try:
        p = predict(**given)
    except PlannerError:
        return None
    usable = p.memory["usable_bytes"]
    return Told(
        step_s=p.step_time_s,
        rate=p.tokens_per_s,
        unit=p.work_unit,
        mfu=p.mfu,
        parts=tuple((part["name"], part["seconds"]) for part in p.waterfall),
        inputs=p.inputs,
        loader_bytes_per_s=p.input["bytes_per_s"],
        fits=usable is None or p.memory["total_bytes"] <= usable,
    )


def changed(given: Given, changes: Given) -> Given:
    """The question with changes; with another TP the rest of the devices is data parallel."""
    kept = {k: v for k, v in given.items() if k != "dp"} if "tp" in changes else given
    return {**kept, **changes}


def slowed(cause: str, given: Given, base: Told) -> tuple[Scene, Told] | None:
    """The mildest scene of a cause (by its slug) that slows the step visibly, else the one that slows it most."""
    worst = None
    for scene in _scenes(cause, base):
        found = told(changed(given, scene.changes))
        if found is None:
            continue
        if worst is None or found.step_s > worst[1].step_s:
            worst = (scene, found)
        if found.step_s >= NOTICED * base.step_s:
            break
    return worst


def _scenes(cause: str, base: Told) -> Iterator[Scene]:
    if cause == "data-loading":
        yield starved(base)
    elif cause == "cpu":
        for n in _SLOWER:
            yield Scene(_factors(base, host=n, fixed=n), N_("a host {n} times slower"), {"n": n})
    elif cause == "kernel-launch":
        yield Scene({"compile": False}, N_("every operator launched by itself"))
        yield Scene({"compile": False, "micro_batch": 1}, N_("every operator launched by itself, one sample at a time"))
        for n in _SLOWER:
            yield Scene(_factors(base, host=n), N_("{n} times as many kernels"), {"n": n})
    elif cause == "communication":
        before = int(base.inputs["tp"])
        for tp in _TENSOR:
            if tp > before:
                yield Scene({"tp": tp}, N_("TP {tp} in place of {before}"), {"tp": tp, "before": before})
        for n in _SLOWER:
            yield Scene(_factors(base, communication=n), N_("links {n} times slower"), {"n": n})
    else:
        yield Scene({"attention_kernel": "unfused"}, N_("attention that writes its scores to memory"))
        yield Scene({"dtype": "fp32"}, N_("matrix products in FP32"))


def starved(base: Told) -> Scene:
    """A loader that delivers half of what the step could take."""
    return Scene({"loader_tokens_per_s": base.rate / 2}, N_("a loader half as fast as the step"))


def _factors(base: Told, **times: float) -> Given:
    said = {"sd": 0.0, "prior": 0.0, "informed": 0.0}
    constants = {name: {"times": float(n), **said} for name, n in times.items()}
    name = str(base.inputs["stack"])
    return {"stack": {"kind": "stack-calibration", "name": name, "base": name, "constants": constants}}


@dataclass(frozen=True, slots=True)
class Cure:
    """One cure: the step before and after it; None where one of the two cannot be predicted."""

    slug: str
    before: Told | None
    after: Told | None
    values: Given = field(default_factory=dict)

    @property
    def gain(self) -> float | None:
        """How many times more work a second."""
        return None if self.before is None or self.after is None else self.after.rate / self.before.rate


def cures(given: Given, base: Told) -> tuple[Cure, ...]:
    """The cures, each on the learner's own step; a batch grows in two ways."""
    own = int(base.inputs["micro_batch"])
    tried = [(told(changed(given, {"micro_batch": n})), n) for n in sorted({*_BATCHES, own})]
    fitting = [(t, n) for t, n in tried if t is not None and t.fits]
    best, batch = max(fitting, key=lambda found: found[0].rate, default=(None, own))
    sequences = int(base.inputs["global_batch"])
    narrow = "bf16" if base.inputs["dtype"] == "fp32" else str(base.inputs["dtype"])
    poor = {"compile": False, "attention_kernel": "unfused", "micro_batch": 1}
    good = {"compile": True, "attention_kernel": "fused", "micro_batch": batch}

    def pair(slug: str, before: Given, after: Given, **values: Any) -> Cure:
        return Cure(slug, told(changed(given, before)), told(changed(given, after)), values)

    return (
        pair("workers", starved(base).changes, {}),
        Cure("batch", tried[0][0], best, {"n": batch}),
        pair("global", {}, {"global_batch": _MORE * sequences}, was=sequences, n=_MORE * sequences),
        pair("compile", {"compile": False}, {"compile": True}),
        pair("precision", {"dtype": "fp32"}, {"dtype": narrow}, narrow=narrow),
        pair("compute", poor, good, n=batch),
    )
