"""Famous runs with a published layout: where it stands in its search, how near its predicted step is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mfu_planner.facts import folder, load_file

DEGREES = ("tp", "pp", "cp", "ep")
FIRST = 5
"""Rows that a reader looks at."""
NEAR = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Famous:
    """One run of ``published_runs/famous.yaml``, searched and predicted."""

    id: str
    source: str
    place: int | None
    """Of the published degrees among the first rows of the search; None: not among them."""
    error: float
    """Predicted ÷ published step time − 1, in the layout that was published."""

    @property
    def near(self) -> bool:
        """Whether the step time is within a tenth."""
        return abs(self.error) <= NEAR


def famous_runs() -> list[dict[str, Any]]:
    """What is on file: question, software, layout, published step, source."""
    found: list[dict[str, Any]] = load_file(folder("published_runs") / "famous.yaml")
    return found


def judged(runs: Sequence[dict[str, Any]] | None = None) -> Iterator[Famous]:
    """Each run as a user would search and predict it with the software that it had."""
    from mfu_planner.answers.predict import predict
    from mfu_planner.searching.search import search

    for run in famous_runs() if runs is None else runs:
        asked, layout, published = {**run["question"], **run["software"]}, run["layout"], run["published"]
        rows = search(**asked, top=FIRST).layouts
        places = [i for i, row in enumerate(rows, 1) if all(row[name] == layout[name] for name in DEGREES)]
        found = predict(**asked, **layout, convention=published.get("convention"))
        error = found.step_time_s / published["step_s"] if "step_s" in published else published["mfu"] / found.mfu
        yield Famous(id=run["id"], source=run["source"], place=min(places, default=None), error=error - 1.0)
