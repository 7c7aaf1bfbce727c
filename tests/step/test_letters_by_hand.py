"""A toy case in letters: what is shown by which one, where it is from, and in which order they stand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from toy import BOX, MEMORY, RATE, STACK, case

from mfu_planner.architectures.lettering import Letters
from mfu_planner.machine.constants import Fabric, LinkRate
from mfu_planner.numeric.letters import Letter, plain
from mfu_planner.operators import Layout
from mfu_planner.step.case import Case, Said
from mfu_planner.step.lettered import lettered

ASKED = replace(
    case(Layout(tp=2.0, micro_batch=1.0, micro_batches=3.0, ep=0.0)),
    machine=replace(
        BOX,
        memory_bytes=9.0,
        products=replace(RATE, efficiency=0.5),
        wide_products=replace(RATE, efficiency=0.25),
        links={"all_reduce": LinkRate(3.0, 2.0, 10.0, 6.0), "all_gather": LinkRate(3.0, 2.0, 20.0, 6.0)},
        fabric=Fabric(5.0, 0.75, 7.0, 8.0, 11.0),
    ),
    stack=replace(STACK, drag=0.5, dropout=1.0, product_factor=1.25),
    memory=replace(MEMORY, logit_bytes=12.0),
    state_bytes=4.0,
)


def traced(**said: Any) -> Case:
    """The case with letters of a model that has none."""
    asked = replace(ASKED, said=Said(**said))
    return lettered(asked, asked.architecture, asked.work, Letters())


def symbol(value: Any) -> Any:
    """What a letter stands for."""
    assert isinstance(value, Letter)
    return value.arguments[0]


def test_degrees() -> None:
    """What is neither none nor one, and what every layout has; a count each."""
    layout = traced(given={"tp": 2}).layout
    names = {n: symbol(v).name for n, v in vars(layout).items() if isinstance(v, Letter)}
    assert names == {"tp": "tp", "dp": "dp", "micro_batch": "b_micro", "micro_batches": "n_micro"}
    assert [plain(v) for v in (layout.tp, layout.dp, layout.micro_batches)] == [2, 1, 3]
    assert [symbol(v).source for v in (layout.tp, layout.dp)] == ["given", "default"]
    assert symbol(layout.tp).count
    assert not symbol(traced().machine.bandwidth_bytes_per_s).count
    assert (layout.pp, layout.ep) == (1, 0)


def test_one_letter_for_one_value() -> None:
    """The wide products' efficiency differs and has an index; what is alike shares its letter, whoever holds it."""
    box = traced().machine
    assert [symbol(v).name for v in (box.products.efficiency, box.wide_products.efficiency)] == ["eta", "eta_wide"]
    assert symbol(box.products.peak_flops_per_s).name == symbol(box.peak_flops_per_s).name == "P"
    rates = {kind: symbol(link.bandwidth_bytes_per_s).name for kind, link in box.links.items()}
    assert rates == {"all_reduce": "B_l", "all_gather": "B_l_all_gather"}
    assert {symbol(link.hop_s).name for link in box.links.values()} == {"s_h"}


@pytest.mark.parametrize(
    ("where", "name", "source"),
    [
        ("products", "efficiency", "calibration/products.yaml"),
        ("wide_products", "efficiency", "calibration/products.yaml"),
        ("fabric", "nic_bytes_per_s", "calibration/fabrics.yaml"),
        ("fabric", "efficiency", "calibration/fabrics.yaml"),
        ("", "bandwidth_bytes_per_s", "the catalogue's toy"),
        ("", "peak_flops_per_s", "a data sheet"),
        ("products", "peak_flops_per_s", "a data sheet"),
        ("", "wide_peak_flops_per_s", "a data sheet"),
    ],
)
def test_sources_of_a_machine(where: str, name: str, source: str) -> None:
    """The file that fitted it, or the catalogue."""
    box = traced(sources={"peak_flops_per_s": "a data sheet"}, echo={"hardware": "toy"}).machine
    assert symbol(getattr(getattr(box, where) if where else box, name)).source == source


def test_sources_of_software() -> None:
    """By the stack's name, and the user's own where there is one."""
    found = traced()
    assert symbol(found.stack.drag).source == "calibration/stacks.yaml, toy"
    assert symbol(found.memory.logit_bytes).source == "calibration/memory.yaml, toy"
    assert symbol(found.state_bytes).source == "calibration/memory.yaml"
    assert "(adam)" in symbol(found.state_bytes).meaning
    assert symbol(traced(own=SimpleNamespace(name="ours")).stack.drag).source == "ours, on calibration/stacks.yaml, toy"
    assert symbol(found.machine.links["all_reduce"].hop_s).source == ("calibration/collectives.yaml")
    bare = symbol(found.machine.peak_flops_per_s).source, symbol(found.machine.bandwidth_bytes_per_s).source
    assert bare == ("the catalogue", "the catalogue's device")


def test_what_has_no_letter() -> None:
    """Switches, nought, and what enters no formula."""
    found = traced()
    held = (found.stack.dropout, found.stack.fused_attention, found.stack.send_fixed_s)
    assert held == (1, 1, 0)
    assert not any(
        isinstance(value, Letter) for value in (*held, found.machine.memory_bytes, found.machine.low_precision)
    )
    assert isinstance(found.stack.product_factor, Letter)
    assert (found.machine.low_precision, found.machine.memory_bytes) == (False, 9)


def test_order() -> None:
    """Degrees, the device, its products, links, network, stack, optimizer, memory: behind every letter of a model."""
    found = traced()
    held = (
        found.layout.tp, found.machine.bandwidth_bytes_per_s, found.machine.products.efficiency,
        found.machine.links["all_reduce"].hop_s, found.machine.fabric.efficiency, found.stack.drag, found.state_bytes,
        found.memory.logit_bytes,
    )  # fmt: skip
    ranks = [symbol(value).rank for value in held]
    assert ranks == sorted(set(ranks))
    assert 100 < ranks[0] < ranks[-1] < 1000
