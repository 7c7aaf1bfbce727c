"""Products, collectives and pipelines against arithmetic by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mfu_planner.machine.constants import Fabric, LinkRate, ProductRate
from mfu_planner.step.collectives import collective_time, in_node_time
from mfu_planner.step.kernels import fused_attention_time, issue_bound, product_time
from mfu_planner.step.pipeline import pipeline_bubble, pipeline_time
from mfu_planner.step.stages import balanced_stages, uniform_stages

RATE = ProductRate(
    peak_flops_per_s=1e14,
    efficiency=0.8,
    depth_overhead=0.0,
    fixed_s=1e-6,
    wave_loss=1.0,
    tile_rows=128,
    tile_columns=128,
    least_tile=64,
    units=100,
    bandwidth_bytes_per_s=1e12,
    input_bytes=2.0,
    output_bytes=2.0,
)
LINK = LinkRate(start_s=1e-5, hop_s=1e-6, bandwidth_bytes_per_s=1e11, ramp_bytes=0.0)
NETWORK = Fabric(nic_bytes_per_s=2.5e10, efficiency=0.8, start_s=5e-5, hop_s=1e-5, bucket_bytes=2.0**28)


def test_product_of_whole_waves_runs_at_the_achievable_rate():
    """1,280 × 1,280 has 100 tiles of 128 × 128: one wave on 100 units; 2·m·n·k over 0.8 of the peak."""
    expected = 1e-6 + 2 * 1280 * 1280 * 4096 / 0.8e14

    assert product_time(1280.0, 1280.0, 4096.0, RATE) == pytest.approx(expected)


def test_one_tile_more_costs_a_whole_wave():
    """With wave_loss 1 an incomplete wave takes as long as a full one."""
    one = product_time(1280.0, 1280.0, 4096.0, RATE) - 1e-6
    more = product_time(1281.0, 1280.0, 4096.0, RATE) - 1e-6

    assert more == pytest.approx(2 * one)


def test_a_narrow_product_takes_a_smaller_tile():
    """65 columns are a whole tile of 128, 64 half of one: twice the rows in the same single wave."""
    fast = dataclasses.replace(RATE, bandwidth_bytes_per_s=1e13)
    whole, half = product_time(12800.0, 65.0, 4096.0, fast), product_time(25600.0, 64.0, 4096.0, fast)

    assert whole - 1e-6 == pytest.approx(2 * 12800 * 128 * 4096 / 0.8e14)
    assert half == pytest.approx(whole)


def test_thin_product_is_bound_by_memory():
    """One row against a 16,384² matrix: its 2 · k · n byte must be read, whatever the FLOPs."""
    slow = dataclasses.replace(RATE, bandwidth_bytes_per_s=1e11)
    expected = 1e-6 + (2 * (16384 + 16384 * 16384) + 2 * 16384) / 1e11

    assert product_time(1.0, 16384.0, 16384.0, slow) == pytest.approx(expected)


def test_many_nodes_start_as_trees_do():
    """Beyond so many nodes more of them cost bytes and no further starts: (f (g − 1)/g S/B alone is left."""
    tree = dataclasses.replace(NETWORK, most_hops=16.0)
    few, many = (collective_time(1e6, 8.0 * n, 8.0, 1.0, LINK, tree) for n in (17.0, 1025.0))
    ring = 1e6 / 1e11 * ((8200 - 1) / 8200 - (136 - 1) / 136)  # eight interfaces of 20 GB/s outrun the link

    assert many - few == pytest.approx(ring)
    assert collective_time(1e6, 8200.0, 8.0, 1.0, LINK, NETWORK) - many == pytest.approx((1024 - 16) * 1e-5)


def test_all_reduce_moves_twice_the_message():
    """Ring: 2 (g − 1)/g of the message over the link, after a start that grows with the group."""
    expected = 1e-5 + 7e-6 + 2 * 7 / 8 * 1e9 / 1e11

    assert in_node_time(1e9, 8.0, 2.0, LINK) == pytest.approx(expected)


def test_group_of_one_costs_nothing():
    """No partner, no time, in a node or across."""
    assert collective_time(1e9, 1.0, 1.0, 2.0, LINK, NETWORK) == 0.0


def test_group_across_nodes_is_bound_by_its_interfaces():
    """16 ranks, 8 a node, gather 1 GB: 15/16 of it over 8 interfaces of 20 GB/s, in pieces of 2^28 byte."""
    pieces = 1e9 / 2**28
    expected = pieces * (5e-5 + 1e-5) + 15 / 16 * 1e9 / min(1e11, 8 * 0.8 * 2.5e10)

    assert collective_time(1e9, 16.0, 8.0, 1.0, LINK, NETWORK) == pytest.approx(expected)


def test_equal_stages_give_the_textbook_bubble():
    """m micro-batches through p equal stages of time s: s·(m + (p − 1)/v)."""
    stages, count, virtual, seconds = 8.0, 32.0, 2.0, 0.5
    whole = pipeline_time(seconds, stages * seconds, count, 1 / virtual)

    assert whole == pytest.approx(0.5 * (32 + 7 / 2))
    assert pipeline_bubble(stages, count, virtual) == pytest.approx(7 / 64)


def test_stages_are_filled_by_cost_with_the_head():
    """16 layers and a head of 4 on 8 stages of 2.5: 3, 3, 2, 3, 2, 3 layers, then the head alone."""
    assert balanced_stages(16, 8, 4.0) == (3.0, 3.0, 0.0)


def test_uniform_stages_round_up():
    """78 layers on 12 stages: some hold 7."""
    assert uniform_stages(78, 12)[0] == 7.0


def test_host_time_hides_behind_long_kernels():
    """The slower of device and host sets the pace; it is no sum."""
    assert issue_bound(np.array([1.0, 3.0]), 2.0).tolist() == [2.0, 3.0]


def test_attention_reaches_half_its_rate_at_the_ramp_length():
    """At s = ramp the time is twice that of a very long sequence of the same FLOPs."""
    short = fused_attention_time(1e12, 500.0, 1e14, 0.5, 500.0, 0.0)
    long = fused_attention_time(1e12, 1e12, 1e14, 0.5, 500.0, 0.0)

    assert short == pytest.approx(2 * long)
