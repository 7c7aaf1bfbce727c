"""Fit the constants of software stacks and networks to published runs, as ``fits.yaml`` says.

    python calibration/fit_stacks.py [RUNS.csv] [FIT ...]

Each fit names the rows it may see (by source and model size), and for every free constant a prior, the
standard deviation of its logarithm and, where physics sets them, the least and greatest value: what the kernel tables,
vendors and papers say before any run is looked at.  The loss is a soft L1 of the logarithm of predicted ÷ published
step time plus the priors, so few rows cannot push a constant far.  Rows that differ only in accumulation count together
as one, and each selection of a fit weighs the same.  The fit of the generic stack sees every source, each with the same
small weight: its rows are predicted with what their own stacks state of themselves and the generic constants.

All fits begin at their priors, not at what is on file, so that a second run gives the same constants; they are run in
turn :data:`TURNS` times, since each takes what the others found.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import yaml

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import build_index  # noqa: E402
from fit_rows import Base, Part, Rows, read_rows, weights  # noqa: E402
from fitting import Fit  # noqa: E402

from mfu_planner.backtesting.runs import COLLECTIONS, RunRow, read_runs  # noqa: E402
from mfu_planner.backtesting.selection import selects  # noqa: E402
from mfu_planner.machine.without import Constants, changed  # noqa: E402

TURNS = 2
"""Times that all fits are run: the generic stack is fitted with networks that the others fit."""


def place(name: str, stack: str) -> str:
    """Place of a free constant in the calibration."""
    if name.startswith("fabric:"):
        return "/".join(("fabrics", *name.removeprefix("fabric:").split(".")))
    return "/".join(("stacks", stack, "constants", *name.split(".")))


def parts_of(spec: Mapping[str, Any], rows: Sequence[Rows]) -> list[Part]:
    """The rows that a fit sees."""
    if "each_source" in spec:
        return weights(rows, lambda run: run.source, spec["each_source"])

    def chosen(run: RunRow) -> int | None:
        return next((i for i, said in enumerate(spec["rows"]) if selects(said, run)), None)

    return weights(rows, chosen)


def base_of(spec: Mapping[str, Any], known: Constants) -> Base:
    """The constants that a fit starts from: what is known of its stack; of the generic one, with what each says."""
    known = replace(known, stacks=build_index.inherited(known.stacks))
    if spec["stack"] == "generic":
        known = changed(vars(known), [(f"stacks/{name}", None) for name in known.stacks if name != "generic"])

    def found(rows: Rows):
        asked = rows.cases[0].request
        return known.of(rows.case.machine, rows.case.stack, rows.network, asked.accelerator.id)

    return found


def fit(spec: Mapping[str, Any], rows: Sequence[Rows], known: Constants) -> dict[str, float]:
    """The constants of one fit by their place; none where it has no rows."""
    parts = parts_of(spec, rows)
    if not parts:
        return {}
    found = Fit(parts, spec["free"], base_of(spec, known), **spec.get("loss", {}))
    at = found.best()
    miss = np.abs(np.expm1(found.misses(at[None])[0]))
    sys.stderr.write(f"{spec['name']}: {len(miss)} rows, median {np.median(miss):.3f} mean {miss.mean():.3f}\n")
    return {place(name, spec["stack"]): value for name, value in found.values(at).items()}


def specs() -> list[dict[str, Any]]:
    """The fits, in their order: the generic stack first, which the others fall back on."""
    return [spec for spec in yaml.safe_load((HERE / "fits.yaml").read_text("utf-8")) if spec["free"]]


def save(found: Constants) -> None:
    """Write fitted constants into stacks.yaml and fabrics.yaml."""
    for file, values in (("stacks", found.stacks), ("fabrics", found.fabrics)):
        path = HERE / f"{file}.yaml"
        text = path.read_text("utf-8")
        head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        held = {**yaml.safe_load(text), **values}
        path.write_text(head + yaml.safe_dump(held, sort_keys=False, width=120), "utf-8")


def on_file() -> Constants:
    """The constants as they are."""
    held = {file: yaml.safe_load((HERE / f"{file}.yaml").read_text("utf-8")) for file in ("stacks", "fabrics")}
    found = {f: {n: each for n, each in held[f].items() if isinstance(each, dict)} for f in held}
    return Constants(**found, ranges={})


def main() -> None:
    """Run all fits, or those named."""
    arguments = sys.argv[1:]
    files = [arguments.pop(0)] if arguments and arguments[0].endswith(".csv") else COLLECTIONS
    (HERE / "index.json").write_text(build_index.text(), "utf-8")
    rows, known = read_rows([run for file in files for run in read_runs(file)]), on_file()
    asked = [spec for spec in specs() if not arguments or spec["name"] in arguments]
    known = changed(vars(known), [(place(n, s["stack"]), f[0]) for s in asked for n, f in s["free"].items()])
    for spec in asked * TURNS:
        known = changed(vars(known), fit(spec, rows, known).items())
    save(known)
    (HERE / "index.json").write_text(build_index.text(), "utf-8")


if __name__ == "__main__":
    main()
