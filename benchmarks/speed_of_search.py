"""Layouts per second on one core, and the time of one warm prediction.

    python benchmarks/speed_of_search.py

Prints layouts per second, time and memory of the whole space of GPT-3 175B on 1,024 devices, and milliseconds
of one prediction (median of 200, after warm-up).
"""

from __future__ import annotations

import resource
import statistics
import time

from mfu_planner.answers.predict import predict
from mfu_planner.searching.search import search

QUESTION = {"model": "gpt-3-175b", "hardware": "a100-sxm-80gb", "devices": 1024, "global_batch": 1536, "seq_len": 2048}


def main() -> None:
    """Measure and print."""
    said = search(**QUESTION)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"GPT-3 175B on 1,024 devices: {said['evaluated']:,} layouts in {said['elapsed_s']:.2f} s, peak {held:.2f} GiB"
    )
    print(f"layouts per second: {said['evaluated'] / said['elapsed_s']:,.0f}")
    took = []
    for _ in range(220):
        start = time.perf_counter()
        predict(**QUESTION, tp=8, pp=8, recompute="full")
        took.append(time.perf_counter() - start)
    print(f"one prediction, warm: {1e3 * statistics.median(took[20:]):.2f} ms")


if __name__ == "__main__":
    main()
