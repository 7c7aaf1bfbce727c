"""Plots without a plotting library: where points land, and that the file is well-formed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from mfu_planner.backtesting.plots import Scale, Series, scatter


@pytest.mark.parametrize(("value", "pixels"), [(1.0, 0.0), (10.0, 50.0), (100.0, 100.0)])
def test_decades_are_evenly_spaced(value, pixels):
    assert Scale(1.0, 100.0, 0.0, 100.0).place(value) == pytest.approx(pixels)


def test_linear_scale_runs_straight():
    assert Scale(0.0, 4.0, 100.0, 0.0, logarithmic=False).place(1.0) == pytest.approx(75.0)


def test_ticks_are_the_powers_of_ten_within():
    assert Scale(0.5, 200.0, 0.0, 1.0).ticks() == [1.0, 10.0, 100.0]


def test_every_point_is_drawn_in_a_well_formed_file():
    drawn = scatter("A < B", "x", "y", [Series("one", [(1.0, 2.0), (30.0, 40.0)])], diagonal=True)
    root = ET.fromstring(drawn)
    circles = [node for node in root.iter() if node.tag.endswith("circle") or node.tag.endswith("path")]

    assert root.tag.endswith("svg")
    assert len(circles) >= 2
