"""Groups of ranks on nodes: counted out rank by rank, and what a group that straddles two nodes costs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mfu_planner import predict, search
from mfu_planner.step.placement import members


def counted(size: int, stride: int, node: int, devices: int) -> int:
    """Ranks of the worst group that stand on its emptiest node, one node filled after another."""
    least = size
    for base in range(0, devices // (size * stride) * size * stride, size * stride):
        for offset in range(stride):
            group = [(base + offset + stride * i) // node for i in range(size)]
            least = min(least, *(group.count(n) for n in set(group)))
    return least


@pytest.mark.parametrize("node", [4, 6, 8])
@pytest.mark.parametrize(
    ("size", "stride"),
    [(2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (8, 1), (12, 1), (16, 1), (3, 2), (6, 2), (4, 4), (3, 3)],
)
def test_as_counted_by_ranks(size: int, stride: int, node: int) -> None:
    """Over a whole number of nodes and groups."""
    devices = size * stride * node * 2
    assert min(size, members(float(size), float(stride), float(node), float(devices))) == counted(
        size, stride, node, devices
    )


def test_where_nothing_straddles() -> None:
    """A job inside a node; a rack of which it leaves a few devices to others, as with 64 of 72."""
    assert members(6.0, 1.0, 8.0, 6.0) == 8
    assert members(16.0, 1.0, 72.0, 1024.0) == 72
    assert members(64.0, 1.0, 72.0, 256.0) == 72
    found = members(np.array([4.0, 6.0, 8.0]), 1.0, 8.0, np.array([768.0, 768.0, 768.0]))
    assert found.tolist() == [8, 2, 8]


GPT = {"model": "gpt-3-175b", "hardware": "a100-sxm-80gb", "devices": 768, "global_batch": 1536, "seq_len": 2048}
LAYOUT = {"pp": 8, "micro_batch": 1, "recompute": "full"}


def test_six_of_eight_is_no_bargain() -> None:
    """TP 6 is slower than 4 and than 8, and says why; in nodes of six and of twelve it is not."""
    asked = {tp: predict(**GPT, **LAYOUT, tp=tp) for tp in (4, 8, 6)}
    assert all(a.step_time_s < b.step_time_s for a, b in pairwise(asked.values()))
    for node in (6, 12):
        whole = predict(**GPT, **LAYOUT, tp=6, devices_per_node=node)
        assert asked[6].step_time_s > 1.3 * whole.step_time_s
        assert not any("straddles" in line for line in whole.warnings)
    assert any("tp 6 straddles nodes of 8 devices" in line for line in asked[6].warnings)


def test_search_does_not_propose_it() -> None:
    """It came first while it was priced as if it stayed inside the node."""
    found = search(**GPT, pp=8, zero=1, vpp=1, top=8)["layouts"]
    best = min(row["step_time_s"] for row in found)
    assert found[0]["tp"] in (1, 2, 4, 8)
    assert all(row["step_time_s"] > 1.3 * best for row in found if row["tp"] in (3, 6, 12))
