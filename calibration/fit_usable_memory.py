"""Fit the rule of ``usable_memory.yaml``: what a driver's total leaves to a framework.

    python calibration/fit_usable_memory.py

``kept`` is what the driver withholds from programs (the median over the print-outs of the driver's total minus the
total that the runtime reports) plus half a GiB for the program's context and communication buffers.  ``share`` is 1%
below one: the fullest published run must still be called fitting, which this prints.
"""

from __future__ import annotations

import csv
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from mfu_planner.hardware import resolve_run_key  # noqa: E402
from mfu_planner.hardware._memory import usable_spec  # noqa: E402
from mfu_planner.units import parse  # noqa: E402

CONTEXT = 2**29
GIB = 2**30


def main() -> None:
    """Print the constants and the fullest published runs against them."""
    spec = usable_spec()
    kept = [
        parse(p.driver, "byte", field=p.accelerator) - parse(p.framework, "byte", field=p.accelerator)
        for p in spec.printouts
    ]
    print(f"withheld: median {statistics.median(kept) / 2**20:.0f} MiB, {min(kept) / 2**20:.0f} to", end=" ")
    print(f"{max(kept) / 2**20:.0f} MiB over {len(kept)} devices")
    print(f"kept: {(statistics.median(kept) + CONTEXT) / 2**20:.0f} MiB (written: {spec.rule.kept})")
    fullest = []
    for path in sorted((HERE.parent / "published_runs").glob("*.csv")):
        for row in csv.DictReader(path.open(encoding="utf-8")):
            if row.get("mem_gb_reported") and row.get("hw_key"):
                device, packages = resolve_run_key(row["hw_key"])
                if device.memory_bytes and device.usable_bytes and packages == 1:
                    peak = float(row["mem_gb_reported"]) * GIB
                    fullest.append((peak / device.memory_bytes, peak / device.usable_bytes, row["id"], device.id))
    for of_total, of_usable, name, device_id in sorted(fullest, reverse=True)[:10]:
        print(f"{name} on {device_id}: {of_total:.1%} of the driver's total, {of_usable:.1%} of what is usable")


if __name__ == "__main__":
    main()
