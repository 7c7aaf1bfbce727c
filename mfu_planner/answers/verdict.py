"""Is this MFU good?  The published runs around it, and the rule of thumb."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.ranges import similar_to
from mfu_planner.facts import shipped_json
from mfu_planner.questions.subject import Subject
from mfu_planner.run.frozen import Frozen

if TYPE_CHECKING:
    from mfu_planner.published.similar import Similar


@cache
def rule_of_thumb() -> dict[str, Any]:
    """The grades with their thresholds and sources, and what is doubtful in itself (published_runs/grades.json)."""
    held: dict[str, Any] = shipped_json("published_runs", "grades.json")
    return held


PLACES = {
    "inside": "as similar published runs do",
    "below": "below similar published runs",
    "above": "above similar published runs",
    "above all": "above every similar published run, a reason to doubt the number",
    "none known": "no similar published run is on file",
}
"""Where a figure stands in the range of similar runs, in words."""


class Verdict(Frozen):
    """Where an MFU stands among similar published runs, and its grade by the rule of thumb."""

    place: str
    """Of the range of similar runs: inside, below, above, above all; none known."""
    grade: str
    """By the rule of thumb: good, fair, low, poor or impossible."""
    meaning: str
    similar_runs: int
    similar_basis: str
    similar_low: float | None
    similar_typical: float | None
    similar_high: float | None
    share_below: float | None
    """Share of the similar published runs that reached less."""
    sources: tuple[str, ...]


def grade(mfu: float) -> tuple[str, str]:
    """The rule of thumb: above 50% is good, below 20% is poor; (grade, meaning)."""
    grades = rule_of_thumb()["grades"]
    found = next((g for g in grades if mfu > g["above"]), grades[-1])
    return found["grade"], found["meaning"]


def verdict(subject: Subject, values: Mapping[str, float]) -> Verdict:
    """Judge a measured MFU against the rule and against published runs of similar size on the same hardware.

    More work than the peak allows, with what is recomputed, is impossible whatever the MFU.
    """
    executed = values.get("hfu", 0.0)
    name, meaning = grade(executed if executed > 1 else values["mfu"])
    found = similar_to(subject, subject.devices)
    return Verdict(
        place=_place(values["mfu"], found),
        grade=name,
        meaning=meaning,
        similar_runs=found.n if found else 0,
        similar_basis=found.basis if found else "no similar published runs are on file",
        similar_low=found.low if found else None,
        similar_typical=found.typical if found else None,
        similar_high=found.high if found else None,
        share_below=found.share_below(values["mfu"]) if found else None,
        sources=found.links if found else (),
    )


def _place(mfu: float, found: Similar | None) -> str:
    if found is None:
        return "none known"
    if mfu < found.low:
        return "below"
    if mfu > found.values[-1]:
        return "above all"
    return "above" if mfu > found.high else "inside"
