"""The fit of ranges on errors of known scale."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from mfu_planner.facts import folder


@pytest.fixture(scope="module")
def script():
    """``fit_ranges.py`` as a module."""
    sys.path.insert(0, str(folder("calibration")))
    spec = importlib.util.spec_from_file_location("fit_ranges", folder("calibration") / "fit_ranges.py")
    module = sys.modules["fit_ranges"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(folder("calibration")))


def test_ends_and_factors_are_those_of_the_errors(script):
    """Errors drawn between −0.1 and 0.3: three times as wide with the first doubt, 1.25 times for each doubling of a
    size, 1.5 times for each halving of the MFU."""
    draw = np.random.default_rng(13)
    doubts, sizes = len(script.DOUBTS), len(script.SIZES)
    table = np.zeros((8000, doubts + sizes + 1))
    table[:, 0] = draw.integers(0, 2, 8000)
    table[:, doubts] = draw.integers(0, 4, 8000)
    table[:, -1] = draw.integers(0, 3, 8000)
    scale = 3.0 ** table[:, 0] * 1.25 ** table[:, doubts] * 1.5 ** table[:, -1]
    found = script.fitted(draw.uniform(-0.1, 0.3, 8000) * scale, table, np.ones(8000))

    assert found["low"] == pytest.approx(0.06, abs=0.01)  # a tenth of the way up
    assert found["high"] == pytest.approx(0.26, abs=0.015)
    factors = list(found["wider"].values())
    assert factors[0] == pytest.approx(3.0, rel=0.08)
    assert factors[1:] == pytest.approx([1.0] * (doubts - 1))
    assert found["beyond"]["parameters"] == pytest.approx(1.25, rel=0.04)
    assert found["slow"] == pytest.approx(1.5, rel=0.04)


def test_a_source_of_many_rows_counts_as_fifteen(script):
    rows = [script.Error(source=s, way=script.AS_ON_FILE, miss=0.0, known=None) for s in "a" * 300 + "b" * 6]

    assert script.weights(rows)[:300].sum() == pytest.approx(15.0)
    assert script.weights(rows)[300:].sum() == pytest.approx(6.0)


def test_a_quantile_weighs(script):
    assert script.quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0]), 0.5) == 2.0
