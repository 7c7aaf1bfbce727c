"""FLOPs of one architecture at a million (batch, sequence) points, through the compiled expression."""

from __future__ import annotations

import time

import numpy as np

from mfu_planner.counting.sweep import compile_flops
from mfu_planner.operators import Workload
from mfu_planner.questions.model import choose_model

POINTS = 1_000_000
MODELS = ("llama-3.1-8b", "deepseek-v3", "gpt-oss-120b", "qwen3-next-80b-a3b", "nemotron-h-8b")


def main() -> None:
    """Print seconds for a million points, counted over all pairs and over allowed pairs."""
    rng = np.random.default_rng(0)
    batch = rng.integers(1, 4096, POINTS).astype(np.float64)
    length = rng.integers(128, 131_072, POINTS).astype(np.float64)
    work = Workload(batch, length)
    for name in MODELS:
        architecture = choose_model(model=name).architecture
        assert architecture is not None
        seconds = []
        for case in (work, work.allowed()):
            start = time.perf_counter()
            compile_flops(architecture)(case)
            seconds.append(time.perf_counter() - start)
        print(f"{name:22} {POINTS:,} points: full {seconds[0]:.3f} s, causal {seconds[1]:.3f} s")


if __name__ == "__main__":
    main()
