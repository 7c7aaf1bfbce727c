"""Cases and what is remembered of them: a device's share of the work, changed constants, counts of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from toy import BOX, LAYER, STACK, case, model

from mfu_planner.errors import InputError
from mfu_planner.machine.constants import Fabric
from mfu_planner.operators import Layout, Workload
from mfu_planner.step import case as module
from mfu_planner.step.case import NETWORK, Change, Said, division_of
from mfu_planner.step.flops import attention_flops, executed_flops, flops_per_sequence, model_flops, remembered

ASKED = case(Layout(dp=2.0, cp=2.0, micro_batch=2.0, micro_batches=3.0))


def packed_of(work: Workload) -> Workload:
    """Twelve documents of three tokens and six of one."""
    return replace(work, documents=((3, 12), (1, 6)))


def test_one_micro_batch_on_one_device() -> None:
    """Two sequences over two devices of context parallelism, of twelve in the step; documents in proportion."""
    work = ASKED.device_work
    assert (work.batch, work.whole_batch, work.seq_len, work.allowed_pairs_only) == (1, 12, 4, True)
    packed = replace(ASKED, work=packed_of(ASKED.work)).device_work
    assert packed.documents == ((3, 1), (1, 0.5))
    whole = ASKED.at(replace(ASKED.layout, cp=1.0, micro_batches=6.0))  # two of twelve in each micro-batch
    assert replace(whole, work=packed_of(ASKED.work)).device_work.documents == ((3, 2), (1, 1))
    assert ASKED.devices == 4


def test_states_of_the_optimizer() -> None:
    """As given, nought too, else of its kind (arXiv:1910.02054: 12 byte of Adam)."""
    held = [replace(ASKED, state_bytes=value).optimizer_bytes for value in (None, 0, 5.0)]
    assert held == [12, 0, 5]


@pytest.mark.parametrize(
    ("scale", "fixed", "stack", "nic", "start", "hop"),
    [
        ({}, {}, {}, 20, 6, 4),
        ({"product_factor": 3.0}, {}, {"product_factor": 6.0}, 20, 6, 4),
        ({}, {"product_factor": 5.0}, {"product_factor": 5.0}, 20, 6, 4),
        ({"product_factor": 3.0}, {"drag": 0.5}, {"product_factor": 6.0, "drag": 0.5}, 20, 6, 4),
        # a network twice as fast starts twice as fast; a slower one starts no slower
        ({NETWORK: 2.0}, {}, {}, 40, 3, 2), ({NETWORK: 0.5}, {}, {}, 10, 6, 4), ({NETWORK: 1.0}, {}, {}, 20, 6, 4),
    ],
)  # fmt: skip
def test_tuned_constants(scale: Any, fixed: Any, stack: Any, nic: float, start: float, hop: float) -> None:
    """Multiplied or set, one by one."""
    net = Fabric(nic_bytes_per_s=20.0, efficiency=0.5, start_s=6.0, hop_s=4.0, bucket_bytes=1.0)
    asked = replace(ASKED, machine=replace(BOX, fabric=net), stack=replace(STACK, product_factor=2.0))
    found = asked.tuned(scale, fixed)
    assert found.stack == replace(asked.stack, **stack)
    assert found.machine == replace(asked.machine, fabric=Fabric(nic, 0.5, start, hop, 1.0))
    assert asked.changed(Change(text="", constants=scale, fixed=fixed)) == found
    assert (asked.tuned({}) is asked, asked.tuned({}, {}) is asked) == (True, True)


def test_changes_of_flags() -> None:
    """One value a flag, None leaves it out; constants beside them; a case read of no flags says so."""
    read: list[Any] = []

    def reader(flags: Any) -> Any:
        read.append(flags)
        return ASKED

    asked = replace(ASKED, said=Said(given={"tp": 1, "pp": 2}, reader=reader))
    changes = Change(text="", question={"tp": 4, "pp": None}), Change(text="", question={"tp": 4}, fixed={"drag": 0.5})
    assert asked.changed(*changes).stack.drag == 0.5
    assert read == [{"tp": 4}]
    with pytest.raises(InputError, match="another change sets 4"):
        asked.changed(changes[0], Change(text="", question={"tp": 2}))
    with pytest.raises(InputError, match="not read from flags"):
        ASKED.changed(changes[0])
    assert asked.changed() is asked


def test_another_layout() -> None:
    """And nothing else."""
    assert ASKED.at(Layout(tp=2.0)) == replace(ASKED, layout=Layout(tp=2.0))


def test_divisions_are_kept_for_the_very_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are told; then anew."""
    monkeypatch.setattr(module, "_DIVISIONS", {})
    monkeypatch.setattr(module, "_MOST_DIVISIONS", 2)
    one, two, three = model(), model(), model()
    first = division_of(one)
    assert division_of(one) is division_of(one) is first
    assert division_of(two) is not first
    assert division_of(one) is first
    division_of(three)
    assert division_of(one) is not first


def test_pieces_are_kept_for_plain_layouts() -> None:
    """The same tuple for the same degrees; numbers apart for arrays."""
    kind = division_of(model()).body[0]
    assert kind.pieces(Layout(tp=2.0)) is kind.pieces(Layout(tp=2.0, dp=9.0))
    assert kind.pieces(Layout(tp=2.0)) is not kind.pieces(Layout(tp=4.0))
    grid = Layout(tp=np.array([1.0, 2.0]))
    assert kind.parameters(grid).dense.tolist() == [4 * 456, 4 * 232]
    assert len(kind.pieces(grid)) == len(kind.pieces(Layout()))
    assert len(kind.pieces(replace(grid, ep=2.0))) == len(kind.pieces(Layout()))
    for tp in range(1, 1000):
        kind.parameters(Layout(tp=float(tp)))
    assert len(kind._pieces) <= 256
    timed = [kind.timed(Layout(tp=float(tp)), BOX, STACK, Workload(2, 4), object) for tp in range(1, 257)]
    assert kind.timed(Layout(tp=1.0, micro_batches=9.0), BOX, STACK, Workload(2, 4), object) is timed[0]
    kind.timed(Layout(tp=257.0), BOX, STACK, Workload(2, 4), object)
    assert len(kind._timed) <= 256
    assert kind.timed(Layout(tp=1.0), BOX, STACK, Workload(2, 4), object) is not timed[0]


def test_counts_of_a_batch() -> None:
    """Six sequences of 4: 24 rows through 4 · 448 and 256 multiply-adds; 60 causal or 96 pairs of 16 in four layers."""
    work, architecture = Workload(6, 4), model()
    products = 2 * 24 * (4 * 448 + 256)
    assert attention_flops(architecture, work) == 3 * 4 * 2 * 60 * 16
    assert model_flops(architecture, work) == 3 * (products + 4 * 2 * 60 * 16)
    assert flops_per_sequence(architecture, 4) == 3 * (products + 4 * 2 * 96 * 16) / 6
    frozen = model(tuple(replace(op, input_grad=False) for op in LAYER))
    assert attention_flops(frozen, work) == 4 * 2 * 60 * 16


@pytest.mark.parametrize(
    ("recompute", "share", "again"),
    [("none", None, 0), ("full", None, 1), ("full", 1.0, 1), ("full", 0.25, 0.25), ("full", 0.0, 0)],
)
def test_executed_work(recompute: str, share: float | None, again: float) -> None:
    """The forward pass of the layers once more, of a share of them."""
    layers = 2 * 24 * 4 * 448 + 4 * 2 * 96 * 16
    whole = 3 * (layers + 2 * 24 * 256)
    found = executed_flops(model(), Workload(6, 4), "full", recompute, share, False, 0.0)
    assert found == pytest.approx(whole + again * layers)


def test_what_is_remembered() -> None:
    """Of one architecture and plain numbers, the last 512 asked for: each other one counts anew."""
    asked: list[Any] = []

    @remembered
    def count(architecture: Any, work: Workload, *rest: Any) -> int:
        asked.append((work.batch, rest))
        return len(asked)

    held, work = model(), Workload(1, 4)
    assert [count(held, work), count(held, work), count(model(), work)] == [1, 1, 2]
    for other in (
        work.allowed(),
        replace(work, documents=((4, 1),)),
        replace(work, images=2),
        replace(work, seq_len=5),
    ):
        assert count(held, other) == count(held, other) == len(asked)
    assert count(held, work, "x") != count(held, work, "y")
    arrays = Workload(np.array([1.0, 2.0]), 4)
    assert count(held, arrays) != count(held, arrays)
    for batch in range(2, 513):
        count(held, replace(work, batch=batch))
        count(held, work)
    before = len(asked)
    count(held, work)
    count(held, replace(work, batch=2))
    assert len(asked) == before
    count(held, replace(work, batch=513))
    count(held, replace(work, batch=3))
    assert len(asked) == before + 2
