"""The answer to a step-time question."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from mfu_planner.answers.footprint import Held
from mfu_planner.answers.results import Finding, KeyedResult, OnDevices
from mfu_planner.run.goodput import Job


class Part(TypedDict):
    """One line of the waterfall."""

    name: str
    seconds: float
    share: float
    """Of the step."""
    meaning: str


class Spread(TypedDict):
    """The range of ``step_time_s`` [s], and what it rests on."""

    low: float
    high: float
    basis: str


class Demand(TypedDict):
    """What the input pipeline must deliver."""

    tokens_per_s: float
    bytes_per_s: float | None
    """Of token ids; None where a work unit is no token: how large an image's file is, the loader's owner knows."""


class Prediction(OnDevices, KeyedResult):
    """One training step for a layout, with no target MFU given."""

    inputs: dict[str, Any]
    """Every flag, defaults filled in."""
    step_time_s: float
    work_unit: str
    """token or sample: what a rate counts."""
    tokens_per_s: float
    """Work units per second: tokens (source and target together), or samples."""
    tokens_per_s_per_device: float
    mfu: float
    hfu: float
    """With recomputation, counted as ``measure`` counts it."""
    achieved_flops_per_s_per_device: float
    peak_flops_per_s: float
    convention: str
    by_convention: dict[str, float | None]
    device_bound: float
    """Share of a micro-batch that the device sets, not the host that launches."""
    waterfall: tuple[Part, ...]
    """From the peak down; the seconds add up to the step."""
    memory: Held
    input: Demand
    job: Job
    range: Spread
    assumptions: tuple[str, ...]
    sensitivities: tuple[dict[str, Any], ...] = ()
    """Under ``explain``: d ln result / d ln of each size and constant, largest first: name, exponent, meaning."""
    not_modelled: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    """An MFU or HFU above 100%, and why the convention that was asked for gives it."""
