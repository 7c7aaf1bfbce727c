"""What a step of the meter costs: ``python benchmarks/meter_overhead.py``.

Microseconds a step, best of repeats, with and without a file, each with one ``waiting()`` around an empty fetch.
"""

from __future__ import annotations

import tempfile
import timeit
from pathlib import Path

from mfu_planner.observe.meter import Meter

_STEPS, _REPEATS = 20_000, 7


def microseconds(meter: Meter) -> float:
    """Best mean time of a waiting context and a step."""

    def step() -> None:
        with meter.waiting():
            pass
        meter.step(524_288)

    return min(timeit.repeat(step, number=_STEPS, repeat=_REPEATS)) / _STEPS * 1e6


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"without a file {microseconds(Meter(flops_per_token=6e9, peak=1e15)):6.2f} µs a step")
        with Meter(flops_per_token=6e9, peak=1e15, path=Path(folder) / "meter.jsonl", rank=0) as meter:
            print(f"with a file    {microseconds(meter):6.2f} µs a step")


if __name__ == "__main__":
    main()
