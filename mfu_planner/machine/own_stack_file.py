"""What a ``stack.yaml`` may hold; apart, because only a user's file needs pydantic here."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from mfu_planner.facts import Spec

Factor = Annotated[float, pydantic.Field(gt=0.001, lt=1000)]
_FINITE = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ConstantSpec(Spec):
    """One factor on a base stack."""

    model_config = _FINITE
    times: Factor
    """The factor of time."""
    sd: float = pydantic.Field(ge=0)
    """Standard deviation of its natural logarithm, after the runs."""
    prior: float = pydantic.Field(ge=0)
    """The same before them."""
    informed: float = pydantic.Field(ge=0, le=1)
    """Share of the prior's variance that the runs took away."""


class RangeSpec(Spec):
    """Factors around a predicted step time."""

    model_config = _FINITE
    low: float = pydantic.Field(gt=0, le=1)
    high: float = pydantic.Field(ge=1)


class EvidenceSpec(Spec):
    """What the runs behind a calibration were."""

    model_config = _FINITE
    runs: int = pydantic.Field(ge=1)
    """How many."""
    loo_median: float | None = pydantic.Field(default=None, ge=0)
    """Median error of each run predicted by the others; null below two runs."""
    loo_rms: float | None = pydantic.Field(default=None, ge=0)
    """Root mean square of the same, of natural logarithms."""
    range: RangeSpec
    """Of a further run like them: 80% are meant to lie within."""
    models: int
    """How many models they are of."""
    formats: list[str]
    """Their number formats."""
    seq_len: list[float]
    """Shortest and longest [token]."""
    devices: list[float]
    """Fewest and most."""
    params: list[float]
    """Smallest and largest model [parameter]."""
    room: float = pydantic.Field(default=1.0, gt=0, le=1)
    """All of them ran: the share of what the memory model counts beside the states that left them room."""


class RunSpec(Spec):
    """One run that a calibration was fitted on."""

    model_config = _FINITE
    run: str
    """Its file, or its row."""
    sha256: str
    """Of the file."""
    step_s: float = pydantic.Field(gt=0)
    """Measured [s]."""
    base_s: float = pydantic.Field(gt=0)
    """As the base stack predicts it [s]."""
    predicted_s: float = pydantic.Field(gt=0)
    """As the calibrated stack does [s]."""
    left_out_s: float | None = pydantic.Field(default=None, gt=0)
    """As a calibration on the other runs does [s]."""


class StackFile(Spec):
    """A stack calibrated on own runs."""

    model_config = _FINITE
    kind: Literal["stack-calibration"]
    version: Literal[1] = 1
    name: Annotated[str, pydantic.Field(min_length=1, max_length=200)]
    base: str
    machine: str | None = None
    """SHA-256 of the machine file that it was fitted with; null: none."""
    switches: dict[str, float] = pydantic.Field(default_factory=dict)
    constants: dict[str, ConstantSpec]
    covariance: list[list[float]] = pydantic.Field(default_factory=list)
    """Of the factors' natural logarithms, in the order of ``constants``."""
    evidence: EvidenceSpec | None = None
    runs: list[RunSpec] = pydantic.Field(default_factory=list)
