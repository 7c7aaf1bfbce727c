"""Fit the matrix-product constants of ``products.yaml`` to measured kernels.

    python calibration/fit_products.py          (needs scipy, which the program itself does not)

Rows: ``data/matrix_products.csv``, 10,584 single kernels, m 1,024 to 16,384, language-model sizes of n and k.
Fitted on
m in {1024, 4096, 16384}; judged on m in {2048, 8192}.  The loss is a soft L1 of the logarithm of predicted ÷ measured.
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

from mfu_planner.machine.constants import ProductRate  # noqa: E402
from mfu_planner.step.kernels import product_time  # noqa: E402

SEEN_ROWS = (1024, 4096, 16384)
LEAST = 64
"""Smallest side of a tile (``products.yaml``, ``least_tile``); no fitted row is as narrow."""
TILES = ((128, 128), (256, 128), (128, 256), (256, 256))


def rate(device: dict, narrow: bool, p: np.ndarray, tile: tuple[int, int]) -> ProductRate:
    """The constants under trial as the program's own record."""
    return ProductRate(
        peak_flops_per_s=device["peak_16_bit"] * (2 if narrow else 1),
        efficiency=p[0],
        depth_overhead=p[1],
        fixed_s=p[2] * 1e-6,
        wave_loss=p[3],
        tile_rows=tile[0],
        tile_columns=tile[1],
        least_tile=LEAST,
        units=device["units"],
        bandwidth_bytes_per_s=device["bandwidth"],
        input_bytes=1.0 if narrow else 2.0,
        output_bytes=2.0,
    )


def fit(device: dict, narrow: bool, rows: np.ndarray) -> dict:
    """The best constants over the tile shapes, with their error on the judged rows."""
    m, n, k, seconds = rows.T
    seen = np.isin(m, SEEN_ROWS)
    best: dict = {}
    for tile in TILES:

        def miss(p: np.ndarray, keep: np.ndarray, tile: tuple[int, int] = tile) -> np.ndarray:
            return np.log(product_time(m[keep], n[keep], k[keep], rate(device, narrow, p, tile)) / seconds[keep])

        found = least_squares(
            miss,
            [0.7, 100.0, 5.0, 0.3],
            bounds=([0.2, 0, 0, 0], [1.1, 2000, 40, 1]),
            args=(seen,),
            x_scale=[0.1, 100, 5, 0.3],
            loss="soft_l1",
            f_scale=0.05,
        )
        judged = np.abs(np.expm1(miss(found.x, ~seen)))
        if not best or found.cost < best["cost"]:
            best = {
                "cost": found.cost,
                "efficiency": round(float(found.x[0]), 4),
                "depth_overhead_elements": round(float(found.x[1]), 1),
                "fixed_us": round(float(found.x[2]), 2),
                "wave_loss": round(float(found.x[3]), 3),
                "tile": list(tile),
                "judged": {
                    "rows": int((~seen).sum()),
                    "median_abs_error": round(float(np.median(judged)), 4),
                    "p90_abs_error": round(float(np.quantile(judged, 0.9)), 4),
                },
            }
    best.pop("cost")
    return best


def main() -> None:
    """Fit every (device, format) of the table and print the YAML block."""
    held = yaml.safe_load((HERE / "products.yaml").read_text("utf-8"))
    table: dict[tuple[str, str], list] = {}
    with (HERE / "data/matrix_products.csv").open() as file:
        for r in csv.DictReader(file):
            key = r["device"], r["dtype"]
            table.setdefault(key, []).append(
                [float(r["m"]), float(r["n"]), float(r["k"]), float(r["latency_us"]) * 1e-6]
            )
    for (device, dtype), rows in table.items():
        narrow = dtype == "fp8"
        block = held["devices"][device]
        block["fp8" if narrow else "bf16"] = fit(block, narrow, np.array(rows))
        sys.stderr.write(f"{device} {dtype} {block['fp8' if narrow else 'bf16']}\n")
    (HERE / "products.yaml").write_text(HEADER + yaml.safe_dump(held, sort_keys=False, width=120), "utf-8")


HEADER = """\
# Matrix products: constants of mfu_planner.step.kernels.product_time, fitted by calibration/fit_products.py.
# efficiency: share of the dense peak; depth_overhead_elements: extra inner length of a tile; fixed_us:
# microseconds of one
# kernel; wave_loss: lost share of the last wave; tile: rows × columns.  The rest of a device's block is what
# the fit took as
# given (units: streaming multiprocessors; bandwidth in byte/s; peak in FLOP/s), from the vendors' data sheets.
"""

if __name__ == "__main__":
    main()
