"""Fit the constants of software stacks and networks to published runs, as ``fits.yaml`` says.

    python calibration/fit_stacks.py [RUNS.csv] [FIT ...]          (needs scipy, which the program itself does not)

Each fit names the rows it may see (by source and model size), and for every free constant a prior, the
standard deviation
of its logarithm and, where physics sets them, the least and greatest value: what the kernel tables, vendors
and papers say before any run is looked at.  The loss is a soft L1 of the
logarithm of predicted ÷ published step time plus the priors, so few rows cannot push a constant far.  Rows
that differ only
in accumulation count together as one, and each selection of a fit weighs the same.
"""

from __future__ import annotations

import collections
import pathlib
import sys

import numpy as np
import yaml
from scipy.optimize import least_squares

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import build_index  # noqa: E402

from mfu_planner.backtesting.case import RowCase  # noqa: E402
from mfu_planner.backtesting.question import read_case  # noqa: E402
from mfu_planner.backtesting.runs import Unusable, read_runs  # noqa: E402
from mfu_planner.backtesting.selection import selects  # noqa: E402
from mfu_planner.backtesting.stated import published_step_time  # noqa: E402
from mfu_planner.backtesting.steptime import grouped, predict_group  # noqa: E402
from mfu_planner.machine import calibrated  # noqa: E402

SCALE = 0.05
"""Error [natural log] above which a row counts linearly."""


def place(name: str, stack: str) -> list[str]:
    """Path of a free constant in the calibration object."""
    if name.startswith("fabric:"):
        fabric, constant = name.removeprefix("fabric:").split(".")
        return ["fabrics", fabric, constant]
    return ["stacks", stack, "constants", *name.split(".")]


def put(path: list[str], value: float) -> None:
    """Set one constant in the program's calibration object."""
    node = calibrated.calibration()
    for key in path[:-1]:
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    node[path[-1]] = value


def variant(case: RowCase) -> tuple:
    """Rows that differ in their batch or sharding alone say little more than one of them."""
    layout, asked = case.layout, case.request
    return (id(case.architecture), layout.tp, layout.pp, layout.micro_batch, asked.accelerator.id, asked.dtype)


def fit(spec: dict, rows: list) -> dict[str, float]:
    """The constants of one fit."""
    cases, seconds, part = [], {}, {}
    for row in rows:
        part[row.id] = next((i for i, chosen in enumerate(spec["rows"]) if selects(chosen, row)), None)
        if part[row.id] is None:
            continue
        try:
            case = read_case(row)
        except Unusable:
            continue
        published = published_step_time(row, case)
        if published is not None:
            cases.append(case)
            seconds[case.id] = published
    groups = grouped(cases)
    ordered = [case for group in groups for case in group]
    target = np.log([seconds[c.id] for c in ordered])
    same = collections.Counter(variant(c) for c in ordered)
    weight = np.array([same[variant(c)] ** -0.5 for c in ordered])
    total = collections.Counter()
    for c, w in zip(ordered, weight, strict=True):
        total[part[c.id]] += w * w
    mean = sum(total.values()) / len(total)
    weight = weight * np.array([(mean / total[part[c.id]]) ** 0.5 for c in ordered])
    names = list(spec["free"])
    prior = np.log([spec["free"][n][0] for n in names])
    spread = np.array([spec["free"][n][1] for n in names])
    low = np.log([spec["free"][n][2] if len(spec["free"][n]) > 2 else spec["free"][n][0] / 20 for n in names])
    high = np.log([spec["free"][n][3] if len(spec["free"][n]) > 3 else spec["free"][n][0] * 20 for n in names])
    pull = max(1.0, np.sqrt((weight**2).sum()) / 6.0)

    def miss(logs: np.ndarray) -> np.ndarray:
        for name, value in zip(names, np.exp(logs), strict=True):
            put(place(name, spec["stack"]), float(value))
        calibrated.stack.cache_clear()
        predicted = np.concatenate([np.broadcast_to(predict_group(g), (len(g),)) for g in groups])
        return np.log(predicted) - target

    def loss(logs: np.ndarray) -> np.ndarray:
        return np.concatenate([weight * miss(logs) / SCALE, pull * (logs - prior) / spread])

    found = least_squares(loss, prior, loss="soft_l1", diff_step=1e-3, max_nfev=40, bounds=(low, high))
    error = np.abs(np.expm1(miss(found.x)))
    sys.stderr.write(f"{spec['name']}: {len(ordered)} rows, median {np.median(error):.3f} mean {error.mean():.3f}\n")
    return {name: float(f"{np.exp(value):.4g}") for name, value in zip(names, found.x, strict=True)}


def save(values: dict[str, float], stack: str) -> None:
    """Write fitted constants into stacks.yaml and fabrics.yaml."""
    for file in ("stacks", "fabrics"):
        path = HERE / f"{file}.yaml"
        text = path.read_text("utf-8")
        held = yaml.safe_load(text)
        for name, value in values.items():
            keys = place(name, stack)
            if keys[0] != file:
                continue
            node = held
            for key in keys[1:-1]:
                if not isinstance(node.get(key), dict):
                    node[key] = {}
                node = node[key]
            node[keys[-1]] = value
        head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
        path.write_text(head + yaml.safe_dump(held, sort_keys=False, width=120), "utf-8")


def main() -> None:
    """Run all fits, or those named."""
    arguments = sys.argv[1:]
    runs = arguments.pop(0) if arguments and arguments[0].endswith(".csv") else HERE.parent / "published_runs/runs.csv"
    (HERE / "index.json").write_text(build_index.text(), "utf-8")
    rows = read_runs(runs)
    for spec in yaml.safe_load((HERE / "fits.yaml").read_text("utf-8")):
        if not spec["free"] or (arguments and spec["name"] not in arguments):
            continue
        values = fit(spec, rows)
        sys.stderr.write(f"   {values}\n")
        save(values, spec["stack"])
    (HERE / "index.json").write_text(build_index.text(), "utf-8")


if __name__ == "__main__":
    main()
