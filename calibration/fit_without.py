"""Fit every constant again without each source of published runs in turn: ``without.csv``.

    python calibration/fit_without.py [SOURCE ...]         (after fit_stacks.py; all sources, or those named)

Constants that the source had no part in are left out of the file.  Where a fit has no other rows, its stack is unknown
without the source (what its papers state of it stays) and its networks go back to their priors.  Measured tables of
products and collectives are nobody's runs and stay.
"""

from __future__ import annotations

import csv
import pathlib
import sys
from collections.abc import Mapping, Sequence

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from fit_rows import Rows, read_rows  # noqa: E402
from fit_stacks import base_of, fit, on_file, parts_of, place, specs  # noqa: E402
from fitting import Fit  # noqa: E402

from mfu_planner.backtesting.runs import COLLECTIONS, read_runs  # noqa: E402
from mfu_planner.machine.without import UNKNOWN, Constants, changed, on_file_without  # noqa: E402

FILE = HERE / "without.csv"
_HEAD = "# Constants fitted without one source, by fit_without.py; unknown: no other runs of the stack"


Changes = list[tuple[str, float | None]]
"""(place, value) of constants; None: nothing is left of the stack."""


class Generic:
    """The fit that sees every source: one source moves it little, so its derivatives lead near."""

    def __init__(self, rows: Sequence[Rows], known: Constants) -> None:
        self.spec = next(spec for spec in specs() if spec["stack"] == "generic")
        self.fit = Fit(parts_of(self.spec, rows), self.spec["free"], base_of(self.spec, known), **self.spec["loss"])
        self.at = self.fit.best()
        self.slopes = self.fit.slopes(self.at)

    def without(self, source: str) -> Changes:
        """Its constants without a source."""
        values = self.fit.values(self.fit.without(source, self.at, *self.slopes))
        return [(place(name, "generic"), value) for name, value in values.items()]


def changes(source: str, rows: Sequence[Rows], known: Constants, generic: Changes) -> Changes:
    """Every constant that is another without the source."""
    rest, found = [group for group in rows if group.source != source], generic
    known = changed(vars(known), generic)
    for spec in specs():
        if spec["stack"] == "generic" or all(part.rows.source != source for part in parts_of(spec, rows)):
            continue
        made: Changes = list(fit(spec, rest, known).items())
        if not made:
            networks = [(place(n, ""), f[0]) for n, f in spec["free"].items() if n.startswith("fabric:")]
            made = [(f"stacks/{spec['stack']}", None), *networks]
        known = changed(vars(known), made)
        found = found + made
    return found


def write(found: Mapping[str, Changes], path: pathlib.Path, head: str) -> None:
    """A file of all sources."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{head}\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("source", "place", "value"))
        for source, each in sorted(found.items()):
            table.writerows((source, where, UNKNOWN if value is None else f"{value:.4g}") for where, value in each)


def main() -> None:
    """All sources, or those named beside the others as they are on file."""
    rows, known = read_rows([run for file in COLLECTIONS for run in read_runs(file)]), on_file()
    generic, named = Generic(rows, known), sys.argv[1:]
    asked = [s for s in sorted({group.source for group in rows}) if not named or s in named]
    found = {s: changes(s, rows, known, generic.without(s)) for s in asked}
    kept = on_file_without() if named else {}
    others = {s: [(at, value) for at, value in each if not at.startswith("ranges")] for s, each in kept.items()}
    write({**others, **found}, FILE, _HEAD)


if __name__ == "__main__":
    main()
