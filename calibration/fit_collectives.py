"""Fit the in-node collective constants of ``collectives.yaml`` to measured latencies.

    python calibration/fit_collectives.py          (needs scipy, which the program itself does not)

Rows: ``data/collectives.csv``, 1,848 NCCL latencies, 512 byte to 512 MiB, 2, 4 and 8 devices of one node.
Fitted on 2 and 8
devices, judged on 4.  Loss: soft L1 of the logarithm of predicted ÷ measured.
"""

from __future__ import annotations

import csv
import pathlib
import sys

import numpy as np
import yaml
from scipy.optimize import least_squares

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from mfu_planner.machine.constants import LinkRate  # noqa: E402
from mfu_planner.step.collectives import in_node_time  # noqa: E402

FACTORS = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0, "alltoall": 1.0}


def fit(collective: str, rows: np.ndarray) -> dict:
    """Four constants of one (device, collective)."""
    group, size, seconds = rows.T
    seen = group != 4 if np.any(group > 4) else group > 0

    def miss(p: np.ndarray, keep: np.ndarray) -> np.ndarray:
        link = LinkRate(p[0] * 1e-6, p[1] * 1e-6, p[2] * 1e9, p[3] * 1e6)
        return np.log(in_node_time(size[keep], group[keep], FACTORS[collective], link) / seconds[keep])

    found = least_squares(
        miss,
        [8, 1, 300, 5],
        bounds=([0, 0, 1, 0], [60, 10, 2000, 300]),
        args=(seen,),
        x_scale=[5, 1, 100, 5],
        loss="soft_l1",
        f_scale=0.1,
    )
    judged = np.abs(np.expm1(miss(found.x, ~seen if np.any(~seen) else seen)))
    start, hop, speed, ramp = (round(float(x), 2) for x in found.x)
    return {
        "start_us": start,
        "hop_us": hop,
        "bandwidth_gb_per_s": speed,
        "ramp_mb": ramp,
        "judged_median_abs_error": round(float(np.median(judged)), 3),
    }


def main() -> None:
    """Fit every (device, collective) and write the YAML."""
    held = yaml.safe_load((HERE / "collectives.yaml").read_text("utf-8"))
    table: dict[tuple[str, str], list] = {}
    with (HERE / "data/collectives.csv").open() as file:
        for r in csv.DictReader(file):
            key = r["device"], r["collective"]
            table.setdefault(key, []).append(
                [float(r["n_devices"]), float(r["size_bytes"]), float(r["latency_us"]) * 1e-6]
            )
    names = {block["measured_as"]: block for block in held["devices"].values()}
    for (device, collective), rows in table.items():
        names[device][collective] = fit(collective, np.array(rows))
    (HERE / "collectives.yaml").write_text(HEADER + yaml.safe_dump(held, sort_keys=False, width=120), "utf-8")


HEADER = """\
# Collectives inside a node: constants of mfu_planner.step.collectives.in_node_time, by
# calibration/fit_collectives.py.
# start_us, hop_us: microseconds of an empty message and per further device; bandwidth_gb_per_s: 10^9 byte/s
# per device in the
# ring's count; ramp_mb: 10^6 byte sent at half speed.
"""

if __name__ == "__main__":
    main()
