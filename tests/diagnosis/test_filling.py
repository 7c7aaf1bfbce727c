"""What a run leaves open is filled as every question fills it; that it fits is said only where it does."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import diagnose, memory, predict
from mfu_planner.diagnosis.filling import fill

EIGHT: dict[str, Any] = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "seq_len": 8192, "zero": 3}


def filled(flags: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The flags after filling, and what was said."""
    given, said = dict(flags), []
    fill(given, said)
    return given, said


@pytest.mark.parametrize("more", [{}, {"recompute": "full"}, {"micro_batch": 1}, {"devices": 64, "tp": 2, "zero": 1}])
def test_a_diagnosis_fills_what_a_prediction_fills(more: dict[str, Any]) -> None:
    """The same micro-batch and recomputation, in the same words."""
    flags = {**EIGHT, "global_batch": 512, **more}
    given, said = filled(flags)
    alone = predict(**flags)
    assert [given[n] for n in ("micro_batch", "recompute")] == [alone.inputs[n] for n in ("micro_batch", "recompute")]
    assert [line for line in said if "fastest" in line] == [a for a in alone.assumptions if "fastest" in a]
    assert any("fastest" in line for line in said) == (alone.memory.fits is True)


def test_nothing_that_fits_is_never_called_fitting() -> None:
    """A 405B model's states on 8 devices: no layout of them fits."""
    flags = {**EIGHT, "model": "llama-3.1-405b", "global_batch": 8}
    for given in (flags, {k: v for k, v in flags.items() if k != "global_batch"}):
        said = filled(given)[1]
        assert any("no micro-batch fits" in line for line in said)
        assert not any("the fastest that fits" in line or "most that fits" in line for line in said)
    found = diagnose(**flags, mfu="30%")
    assert not any("the fastest that fits" in line for line in found.assumptions)


def test_without_a_batch_the_micro_batch_is_the_quickest_that_fits() -> None:
    """Each size asked by itself: the one of the most tokens a second that memory says fits, without recomputation."""
    given, said = filled(EIGHT | {"seq_len": 2048})
    rates = {}
    for micro in (1, 2, 4, 8):
        flags = {**EIGHT, "seq_len": 2048, "micro_batch": micro, "recompute": "none", "global_batch": 8 * micro}
        if memory(**flags).fits:
            rates[micro] = predict(**flags).tokens_per_s
    assert given["micro_batch"] == max(rates, key=lambda m: rates[m])
    assert given["global_batch"] == 8 * given["micro_batch"]
    assert any(line.startswith(f"micro-batch {given['micro_batch']}: the fastest that fits") for line in said)


def test_a_run_faster_than_what_was_assumed_is_another_run() -> None:
    """DeepSeek-V3 at 610 tokens/s a device: no shard of 16,384 devices without expert parallelism comes near."""
    rate = {"model": "deepseek-v3", "hardware": "h100-sxm", "devices": 16384, "tokens_per_second": "10M"}
    found = diagnose(**rate)
    assert found.observed_over_predicted is not None
    assert found.observed_over_predicted < 0.5
    assert found.answer.startswith("As described the run cannot be")
    assert found.first_cause == "unexplained"
    first = found.actions[0]
    assert first.kind == "measure"
    assert {"--global-batch,", "--tp,"} <= set(first.change.split())

    said = diagnose(**rate, tp=1, pp=16, ep=64, global_batch=15360, recompute="selective", zero=1, micro_batch=1)
    assert not said.answer.startswith("As described")
