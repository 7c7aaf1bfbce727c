"""MLPerf logs whose one block spans the run: steps are counted between evaluations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mfu_planner import read_log


def line(seconds: float, key: str, value: Any = None, **metadata: int) -> str:
    """A line of MLPerf's logging."""
    said = {"time_ms": seconds * 1000, "event_type": "POINT_IN_TIME", "key": key, "value": value, "metadata": metadata}
    return f":::MLLOG {json.dumps(said)}"


def test_one_block_is_counted_between_its_evaluations() -> None:
    """160 samples in 100 s by batches of 16: 10 s a step; evaluations of 20 s are no steps."""
    lines = [line(0, "global_batch_size", 16), line(0, "max_sequence_length", 2048), line(0, "run_start")]
    lines.append(line(0, "block_start", epoch_num=0, samples_count=0))
    for n in range(1, 6):
        lines.append(line(120 * n - 20, "eval_start", epoch_num=160 * n))
        lines.append(line(120 * n, "eval_stop", epoch_num=160 * n))
    lines += [line(600, "block_stop", epoch_num=0, samples_count=0), line(600, "run_stop")]
    found = read_log("\n".join(lines))
    assert found.step_time_s == pytest.approx(10.0)
    assert found.tokens_per_s == pytest.approx(16 * 2048 / 10)
