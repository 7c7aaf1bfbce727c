"""Gradient and weight exchange, update and accumulation, by ring arithmetic on a network without start-up times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from toy import BOX, STACK

from mfu_planner.hardware import resolve
from mfu_planner.machine.constants import LinkRate, Machine, Stack
from mfu_planner.machine.toolbox import tools
from mfu_planner.operators import Layout
from mfu_planner.step.division import Parameters
from mfu_planner.step.exchange import accumulate_time, gradient_exchange, offload_time, update_time

RATE = 100e9
HELD = Parameters(dense=8e9, expert=0, trained_dense=6e9, trained_expert=0)


def setting(**constants: Any) -> tuple[Machine, Stack]:
    """A node that is large enough and links of 100 GB/s; nothing hidden but what is asked for."""
    box, software, _, _ = tools(resolve("h100-sxm"), "bf16", "generic", None, None)
    link = LinkRate(0.0, 0.0, RATE, 0.0)
    links = dict.fromkeys(("all_reduce", "all_gather", "reduce_scatter", "alltoall"), link)
    usual = {"gradient_bytes": 4.0, "shard_gradient_bytes": 2.0, "data_hidden": 0.0, "shard_hidden": 0.0}
    return replace(box, links=links, node_devices=1024.0), replace(software, **{**usual, **constants})


def layout(**fields: float) -> Layout:
    """Eight replicas, four micro-batches."""
    return Layout(**{"tp": 1.0, "pp": 1.0, "dp": 8.0, "micro_batch": 1.0, "micro_batches": 4.0, **fields})


def exchanged(held: Parameters, asked: Layout, routed: bool = False, **constants: float) -> tuple[float, float]:
    """(exposed, hidden) behind one second of backward and half a second of compute."""
    box, software = setting(**constants)
    exposed, hidden = gradient_exchange(held, asked, box, software, 1.0, 0.5, routed=routed)
    return float(exposed), float(hidden)


def test_replicas_sum_their_gradients() -> None:
    """Twice round the ring with 4 byte for each trained parameter."""
    assert exchanged(HELD, layout()) == (pytest.approx(2 * 7 / 8 * 4 * 6e9 / RATE), pytest.approx(0))


@pytest.mark.parametrize(("zero", "scatters"), [(1.0, 1), (2.0, 4)])
def test_sharded_states(zero: float, scatters: int) -> None:
    """Gradients scattered in 4 byte, of ZeRO 2 those of every micro-batch, and new weights gathered in 2."""
    sent = (scatters * 4 + 2) * 6e9 / RATE
    assert exchanged(HELD, layout(zero=zero))[0] == pytest.approx(7 / 8 * sent)
    assert exchanged(HELD, layout(zero=zero, dp=4.0, cp=4.0))[0] == pytest.approx(15 / 16 * sent)
    assert exchanged(HELD, layout(zero=zero, micro_batches=1.0))[0] == pytest.approx(7 / 8 * (4 + 2) * 6e9 / RATE)
    # shards over two: four parts of the group then sum what a device owns, half of the gradients
    copies = 2 * 3 / 4 * 4 * 6e9 / 2 / RATE
    assert exchanged(HELD, layout(zero=zero, zero_group=2.0))[0] == pytest.approx(1 / 2 * sent + copies)
    # each micro-batch hides its own scatter, a quarter of a second of it
    each, last = 7 / 8 * 4 * 6e9 / RATE, 7 / 8 * 6 * 6e9 / RATE
    hidden = scatters - 1, min(each, 0.125) * (scatters - 1) + 0.125
    exposed = max(each - 0.125, 0) * hidden[0] + last - 0.125
    assert exchanged(HELD, layout(zero=zero), data_hidden=0.125) == pytest.approx((exposed, hidden[1]))


def test_hybrid_shards_of_weights() -> None:
    """Gathered and scattered in a part of the group for every micro-batch, summed with the other parts in the last."""
    each = 1 / 2 * (2 * 2 * 8e9 + 2 * 6e9) / RATE
    copies = 2 * 3 / 4 * 2 * 6e9 / 2 / RATE
    assert exchanged(HELD, layout(zero=3.0, zero_group=2.0))[0] == pytest.approx(4 * each + copies)
    whole = exchanged(HELD, layout(zero=3.0))[0]
    assert exchanged(HELD, layout(zero=3.0, zero_group=8.0))[0] == pytest.approx(whole)


def test_sharded_weights_are_gathered_for_every_micro_batch() -> None:
    """All weights forward and backward in 2 byte, the trained ones' gradients scattered in 2, four times over."""
    each = 7 / 8 * (2 * 2 * 8e9 + 2 * 6e9) / RATE
    assert exchanged(HELD, layout(zero=3.0))[0] == pytest.approx(4 * each)


def test_what_is_hidden() -> None:
    """A share of the backward pass once, a share of each micro-batch's compute under ZeRO-3; never below nought."""
    whole = 2 * 7 / 8 * 4 * 6e9 / RATE
    assert exchanged(HELD, layout(), data_hidden=0.25) == (pytest.approx(whole - 0.25), pytest.approx(0.25))
    each = 7 / 8 * (2 * 2 * 8e9 + 2 * 6e9) / RATE
    assert exchanged(HELD, layout(zero=3.0), shard_hidden=0.5) == (
        pytest.approx(4 * (each - 0.25)),
        pytest.approx(4 * 0.25),
    )
    assert exchanged(HELD, layout(), data_hidden=100.0) == (pytest.approx(0), pytest.approx(whole))


def test_experts_have_a_group_of_their_own() -> None:
    """Eight replicas in expert groups of four: two hold the same experts; frozen ones exchange nothing."""
    held = Parameters(dense=8e9, expert=16e9, trained_dense=6e9, trained_expert=16e9)
    asked = layout(ep=4.0)
    dense, expert = 7 / 8 * 4 * 6e9 / RATE, 1 / 2 * 4 * 16e9 / RATE
    assert exchanged(held, asked, routed=True)[0] == pytest.approx(2 * (dense + expert))
    assert exchanged(held, replace(asked, zero=1.0), routed=True)[0] == pytest.approx(1.5 * (dense + expert))
    assert exchanged(held, asked, routed=False)[0] == pytest.approx(2 * dense)


def test_one_device_exchanges_nothing() -> None:
    """Neither with nor without sharding."""
    for zero in (0.0, 1.0, 3.0):
        assert exchanged(HELD, layout(dp=1.0, zero=zero)) == (0.0, 0.0)


BOTH = Parameters(dense=8e9, expert=16e9, trained_dense=6e9, trained_expert=10e9)


@pytest.mark.parametrize(
    ("fields", "owned"),
    [
        ({}, 16e9), ({"zero": 1.0}, 2e9), ({"zero": 3.0}, 2e9), ({"zero": 1.0, "ep": 4.0}, 6e9 / 8 + 10e9 / 2),
        ({"zero": 1.0, "zero_group": 2.0}, 6e9 / 2 + 10e9 / 8), ({"ep": 4.0}, 16e9),
    ],
)  # fmt: skip
def test_update_by_bytes(fields: dict[str, float], owned: float) -> None:
    """24 byte of the owned share's states, 4 of every gradient at 100 byte/s; out and back through a host of 50."""
    software = replace(STACK, optimizer_bytes=24.0, gradient_passes_bytes=4.0, offload_bytes=10.0)
    moved = (24 * owned + 4 * 16e9) / 100
    assert update_time(BOTH, layout(**fields), BOX, software) == pytest.approx(moved)
    half = update_time(BOTH, layout(**fields, offload=0.5), BOX, software)
    assert half == pytest.approx(moved + 0.5 * 10 * owned / 50)


def test_accumulation_by_bytes() -> None:
    """Of what is trained, dense or routed."""
    assert accumulate_time(BOTH, BOX, replace(STACK, accumulate_bytes=12.0)) == pytest.approx(12 * 16e9 / 100)


@pytest.mark.parametrize(
    ("tp", "zero", "expected"),
    [
        # nodes of four: four replicas a node on four interfaces of 5 byte/s, two with TP 2, one with TP 4 or 8
        (1.0, 0.0, 2 * 7 / 8 * 4 / 10), (2.0, 0.0, 2 * 7 / 8 * 4 / 10), (4.0, 0.0, 2 * 7 / 8 * 4 / 5),
        (8.0, 0.0, 2 * 7 / 8 * 4 / 5),
        (1.0, 1.0, 7 / 8 * (4 / 20 + 2 / 20)), (2.0, 1.0, 7 / 8 * (4 / 10 + 2 / 10)),
        (1.0, 3.0, 4 * 7 / 8 * (2 * 2 / 20 + 3 / 20)), (4.0, 3.0, 4 * 7 / 8 * (2 * 2 / 5 + 3 / 5)),
    ],
)  # fmt: skip
def test_replicas_of_several_nodes(tp: float, zero: float, expected: float) -> None:
    """The slower of links (10 to sum, 20 to gather, 40 to scatter) and the interfaces that a group has in a node."""
    box = replace(BOX, node_devices=4.0)
    software = replace(STACK, gradient_bytes=4.0, shard_gradient_bytes=3.0)
    held = Parameters(600.0, 0, 600.0, 0)
    exposed, hidden = gradient_exchange(held, layout(tp=tp, zero=zero), box, software, 1.0, 1.0, routed=False)
    assert (exposed, hidden) == (pytest.approx(600 * expected), pytest.approx(0, abs=1e-9))


def test_experts_under_zero_3() -> None:
    """All weights are gathered over the shards, all trained gradients scattered."""
    assert exchanged(BOTH, layout(zero=3.0), routed=True)[0] == pytest.approx(
        4 * 7 / 8 * (2 * 2 * 24e9 + 2 * 16e9) / RATE
    )


def test_offloaded_states() -> None:
    """10 byte of 30 parameters at 50 byte/s."""
    assert offload_time(30.0, 10.0, 50.0) == 6
