"""Is this MFU good?  The rule of thumb, and the published runs around it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from mfu_planner.ranges import similar_to
from mfu_planner.subject import Subject

_GRADES = (
    (1.0, "impossible", "above the peak of the hardware: something in the number is wrong"),
    (0.5, "good", "above 50%"),
    (0.35, "fair", "35 to 50%: usual for well-run jobs"),
    (0.2, "low", "20 to 35%: worth a look at where the time goes"),
    (0.0, "poor", "below 20%: most of the money is wasted"),
)


class Verdict(BaseModel):
    """A grade by the rule of thumb, and where similar published runs stand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grade: str
    """good, fair, low, poor or impossible."""
    meaning: str
    similar_runs: int
    similar_basis: str
    similar_low: float | None
    similar_typical: float | None
    similar_high: float | None
    comparable_mfu: float | None
    """This run's MFU under the convention of the published range."""
    share_below: float | None
    """Share of the similar published runs that reached less."""
    sources: tuple[str, ...]


def grade(mfu: float) -> tuple[str, str]:
    """The rule of thumb: above 50% is good, 10 to 20% is poor."""
    return next((name, meaning) for least, name, meaning in _GRADES if mfu > least or least == 0.0)


def verdict(subject: Subject, values: Mapping[str, float]) -> Verdict | None:
    """Judge a measured MFU against the rule and against published runs of similar size on the same hardware."""
    name, meaning = grade(values["mfu"])
    found = similar_to(subject, subject.devices)
    return Verdict(
        grade=name,
        meaning=meaning,
        similar_runs=found.n if found else 0,
        similar_basis=found.basis if found else "no similar published runs are on file",
        similar_low=found.low if found else None,
        similar_typical=found.typical if found else None,
        similar_high=found.high if found else None,
        comparable_mfu=values["mfu"] if found else None,
        share_below=found.share_below(values["mfu"]) if found else None,
        sources=found.links if found else (),
    )
