"""What a search asks about: machines, prices, grids in pieces, as fine as they can be tried; by listing."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mfu_planner import search
from mfu_planner.errors import InputError
from mfu_planner.searching import cases
from mfu_planner.searching.outcome import obvious
from mfu_planner.searching.search import _devices
from mfu_planner.searching.space import AXES, WHOLE, Inner, Outer, _spread

ASKED = {"model": "llama-3.2-1b", "devices": 16, "global_batch": 32, "seq_len": 2048}


def places(**given: Any) -> list[cases.SearchPlace]:
    """Every place of a question."""
    return list(cases.places_of({**ASKED, **given}))


def test_every_machine_with_every_size() -> None:
    """Each by its own name: the cluster's, or the device's where none is named."""
    found = places(cluster="aws-p5,oci-h100", devices="8,16")
    assert [(p.place, p.cluster, p.devices) for p in found] == [
        (name, name, n) for name in ("aws-p5", "oci-h100") for n in (8, 16)
    ]
    (plain,) = places(hardware="h100-sxm")
    assert (plain.place, plain.cluster, plain.devices, plain.node) == ("h100-sxm", None, 16, 8)


@pytest.mark.parametrize(
    ("given", "sellers"),
    [
        ({"cluster": "aws-p5", "provider": "aws,lambda"}, ["Amazon Web Services"]),
        ({"cluster": "aws-p5", "provider": "lambda,gcp"}, ["Amazon Web Services"]),
        ({"hardware": "h100-sxm", "provider": "aws,lambda"}, ["Amazon Web Services", "Lambda"]),
    ],
)
def test_a_machine_has_the_price_of_its_seller(given: dict[str, str], sellers: list[str]) -> None:
    """Of several providers the one that lets this machine; its own where none of them does."""
    (place,) = places(**given)
    assert [price.record()["provider"] for price in place.prices] == sellers


def listed(inner: Inner) -> set[tuple[float, ...]]:
    """Every layout of a grid."""
    return set(itertools.product(*(getattr(inner, name) for name in AXES)))


def test_pieces_are_the_grid_cut_along_its_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every layout once, in calls that are small enough; one group is the least that a piece has."""
    inner = Inner((1,), (1, 2, 4), (1, 2), (0, 3), (0, 2, 4, 8, 16), (0.0, 2.0), (0, 1), (0, 1))
    place, outer = SimpleNamespace(), Outer(1, 1, 1, 16)
    monkeypatch.setattr(cases, "CHUNK", inner.size // 2)
    found = [piece for _, _, piece in cases._pieces(place, outer, inner)]  # type: ignore[arg-type]
    assert [piece.zero_group for piece in found] == [(0, 2), (4, 8), (16,)]
    assert set().union(*map(listed, found)) == listed(inner)
    monkeypatch.setattr(cases, "CHUNK", inner.size)
    assert [piece for _, _, piece in cases._pieces(place, outer, inner)] == [inner]  # type: ignore[arg-type]
    monkeypatch.setattr(cases, "CHUNK", 1)
    assert len(list(cases._pieces(place, outer, inner))) == 5  # type: ignore[arg-type]


def test_no_array_is_larger_than_eight_mebibytes() -> None:
    """One choice of degrees of 245,760 devices, 48 sharding groups among them, has more layouts than that."""
    fixed = {"tp": 8, "pp": 1, "cp": 1}
    asked = {"model": "deepseek-v3", "hardware": "h100-sxm", "devices": 8 * 30720, "global_batch": 30720 * 512}
    tried, left_out = cases.grids(places(**asked, **fixed), fixed, whole=True)
    assert not left_out
    assert 2**20 < sum(inner.size for _, _, inner in tried) < 2**21
    assert max(inner.size for _, _, inner in tried) <= 2**20
    assert len(tried) < 5


def test_one_of_one_size_is_all_of_them() -> None:
    """As are none of none."""
    assert (_spread((5,), 1), _spread((), 0), _spread((5, 6), 2)) == ((5,), (), (5, 6))


@pytest.mark.parametrize(
    ("most", "left"), [(math.inf, tuple(range(9))), (9, tuple(range(9))), (3, (0, 4, 8)), (2, (0, 8)), (1, ()), (0, ())]
)
def test_some_of_many_sizes(most: float, left: tuple[int, ...]) -> None:
    """Evenly spread, both ends among them."""
    assert _spread(tuple(range(9)), most) == left


def test_a_large_space_is_tried_as_finely_as_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """The finest of all that is small enough, else the coarsest; what is left out is said."""
    (place,) = places(hardware="h100-sxm", devices=4096, global_batch=4096)
    sizes = [sum(i.size for _, _, i in cases._grids(place, {}, fineness)) for fineness in WHOLE]
    assert sizes == sorted(set(sizes), reverse=True)
    for limit, chosen in ((sizes[0], 0), (sizes[1], 1), (sizes[1] - 1, 2), (1, 4)):
        monkeypatch.setattr(cases, "MOST_LAYOUTS", limit)
        found, said = cases.grids([place], {}, whole=True)
        assert (sum(inner.size for _, _, inner in found), said) == (sizes[chosen], WHOLE[chosen].said)


def test_around_the_best_rows_everything_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many outer choices as half of the layouts allow, at least one."""
    (place,) = places(hardware="h100-sxm")
    every = [(outer, inner.size) for _, outer, inner in cases._grids(place, {}, WHOLE[0])]
    outers, sizes = [outer for outer, _ in every], [size for _, size in every]
    for limit, count in ((2 * sum(sizes[:3]), 3), (2 * sum(sizes[:3]) - 2, 2), (0, 1)):
        monkeypatch.setattr(cases, "MOST_LAYOUTS", limit)
        assert [outer for _, outer, _ in cases.around(place, {}, [(outer, 1) for outer in outers])] == outers[:count]


def test_layouts_around_the_best_are_those_of_their_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice of degrees has the layouts of one degree of EP: of four degrees a quarter of the grid each."""
    (place,) = places(hardware="h100-sxm", model="mixtral-8x7b")
    _, outer, inner = max(cases._grids(place, {}, WHOLE[0]), key=lambda grid: len(grid[2].ep))
    each = inner.size // len(inner.ep)
    assert len(inner.ep) > 2
    for limit, degrees in ((2 * 2 * each, inner.ep[:2]), (2 * 2 * each - 1, inner.ep[:1]), (2 * inner.size, inner.ep)):
        monkeypatch.setattr(cases, "MOST_LAYOUTS", limit)
        found = [grid for _, _, grid in cases.around(place, {}, [(outer, ep) for ep in inner.ep])]
        assert {ep for grid in found for ep in grid.ep} == set(degrees)
        assert sum(grid.size for grid in found) == len(degrees) * each


@pytest.mark.parametrize(
    ("flags", "selective"),
    [
        ({"attention_kernel": "unfused"}, True),  # the scores
        ({"attention_kernel": "fused"}, False),  # nothing that a stack of fused kernels recomputes by name
        ({"attention_kernel": "fused", "stack": "ours"}, True),  # a share of the layer's products
    ],
)
def test_selective_is_tried_where_it_differs_from_none(
    flags: dict[str, Any], selective: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores of unfused attention, or the share of the products that the stack computes again."""
    share = 0.5 if flags.pop("stack", None) else 0.0
    equipped = cases.equipped

    def sharing(*given: Any, **more: Any) -> Any:
        name, (box, software, said, own) = equipped(*given, **more)
        return name, (box, replace(software, selective_share=share), said, own)

    monkeypatch.setattr(cases, "equipped", sharing)
    (place,) = places(hardware="h100-sxm", **flags)
    assert place.selective == selective


def test_the_largest_job_that_is_searched() -> None:
    """Ten million devices; no machine has one more."""
    (place,) = places(hardware="h100-sxm", devices=10_000_000, global_batch=10_000_000)
    assert place.devices == 10_000_000
    with pytest.raises(InputError, match="at most 10,000,000"):
        places(hardware="h100-sxm", devices=10_000_001, global_batch=10_000_001)


def test_selective_stays_where_the_stack_has_nothing_to_select() -> None:
    """Asked for by name it is looked at, though it is no recomputation there."""
    inner = Inner((1,), (1,), (1,), (0,), (0,), (0.0, 2.0), (0,), (0,))
    narrowed = {name: cases._narrowed(inner, {"recompute": name}).recompute for name in ("none", "selective", "full")}
    assert narrowed == {"none": (0.0,), "selective": (1.0,), "full": (2.0,)}
    for wrong in ("ful", ["full"], True):
        with pytest.raises(InputError, match="none, selective, full"):
            cases._narrowed(inner, {"recompute": wrong})


def test_what_one_device_is_where_places_differ() -> None:
    """What all of them say; readings of a number only where all are alike."""
    one = {"device_is": "a GCD", "counted_as": {"card": 2}, "device_reading": "16 devices are 8 cards"}
    other = {**one, "device_reading": "32 devices are 16 cards"}
    cases_of = [SimpleNamespace(device_facts=facts) for facts in (one, one, other)]
    assert _devices(cases_of) == {k: one[k] for k in ("device_is", "counted_as")}  # type: ignore[arg-type]
    assert _devices(cases_of[:2]) == one  # type: ignore[arg-type]
    assert _devices([*cases_of, SimpleNamespace(device_facts={})]) == {}  # type: ignore[arg-type,list-item]


def test_the_formulas_come_when_they_are_asked_for() -> None:
    """Of the best row; else none."""
    plain = search(**ASKED, hardware="h100-sxm", space="usual", top=1)
    assert (plain.steps, plain.sensitivities) == ((), ())
    told = search(**ASKED, hardware="h100-sxm", space="usual", top=1, explain=True)
    assert told.layouts[0]["command"] == plain.layouts[0]["command"]
    assert told.steps
    assert told.sensitivities


@pytest.mark.parametrize(
    ("hardware", "devices", "batch", "tp", "pp"),
    [
        ("gb200-nvl72", 64, 64, 8, 1),  # a domain of 72, but eight is what people try
        ("h100-sxm", 12, 12, 4, 1),  # eight does not divide twelve
        ("h100-sxm", 64, 4, 8, 2),  # eight replicas cannot share four sequences
    ],
)
def test_the_obvious_layout_fits_devices_and_batch(hardware: str, devices: int, batch: int, tp: int, pp: int) -> None:
    """TP of a node, halved until it divides the devices; the fewest stages whose replicas divide the batch."""
    kind = "cluster" if hardware.endswith("nvl72") else "hardware"
    (place,) = places(**{kind: hardware, "devices": devices, "global_batch": batch, "model": "llama-3.1-8b"})
    found = obvious(place, {"step_time_s": 1.0}, {})
    assert found is not None
    assert (found["tp"], found["pp"], found["recompute"]) == (tp, pp, "full")
    assert found["slower_by"] == pytest.approx(found["step_time_s"] - 1)
    assert obvious(place, {"step_time_s": 1.0}, {"tp": 2}) is None


@pytest.mark.parametrize(
    ("model", "devices"), [("deepseek-v3", 55_440 * 16), ("gpt-3-175b", 7_207_200), ("llama-3.2-1b", 9_999_360)]
)
def test_a_search_of_any_size_is_bounded(model: str, devices: int) -> None:
    """Sizes with very many divisors: no more layouts than are tried in a second, in calls that a second holds."""
    asked = {"model": model, "hardware": "h100-sxm", "devices": devices, "global_batch": devices, "seq_len": 65536}
    tried, left_out = cases.grids(places(**asked), {}, whole=True)
    assert sum(inner.size for _, _, inner in tried) <= cases.MOST_LAYOUTS
    assert len(tried) < 1500
    assert left_out
