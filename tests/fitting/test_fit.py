"""Factors are found again where they are known, and what is not known is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mfu_planner.fitting.choosing import after, choose, gains
from mfu_planner.fitting.fit import calibrated, fit, prior, said
from mfu_planner.fitting.steps import NAMES, Steps
from mfu_planner.questions.request import read_case

RANDOM = np.random.default_rng(20261130)
TRUE = {"product": 1.2, "attention": 0.7, "pointwise": 1.3, "communication": 1.8, "host": 1.5}


def case(**flags: Any) -> Any:
    """A case of Llama 3.1 8B on H100."""
    asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "stack": "generic", "devices": 8, "global_batch": 64}
    return read_case({**asked, "zero": 1, **flags})


def varied() -> Steps:
    """Steps in which every factor of :data:`TRUE` weighs somewhere."""
    return Steps.of([
        case(seq_len=2048), case(seq_len=8192), case(seq_len=65536, global_batch=8), case(tp=8, seq_len=8192),
        case(tp=8, seq_len=1024), case(tp=2, seq_len=4096), case(devices=64, seq_len=1024), case(tp=4, seq_len=32768),
        case(model="gpt2", seq_len=128), case(model="gpt2", seq_len=1024, global_batch=256, micro_batch=8),
        case(model="qwen3-0.6b", seq_len=512), case(model="qwen3-0.6b", seq_len=16384, tp=2),
    ])  # fmt: skip


def true_logs(**factors: float) -> Any:
    """Logarithms of factors, those not named at one."""
    return np.log([factors.get(name, 1.0) for name in NAMES])


def test_no_factor_is_the_answer_of_predict() -> None:
    """One number everywhere: the steps without factors are what predict says."""
    from mfu_planner import predict

    asked = {"model": "gpt2", "hardware": "a100-sxm-80gb", "devices": 8, "global_batch": 64, "stack": "generic"}
    found = Steps.of([read_case(asked)]).log_seconds(np.zeros((3, len(NAMES))))
    assert np.exp(found) == pytest.approx(np.full((3, 1), predict(**asked).step_time_s), rel=1e-12)


def test_known_factors_are_found_again() -> None:
    """Twelve exact steps give factors within a few percent where they weigh, from the base alone."""
    steps = varied()
    measured = steps.log_seconds(true_logs(**TRUE)[None])[0]
    assert np.median(np.abs(steps.log_seconds(np.zeros((1, len(NAMES))))[0] - measured)) > 0.1
    found = fit(steps, measured, prior())
    off = np.abs(steps.log_seconds(found.logs[None])[0] - measured)
    assert np.median(off) < 0.03
    assert off.max() < said()["scatter"]
    for name in ("product", "attention", "communication", "host"):
        assert np.exp(found.logs[NAMES.index(name)]) == pytest.approx(TRUE[name], rel=0.15)


def test_one_odd_run_pulls_little() -> None:
    """A stalled step of five times its length leaves the others where they were."""
    steps = varied()
    measured = steps.log_seconds(true_logs(**TRUE)[None])[0]
    spoilt = measured.copy()
    spoilt[5] += np.log(5.0)
    off = np.delete(steps.log_seconds(fit(steps, spoilt, prior()).logs[None])[0] - measured, 5)
    assert np.median(np.abs(off)) < 0.06
    assert np.abs(off).max() < np.log(5.0) / 4


def test_a_slower_machine_is_one_factor() -> None:
    """Three runs 1.4 times as slow as the base: so is, nearly, a layout that none of them had."""
    seen = Steps.of([case(seq_len=4096), case(tp=2, seq_len=8192), case(seq_len=2048, micro_batch=2)])
    other = Steps.of([case(devices=32, tp=4, seq_len=16384, global_batch=32)])
    base = np.zeros((1, len(NAMES)))
    found = calibrated(seen, seen.log_seconds(base)[0] + np.log(1.4))
    ratio = np.exp(other.log_seconds(found.fit.logs[None]) - other.log_seconds(base))
    assert ratio == pytest.approx(1.4, rel=0.06)
    assert found.half_width < 0.15


def test_left_out_runs_are_predicted_by_the_others_alone() -> None:
    """The third run's error is that of a calibration which never saw it."""
    steps = Steps.of([case(seq_len=4096), case(tp=2, seq_len=8192), case(seq_len=2048), case(tp=8)])
    measured = steps.log_seconds(true_logs(**TRUE)[None])[0] + RANDOM.normal(0, 0.03, 4)
    found = calibrated(steps, measured)
    others = Steps(steps.cases[:2] + steps.cases[3:], (1, 1, 1))
    alone = fit(others, np.delete(measured, 2), prior())
    expected = Steps.of([steps.cases[2]]).log_seconds(alone.logs[None])[0, 0] - measured[2]
    assert found.left_out[2] == pytest.approx(expected, abs=1e-6)


def test_what_no_run_shows_stays_as_unsure_as_it_was() -> None:
    """One device says nothing of links; products are settled."""
    steps = Steps.of([case(devices=1, seq_len=n, global_batch=b) for n, b in ((2048, 8), (8192, 4), (4096, 8))])
    found = calibrated(steps, steps.log_seconds(np.zeros((1, len(NAMES))))[0])
    own = np.diag(found.fit.covariance) / np.diag(found.before)
    share = said()["common_sd"] ** 2 / np.diag(found.before)
    links, products = NAMES.index("communication"), NAMES.index("product")
    assert own[links] > 1.0 - share[links] - 1e-9
    assert own[products] < 0.2


def test_the_covariance_after_a_run_is_bayes_rule() -> None:
    """Information adds up: the inverse covariance gains s·sᵀ/σ²; the gain is the fall of the targets' variance."""
    known = prior()
    slope, targets = RANDOM.normal(0, 0.5, len(NAMES)), RANDOM.normal(0, 0.5, (7, len(NAMES)))
    expected = np.linalg.inv(np.linalg.inv(known) + np.outer(slope, slope) / said()["scatter"] ** 2)
    assert after(slope, known) == pytest.approx(expected)
    noise = said()["scatter"] ** 2 + said()["misfit"]["chosen"] ** 2 * slope @ known @ slope
    trusted = np.linalg.inv(np.linalg.inv(known) + np.outer(slope, slope) / noise)
    fall = np.mean([t @ known @ t - t @ trusted @ t for t in targets])
    assert gains(slope[None], targets, known)[0] == pytest.approx(fall)


def test_the_next_run_is_the_best_of_all() -> None:
    """By trying each; a candidate is not chosen twice."""
    slopes, known = RANDOM.normal(0, 0.5, (6, len(NAMES))), prior()
    first = min(range(6), key=lambda i: np.trace(slopes @ after(slopes[i], known) @ slopes.T))
    order = [i for i, _ in choose(slopes, slopes, known, 9)]
    assert order[0] == first
    assert sorted(order) == list(range(6))
