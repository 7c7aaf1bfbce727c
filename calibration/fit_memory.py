"""Fit what software stacks add to the memory mathematics (``memory.yaml``) to published peaks.

    python calibration/fit_memory.py [STACK...]          (needs scipy, which the program itself does not)

Rows: those of ``published_runs/`` with a peak that ``fits`` of ``memory.yaml`` names.  Priors: 4 byte of gradient, 12
byte per logit, activations as the operators keep them, 1 GB fixed.  Loss: soft L1 of the logarithm of predicted ÷
published.  Without a name every stack is fitted.
"""

from __future__ import annotations

import pathlib
import sys
from dataclasses import replace

import numpy as np
import yaml
from scipy.optimize import least_squares

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import build_index  # noqa: E402

from mfu_planner.backtesting.memory import predict_group, read_peak  # noqa: E402
from mfu_planner.backtesting.runs import COLLECTIONS, Unusable, read_runs  # noqa: E402
from mfu_planner.backtesting.selection import selects  # noqa: E402
from mfu_planner.backtesting.stated import stated_memory  # noqa: E402
from mfu_planner.backtesting.steptime import grouped  # noqa: E402

SCALE = 0.05
PRIOR = {
    "gradient_bytes": (4.0, 0.3, 2.0, 8.0),
    "logit_bytes": (12.0, 0.4, 0.5, 40.0),
    "activation_factor": (1.1, 0.2, 0.8, 2.0),
    "gathered_inputs": (3.0, 0.5, 0.5, 20.0),
    "fixed_bytes": (1.0e9, 1.0, 5e7, 1.2e10),
    "gathered_layers": (2.0, 0.3, 1.0, 8.0),
}


def fit(spec: dict, rows: list) -> dict[str, float]:
    """Constants of one stack."""
    cases, peaks = [], {}
    for row in rows:
        if any(selects(chosen, row) for chosen in spec["rows"]) and stated_memory(row):
            try:
                case = read_peak(row)
            except Unusable:
                continue
            cases.append(case)
            peaks[case.id] = stated_memory(row)
    groups = grouped(cases)
    target = np.log([peaks[c.id] for g in groups for c in g])
    names = spec.get("free", list(PRIOR))
    prior = np.log([PRIOR[n][0] for n in names])
    spread = np.array([PRIOR[n][1] for n in names])
    low, high = np.log([PRIOR[n][2] for n in names]), np.log([PRIOR[n][3] for n in names])

    def miss(logs: np.ndarray) -> np.ndarray:
        values = {n: float(v) for n, v in zip(names, np.exp(logs), strict=True)}
        found = [np.broadcast_to(predict_group(g, lambda _, c: replace(c, **values)), (len(g),)) for g in groups]
        return np.log(np.concatenate(found)) - target

    pull = max(1.0, len(target) ** 0.5 / 6.0)
    found = least_squares(
        lambda x: np.concatenate([miss(x) / SCALE, pull * (x - prior) / spread]),
        prior,
        loss="soft_l1",
        diff_step=1e-3,
        bounds=(low, high),
    )
    error = np.abs(np.expm1(miss(found.x)))
    sys.stderr.write(f"{spec['stack']}: {len(target)} rows, median {np.median(error):.3f} mean {error.mean():.3f}\n")
    return {n: float(f"{v:.4g}") for n, v in zip(names, np.exp(found.x), strict=True)}


def main() -> None:
    """Fit every stack of ``memory.yaml``'s ``fits``."""
    (HERE / "index.json").write_text(build_index.text(), "utf-8")
    path = HERE / "memory.yaml"
    text = path.read_text("utf-8")
    held = yaml.safe_load(text)
    rows = [row for file in COLLECTIONS for row in read_runs(file)]
    for spec in held["fits"]:
        if sys.argv[1:] and spec["stack"] not in sys.argv[1:]:
            continue
        held["stacks"][spec["stack"]] = fit(spec, rows)
        sys.stderr.write(f"   {held['stacks'][spec['stack']]}\n")
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    path.write_text(head + yaml.safe_dump(held, sort_keys=False, width=120), "utf-8")
    (HERE / "index.json").write_text(build_index.text(), "utf-8")


if __name__ == "__main__":
    main()
