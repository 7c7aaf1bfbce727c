"""What is said of found layouts: the obvious one and why it lost, rows of odd questions, by hand."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from mfu_planner import predict, search
from mfu_planner.errors import InputError
from mfu_planner.searching import cases, outcome
from mfu_planner.searching.outcome import distinct, doubted, obvious, pareto, ranked

search_module = import_module("mfu_planner.searching.search")
SMALL = {"model": "llama-3.2-1b", "hardware": "h100-sxm", "devices": 16, "global_batch": 64, "seq_len": 2048}
WATERFALL = [
    {"name": name, "share": share}
    for name, share in (("ideal", 0.5), ("matmul_inefficiency", 0.2), ("a", 0.1), ("b", 0.04), ("c", 0.15), ("d", 0.01))
]


@pytest.mark.parametrize(
    ("devices", "node", "batch", "layers", "fits", "asked"),
    [
        (48, 72, 96, 24, 2, [(8, 1), (8, 2)]),  # eight of a rack of 72; three devices and then six for data
        (12, 8, 6, 24, 1, [(4, 1)]),  # eight do not divide twelve
        (64, 2, 64, 24, 4, [(2, 1), (2, 2), (2, 4)]),
        (1024, 8, 1024, 64, 64, [(8, 1), (8, 2), (8, 4), (8, 8), (8, 16), (8, 32), (8, 64)]),
        (48, 8, 4, 24, 2, []),  # neither six nor three replicas divide four sequences
        (48, 8, 3, 24, 2, [(8, 2)]),  # six do not, three do
        (64, 8, 64, 1, 2, [(8, 1)]),  # one layer has one stage
    ],
)
def test_the_obvious_layout_is_that_of_a_node(
    devices: int, node: int, batch: int, layers: int, fits: int, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """TP of a node, at most 8, that divides the devices; the fewest stages that fit, full recomputation."""
    tried = []

    def said(**flags: Any) -> dict[str, Any]:
        assert flags["recompute"] == "full"
        tried.append((flags["tp"], flags["pp"]))
        return {"memory": {"fits": flags["pp"] == fits}, "step_time_s": 3.0, "waterfall": WATERFALL}

    monkeypatch.setattr(outcome, "predict", said)
    division = SimpleNamespace(layers=layers)
    place: Any = SimpleNamespace(
        devices=devices, node=node, global_batch=batch, flags={}, case=SimpleNamespace(division=division)
    )
    found = obvious(place, {"step_time_s": 2.0}, {})
    assert tried == asked
    if asked and asked[-1][1] == fits:
        assert found is not None
        assert (found["tp"], found["pp"]) == asked[-1]
        assert found["slower_by"] == 0.5
        assert [loss["name"] for loss in found["largest_losses"]] == ["c", "a", "b"]
    else:
        assert found is None


def test_what_is_fixed_has_no_obvious_layout() -> None:
    place: Any = SimpleNamespace()
    assert obvious(place, {}, {"tp": 2}) is None


def row(seconds: float, cost: float | None, devices: int = 8, held: float = 1.0) -> dict[str, Any]:
    """A row as far as its order goes."""
    return {
        "step_time_s": seconds, "cost_usd": cost, "devices": devices, "total_bytes": held, "place": "p",
        "provider": None, "training_time_s": 10 * seconds,
    }  # fmt: skip


def test_the_front_is_what_no_other_beats() -> None:
    """By cost; by devices where no price is known; a row without a price is on no front of costs."""
    rows = [row(1, 9), row(2, 5), row(3, 5), row(4, 7), row(5, 1), row(0.5, None)]
    assert pareto(rows) == [0, 1, 4]
    rows = [row(1, None, 32), row(2, None, 8), row(3, None, 16), row(1, None, 16)]
    assert pareto(rows) == [3, 1]


def test_the_order_of_rows() -> None:
    """By time; by cost, unknown ones last; by devices, then time; within a deadline."""
    rows = [row(3, 2, 8), row(1, 4, 16), row(2, None, 8), row(4, 2, 32)]
    order = {name: [r["step_time_s"] for r in ranked(rows, name, {})] for name in ("time", "cost", "devices")}
    assert order == {"time": [1, 2, 3, 4], "cost": [3, 4, 1, 2], "devices": [2, 3, 1, 4]}
    kept = ranked(rows, "time", {"deadline": "30s", "tokens": "1B"})
    assert [r["step_time_s"] for r in kept] == [1, 2, 3]


def test_the_same_time_bytes_and_devices_are_one_layout() -> None:
    rows = [row(1, 1), row(1, 1), row(1, 1, held=2.0), row(1, 1, 16), row(2, 1)]
    assert distinct(rows) == [rows[0], *rows[2:]]


def test_a_slow_loader_is_in_the_row() -> None:
    """The row's question says the same."""
    (found,) = search(**SMALL, loader_tokens_per_s=10_000, space="usual", top=1)["layouts"]
    assert found["step_time_s"] == pytest.approx(64 * 2048 / 10_000)
    assert predict(**found["question"])["step_time_s"] == found["step_time_s"]


@pytest.mark.parametrize("recompute", ["none", "selective", "full"])
def test_recomputation_that_is_asked_for_is_that_of_every_row(recompute: str) -> None:
    """Selective too, where the kernels leave nothing to it."""
    found = search(**SMALL, recompute=recompute, space="usual", top=3)
    assert {r["recompute"] for r in found["layouts"]} == {recompute}
    assert {r["place"] for r in found["layouts"]} == {"h100-sxm"}
    assert not found["steps"]


def test_explained_only_when_asked() -> None:
    """Formulas of the best row."""
    assert search(**SMALL, tp=2, pp=1, space="usual", top=1, explain=True)["steps"]


def test_a_run_of_seconds_is_doubted_as_a_plan_doubts_it() -> None:
    """40 tokens were meant to be 40 billion."""
    assert any(w.startswith("doubtful: 10,000,000 tokens in") for w in search(**SMALL, tokens="10M", top=1).warnings)
    assert search(**SMALL, tokens="40B", top=1).warnings == ()


def test_the_shortest_run_is_the_one_that_is_doubted() -> None:
    """59 seconds among rows of a day; a minute and a day are no doubt; devices of the best row alone."""
    day = {"training_time_s": 86_400.0, "devices": 8}
    (doubt,) = doubted([day, {**day, "training_time_s": 59.0}], {"tokens": "1B"})
    assert doubt.startswith("doubtful: 1,000,000,000 tokens in")
    assert doubted([day, {**day, "training_time_s": 60.0}], {"tokens": "1B"}) == []
    assert doubted([{"devices": 8}, {"devices": 20_000_000}], {}) == []
    assert len(doubted([{"devices": 20_000_000}, {"devices": 8}], {})) == 1


@pytest.mark.parametrize(("flag", "value"), [("offload", "perhaps"), ("as_of", "yesterday"), ("sequence_parallel", 3)])
def test_flags_and_days_are_read_before_anything_is_tried(flag: str, value: object) -> None:
    """What is neither yes nor no, or no day, is refused by its name."""
    with pytest.raises(InputError) as refused:
        search(**SMALL, **{flag: value})
    assert refused.value.field.replace("-", "_") == flag


@pytest.mark.parametrize(("asked", "name"), [("zero-bubble", "zero-bubble"), ("gpipe", "gpipe"), (None, "1f1b")])
def test_rows_name_the_schedule_that_was_asked_for(asked: str | None, name: str) -> None:
    """In the row, and in the question that repeats it."""
    (found,) = search(**SMALL, pp=2, vpp=1, schedule=asked, space="usual", top=1)["layouts"]
    assert (found["schedule"], found["question"]["schedule"]) == (name, name)
    assert predict(**found["question"])["step_time_s"] == found["step_time_s"]


def test_ten_rows_where_nobody_says_how_many() -> None:
    """Or as many as are asked for, one at least."""
    assert len(search(**SMALL, space="usual")["layouts"]) == 10
    assert len(search(**SMALL, space="usual", top=11)["layouts"]) == 11
    with pytest.raises(InputError, match="top: got 0"):
        search(**SMALL, space="usual", top=0)


def test_what_is_counted_is_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a space that is tried coarsely, then in full around the best rows: layouts and those that fit, both times."""
    tried: list[tuple[int, int]] = []

    def counted(*given: Any) -> tuple[int, int]:
        tried.append(trying(*given))
        return tried[-1]

    trying = search_module._try
    monkeypatch.setattr(cases, "MOST_LAYOUTS", 2000)
    monkeypatch.setattr(search_module, "_try", counted)
    found = search(**SMALL, top=1)
    assert len(tried) == 2
    assert min(fits for _, fits in tried) > 0
    assert (found.evaluated, found.feasible) == tuple(map(sum, zip(*tried, strict=True)))


@pytest.mark.parametrize(("model", "samples"), [("llama-3.2-1b", False), ("resnet-50", True)])
def test_ranges_of_samples_are_not_those_of_tokens(model: str, samples: bool) -> None:
    """What is known of a row for its range: what it counts, how large it is, whether its stack was named."""
    given = {**SMALL, "model": model, "seq_len": None if samples else 2048}
    (place,) = cases.places_of(given)
    known = outcome._known(place, given, 0.5)
    assert (known.samples, known.devices, known.named, known.adapters) == (samples, 16, False, False)
    assert outcome._known(place, {**given, "stack": "generic", "lora_rank": 8}, 0.5).named
    assert outcome._known(place, {**given, "freeze": "embedding"}, 0.5).adapters
