"""Public threads whose cause became known (``published_runs/known_causes.csv``), asked with what their posters knew."""

from __future__ import annotations

import csv
import shlex
from dataclasses import dataclass
from typing import Any

from mfu_planner.diagnosis.cases.outcome import within
from mfu_planner.facts import folder

FIRST = 2
"""A measurement that decides stands among this many first actions."""


@dataclass(frozen=True)
class Thread:
    """What the diagnosis made of one thread."""

    id: str
    cause: str
    """The known one."""
    found: str
    """First cause of the diagnosis."""
    confidence: str
    measures: tuple[tuple[str, ...], ...]
    """Causes that each of the first actions would tell apart, where it is a measurement."""
    action: str
    """The first one."""
    speedup: float | None
    """Published, after over before; none where the thread gives no figure."""
    predicted: float
    """Of the first action, 1 where there is none."""
    control: float
    """Observed ÷ predicted step time: the gain that no cause at all would promise."""
    answer: str

    @property
    def right(self) -> bool:
        """The known cause came first."""
        return self.found == self.cause

    @property
    def honest(self) -> bool:
        """Said to be unexplained, with a measurement first that would show the known cause."""
        return self.found == "unexplained" and bool(self.measures) and any(self.cause in told for told in self.measures)

    @property
    def misled(self) -> bool:
        """A wrong cause, stated with confidence."""
        return not self.right and self.found != "unexplained" and self.confidence != "low"

    def near(self, gain: float) -> bool | None:
        """Whether a speed-up is within a factor of 1.5 of the published one; none where none was published."""
        return None if self.speedup is None else within(gain, self.speedup)


def rows() -> list[dict[str, str]]:
    """The threads."""
    with (folder("published_runs") / "known_causes.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def flags_of(text: str) -> dict[str, Any]:
    """Flags as a command line has them."""
    from mfu_planner.questions.evidence import DiagnoseQuestion
    from mfu_planner.questions.question import asks

    known = {name: asked.ask for name, asked in asks(DiagnoseQuestion).items()}
    words = iter(shlex.split(text))
    flags: dict[str, Any] = {}
    for word in words:
        name = word.removeprefix("--").replace("-", "_")
        flags[name] = True if name not in known or known[name].unit == "flag" else next(words)
    if "config" in flags:
        flags["config"] = str(folder("published_runs") / flags["config"])
    return flags


def judged(row: dict[str, str], **more: Any) -> Thread:
    """Diagnose one thread; ``more`` flags, or others (none: left out)."""
    from mfu_planner.diagnosis import diagnose

    found = diagnose(**{**flags_of(row["flags"]), **more})
    first = found.actions[:FIRST]
    return Thread(
        id=row["id"],
        cause=row["cause"],
        found=found.first_cause or "",
        confidence=found.confidence,
        measures=tuple(a.tells for a in first if a.kind == "measure") if first and first[0].kind == "measure" else (),
        action=first[0].change if first else "",
        speedup=float(row["speedup"]) if row["speedup"] else None,
        predicted=first[0].speedup if first else 1.0,
        control=max(found.observed_over_predicted or 1.0, 1.0),
        answer=found.answer,
    )


def threads() -> list[Thread]:
    """Every thread."""
    return [judged(row) for row in rows()]
