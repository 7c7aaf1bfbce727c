"""Collectives: starts, hops, rings and pieces, each added up by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mfu_planner.machine.constants import Fabric, LinkRate
from mfu_planner.step.collectives import across_nodes_time, collective_time, in_node_time

RATE = LinkRate(start_s=3.0, hop_s=2.0, bandwidth_bytes_per_s=10.0, ramp_bytes=100.0)
NET = Fabric(nic_bytes_per_s=5.0, efficiency=0.5, start_s=7.0, hop_s=3.0, bucket_bytes=100.0)


@pytest.mark.parametrize(
    ("message", "group", "factor", "expected"),
    [
        # start 3 and 2 for each device beyond the second of the pair counted as one hop: 3 + 2 (g − 1); the ramp's
        # 100 byte go twice: f (g − 1) / g · (S + 100) / 10
        (400, 4, 2.0, 3 + 6 + 2 * 3 / 4 * 500 / 10),
        (400, 4, 1.0, 3 + 6 + 3 / 4 * 500 / 10),
        (400, 2, 1.0, 3 + 2 + 1 / 2 * 500 / 10),
        # shorter than the ramp: all of it goes twice
        (40, 4, 1.0, 3 + 6 + 3 / 4 * 80 / 10),
        (0, 4, 1.0, 9),
        (400, 1, 2.0, 0),
    ],
)  # fmt: skip
def test_inside_a_node(message: float, group: float, factor: float, expected: float) -> None:
    """Nothing for one device alone."""
    assert in_node_time(float(message), float(group), factor, RATE) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("message", "group", "local", "factor", "expected"),
    [
        # 8 devices, 4 a node: 4 interfaces of 2.5 byte/s; four pieces of 100 byte, each 7 + 3 · (2 − 1)
        (400, 8, 4, 1.0, 4 * (7 + 3) + 7 / 8 * 400 / 10),
        (400, 8, 4, 2.0, 4 * (7 + 3) + 2 * 7 / 8 * 400 / 10),
        (250, 8, 4, 1.0, 2.5 * (7 + 3) + 7 / 8 * 250 / 10),
        # 2 a node: 5 byte/s, 4 nodes
        (400, 8, 2, 1.0, 4 * (7 + 9) + 7 / 8 * 400 / 5),
        # 8 a node: 20 byte/s of interfaces, 10 of the link inside
        (400, 16, 8, 1.0, 4 * (7 + 3) + 15 / 16 * 400 / 10),
        # one piece, however short
        (80, 8, 4, 1.0, 1 * (7 + 3) + 7 / 8 * 80 / 10),
    ],
)  # fmt: skip
def test_across_nodes(message: float, group: float, local: float, factor: float, expected: float) -> None:
    """As many interfaces as the group has members in a node, never faster than inside one."""
    found = across_nodes_time(float(message), float(group), float(local), factor, RATE, NET)
    assert found == pytest.approx(expected)
    assert collective_time(float(message), float(group), float(local), factor, RATE, NET) == pytest.approx(expected)


def test_which_of_both() -> None:
    """Inside where the group fits the node, to the last device; a member alone in its node has one interface."""
    inside = 3 + 14 + 7 / 8 * 500 / 10
    for local in (8.0, 9.0, 64.0):
        assert collective_time(400.0, 8.0, local, 1.0, RATE, NET) == pytest.approx(inside)
    alone = 4 * (7 + 3 * 7) + 7 / 8 * 400 / 2.5
    for local in (0.5, 1.0):
        assert collective_time(400.0, 8.0, local, 1.0, RATE, NET) == pytest.approx(alone)
    together = collective_time(400.0, np.array([8.0, 8.0, 1.0]), np.array([8.0, 1.0, 1.0]), 1.0, RATE, NET)
    assert together == pytest.approx([inside, alone, 0])
