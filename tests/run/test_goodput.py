"""Checkpoints and failures of a long job, against arithmetic by hand and published runs."""

from __future__ import annotations

import pytest

from mfu_planner.machine.calibrated import calibration
from mfu_planner.run.goodput import checkpoint_interval, goodput, job_estimate


def test_interval_is_youngs():
    assert checkpoint_interval(50.0, 1e-4) == pytest.approx(1000.0)


def test_interval_is_the_best_of_its_neighbours():
    best = checkpoint_interval(40.0, 1e-5)
    kept = goodput(40.0, 600.0, best, 1e-5)
    assert kept > goodput(40.0, 600.0, best * 1.2, 1e-5)
    assert kept > goodput(40.0, 600.0, best / 1.2, 1e-5)


def test_goodput_by_hand():
    assert goodput(10.0, 500.0, 1000.0, 1e-4) == pytest.approx(1.0 / 1.11)


def test_failures_of_the_published_run_come_back():
    said = job_estimate(405e9, 16384, calibration()["failures"])
    assert said["failures_per_day"] == pytest.approx(419 / 54, rel=0.01)
    assert 0.85 < said["goodput"] < 1.0


def test_saving_of_the_published_run_comes_back():
    assert job_estimate(176e9, 384, calibration()["failures"])["checkpoint_s"] == pytest.approx(40.0, rel=0.02)
