"""Fit how wide ranges are: errors of every source by constants that never saw it, against what is known of each row.

    python calibration/fit_ranges.py          (after fit_stacks.py and fit_without.py)

The scale of an error is a product of factors, one for each thing that is not known, each doubling beyond published
sizes, and each halving of the predicted MFU where no run of the stack on such devices is on file, fitted by the
likelihood of Student's t, which a few broken rows do not move.  The ends are the 10th and 90th percentile of errors
over their scales.  Rows are judged with their own stack and without one being named; rows of a known source that no
fit of constants saw stand for a case that is like published ones.  A source counts as at most fifteen rows.  Writes
``ranges.yaml`` and, fitted again without each source, ``ranges_without.csv``.
"""

from __future__ import annotations

import pathlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import build_index  # noqa: E402
from fit_without import Changes, write  # noqa: E402

from mfu_planner.answers.trust import DOUBTS, SIZES, Known, doublings, halvings, kind_of, known_of, unknown  # noqa: E402
from mfu_planner.backtesting.question import read_case  # noqa: E402
from mfu_planner.backtesting.runs import COLLECTIONS, RunRow, read_runs  # noqa: E402
from mfu_planner.backtesting.selection import stalled, used_for_calibration  # noqa: E402
from mfu_planner.backtesting.steptime import AS_ON_FILE, Way, predict_rows  # noqa: E402

MOST_ROWS = 15.0
"""A source counts as at most so many rows."""
MOST_DOUBLINGS = 4.0
WIDEST, WIDEST_DOUBLING, WIDEST_HALVING = 1.5, 0.4, 0.8
"""The most that one thing widens a range [natural log], one doubling of a size, one halving of the MFU."""
USUAL_MFU = 0.6
"""What well-run jobs reach: below it a range widens."""
TAIL = 3.0
"""Degrees of freedom of Student's t."""
RIDGE = 0.008
"""Weight of the squared logarithms of the factors."""
ROUNDS = 400
INSIDE = (0.1, 0.9)
HELD = {"most_doublings": MOST_DOUBLINGS, "usual_mfu": USUAL_MFU}
"""What is not fitted."""
WAYS = (Way(leave_out=True), Way(leave_out=True, default_stack=True), AS_ON_FILE)


@dataclass(frozen=True, kw_only=True)
class Error:
    """One judged prediction."""

    source: str
    way: Way
    miss: float
    """Natural logarithm of published ÷ predicted."""
    known: Known


def errors(runs: Sequence[RunRow]) -> Iterator[Error]:
    """Every row by constants without its source, with its stack and with none named; on file where no fit saw it."""
    fitted_on = {run.source for run in runs if used_for_calibration(run)}
    for way in WAYS:
        for run, found in zip(runs, predict_rows(runs, way), strict=True):
            if found["skipped"] is not None or stalled(run):
                continue
            if way.leave_out or (run.source in fitted_on and not used_for_calibration(run)):
                known = known_of(read_case(run, default_stack=way.default_stack).request.case, found["predicted"])
                yield Error(
                    source=run.source, way=way, miss=float(np.log(found["published"] / found["predicted"])), known=known
                )


def seen_in(rows: Sequence[Error]) -> dict[str, Any]:
    """Stack → kind of device and format → source → places of its runs, as whole base-two logarithms of the sizes."""
    found: dict[str, Any] = {}
    for row in rows:
        if row.way.leave_out and not row.way.default_stack:
            kinds = found.setdefault(row.known.stack, {}).setdefault(kind_of(row.known.device, row.known.dtype), {})
            places = kinds.setdefault(row.source, [])
            if (place := [round(x) for x in row.known.place]) not in places:
                places.append(place)
    return found


def amounts(row: Error, seen: Mapping[str, Any]) -> list[float]:
    """What is not known of a row: 1 or 0 for each doubt, doublings beyond what was seen, halvings of the MFU."""
    missing, spans = unknown(row.known, seen, row.source if row.way.leave_out else None)
    beyond = doublings(row.known, spans, MOST_DOUBLINGS).values()
    return [*(float(name in missing) for name in DOUBTS), *beyond, halvings(row.known, missing, HELD)]


def quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """Weighed quantile."""
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][min(len(values) - 1, np.searchsorted(total, share * total[-1]))])


def fitted(miss: np.ndarray, table: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    """Ends and factors, to three digits: projected steps of a fixed, shrinking length along the smoothed gradient."""
    weight = weight / weight.sum()
    full = np.column_stack([np.ones(len(miss)), table])
    most = np.array([9.0] + [WIDEST] * len(DOUBTS) + [WIDEST_DOUBLING] * len(SIZES) + [WIDEST_HALVING])
    firm = np.array([0.0] + [RIDGE] * (full.shape[1] - 1))
    at = np.zeros(full.shape[1])
    at[0] = np.log(0.1)
    mean, square = np.zeros_like(at), np.zeros_like(at)
    for turn in range(1, ROUNDS + 1):
        ratio = miss**2 * np.exp(-2.0 * (full @ at)) / TAIL
        slope = full.T @ (weight * (1.0 - (TAIL + 1.0) * ratio / (1.0 + ratio))) + firm * at
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        length = 0.08 * (1.0 - turn / (ROUNDS + 1.0))
        at = at - length * (mean / (1.0 - 0.9**turn)) / (np.sqrt(square / (1.0 - 0.99**turn)) + 1e-9)
        at = np.clip(at, [-9.0] + [0.0] * (len(at) - 1), most)
    scaled = miss / np.exp(full[:, 1:] @ at[1:])
    low, high = (quantile(scaled, weight, share) for share in INSIDE)
    short = [float(f"{np.exp(x):.3g}") for x in at[1:]]
    return {
        "low": float(f"{-low:.3g}"),
        "high": float(f"{high:.3g}"),
        "wider": dict(zip(DOUBTS, short, strict=False)),
        "beyond": dict(zip(SIZES, short[len(DOUBTS) : -1], strict=True)),
        "slow": short[-1],
    }


def weights(rows: Sequence[Error]) -> np.ndarray:
    """Each row's weight: all of a source and way count as at most :data:`MOST_ROWS`."""
    count = Counter((row.source, row.way) for row in rows)
    return np.array([min(count[row.source, row.way], MOST_ROWS) / count[row.source, row.way] for row in rows])


def flat(found: Mapping[str, Any], path: str = "ranges") -> Changes:
    """(place, value) of every number."""
    pairs: Changes = []
    for name, value in found.items():
        pairs += flat(value, f"{path}/{name}") if isinstance(value, dict) else [(f"{path}/{name}", value)]
    return pairs


def main() -> None:
    """Both files."""
    rows = list(errors([run for file in COLLECTIONS for run in read_runs(file)]))
    seen = seen_in(rows)
    miss, weight = np.array([row.miss for row in rows]), weights(rows)
    table = np.array([amounts(row, seen) for row in rows])
    sources = np.array([row.source for row in rows])
    held = {**fitted(miss, table, weight), **HELD, "sources": len(set(sources)), "seen": seen}
    head = (
        "# How far a predicted step time reaches (written by fit_ranges.py; read by mfu_planner.answers.trust).\n"
        "# low, high: natural logarithms of the factors around a case like published runs; wider: factor on both for\n"
        "# each thing that is not known; beyond: factor for each doubling beyond published sizes; slow: factor\n"
        "# for each halving of the predicted MFU below usual_mfu where no run on such devices is on file; seen:\n"
        "# base-two logarithms of parameters, devices and sequence length of the runs of each source.\n"
    )
    text = yaml.safe_dump(held, sort_keys=False, width=120, default_flow_style=None)
    (HERE / "ranges.yaml").write_text(head + text, "utf-8")
    others = {s: sources != s for s in sorted(set(sources))}
    found = {s: flat(fitted(miss[k], table[k], weight[k])) for s, k in others.items()}
    write(found, HERE / "ranges_without.csv", "# Ranges fitted without one source, by fit_ranges.py")
    (HERE / "index.json").write_text(build_index.text(), "utf-8")


if __name__ == "__main__":
    main()
