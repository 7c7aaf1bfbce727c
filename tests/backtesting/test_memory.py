"""Peaks of published runs: asked as a user would, held against what ran."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from mfu_planner import memory
from mfu_planner.backtesting.memory import asked, memory_backtest
from mfu_planner.backtesting.runs import RunRow, read_runs

ROWS = {row.id: row for row in read_runs("runs2.csv")}
BLANK = next(row for row in read_runs("runs.csv") if row.id == "mlperf-4.0-032")
LORA = ROWS["peft-mm-lora--llama-3.2-3B-rank32"]


def changed(row: RunRow, **cells: Any) -> RunRow:
    """A published row with something else in some cells."""
    return RunRow({**row.cells, **cells})


def test_the_longest_samples_set_the_peak() -> None:
    """210 tokens are the mean of samples of up to 768 (huggingface/peft): 768 are asked for, with what the row says."""
    name, flags = asked(LORA)
    assert (name, flags["seq_len"], flags["micro_batch"]) == ("memory", 768, 4)
    (result,) = memory_backtest([LORA])["rows"]
    assert result["predicted"] == memory(**flags).total_bytes
    (mean,) = memory_backtest([changed(LORA, notes="adapter: LORA")])["rows"]
    assert mean["predicted"] < 0.7 * result["predicted"]


def test_what_a_row_does_not_say_of_recomputation_is_not_asked() -> None:
    """The least that fits is taken, as for a user; what it says stays."""
    said = {name: asked(changed(BLANK, recompute=name))[1]["recompute"] for name in ("none", "full")}
    assert said == {"none": "none", "full": "full"}
    blank = asked(changed(BLANK, recompute=""))[1]
    assert "recompute" not in blank
    assert memory(**blank).fits
    assert not memory(**blank, recompute="none").fits


def test_what_trains_in_pure_16_bits_keeps_no_32_bit_weight() -> None:
    """torchtune's recipes: weights of 2 byte, moments paged or of 2 byte each; DeepSpeed's Adam keeps 12 byte."""
    full, adapters = ROWS["torchtune-8b-full-a6000"], ROWS["torchtune-70b-lora-a100"]
    (alone,) = memory_backtest([full])["rows"]
    (other,) = memory_backtest([changed(full, source="", notes="deepspeed")])["rows"]
    params = 8_030_261_248
    assert 2 * params < alone["predicted"] < 2 * params + 12 * 2**30
    assert other["predicted"] > 16 * params
    assert asked(full)[1]["optimizer"] == "adam-8bit-paged"
    assert asked(adapters)[1]["optimizer"] == "adam-bf16"
    assert "optimizer_in_backward" not in asked(adapters)[1]
    assert "optimizer" not in asked(LORA)[1]


@pytest.fixture(scope="session")
def second() -> list[dict[str, Any]]:
    """The back-test of the second collection."""
    return list(memory_backtest(list(ROWS.values()))["rows"])


@pytest.mark.xdist_group("second collection")
@pytest.mark.parametrize(("source", "most"), [("peft", 0.12), ("mnano2", 0.12), ("mindspeed", 0.10), ("mcore", 0.25)])
def test_peaks_are_near(source: str, most: float, second: list[dict[str, Any]]) -> None:
    """Median error of peaks that the source prints (adapters, one node, long sequences, Megatron's own tests)."""
    errors = [abs(row["error"]) for row in second if row["source"] == source and row["error"] is not None]
    assert statistics.median(errors) < most


@pytest.mark.xdist_group("second collection")
def test_what_ran_is_called_fitting(second: list[dict[str, Any]]) -> None:
    """Of rows without a peak too: 97% of the second collection."""
    ran = [row for row in second if row["ran"] and row["fits"] is not None]
    assert len(ran) > 200
    assert sum(row["fits"] for row in ran) >= 0.97 * len(ran)
