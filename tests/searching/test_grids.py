"""A grid in one call is every layout of it by itself; what schedules and flags rule out is left out."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from mfu_planner import predict, search
from mfu_planner.errors import InputError
from mfu_planner.searching.cases import fixed_flags, grids, places_of
from mfu_planner.searching.evaluate import evaluate
from mfu_planner.searching.rank import Found
from mfu_planner.searching.space import AXES

ASKED = {"model": "llama-3.2-3b", "hardware": "h100-sxm", "devices": 16, "global_batch": 32, "seq_len": 2048,
         "stack": "megatron-2024"}  # fmt: skip


MIXTURE = {**ASKED, "model": "mixtral-8x7b", "etp": 2}


def pieces(asked: dict[str, Any] = ASKED, **more: Any) -> list[tuple[Any, Any, Any]]:
    """(outer, inner, place) of every grid."""
    given = {**asked, **more}
    (place,) = places_of(given)
    return [(outer, inner, place) for place, outer, inner in grids([place], given, whole=False)[0]]


@pytest.mark.parametrize("asked", [ASKED, MIXTURE], ids=["dense", "experts"])
def test_every_element_is_its_own_prediction(asked: dict[str, Any]) -> None:
    """Time and bytes of elements drawn from the grids: those of ``predict`` with their flags."""
    draw = random.Random(16)
    for outer, inner, place in draw.sample(pieces(asked), 6):
        seconds, held, allowed = evaluate(outer, inner, place)
        for _ in range(3):
            at = tuple(draw.randrange(n) for n in inner.shape)
            choice = tuple(float(getattr(inner, name)[i]) for name, i in zip(AXES, at, strict=True))
            if not allowed[at]:
                continue
            flags = {k: v for k, v in Found(0.0, 0.0, outer, choice, 16).flags().items() if v is not None}
            said = predict(**asked, **flags)
            assert seconds[at] == pytest.approx(said.step_time_s, rel=1e-12)
            assert held[at] == pytest.approx(said.memory["total_bytes"], rel=1e-12)


def test_interleaving_needs_whole_rounds() -> None:
    """With several chunks a stage the micro-batches are a multiple of the stages."""
    seen = 0
    for outer, inner, place in pieces():
        if outer.pp == 1:
            continue
        _, _, allowed = evaluate(outer, inner, place)
        for at in np.ndindex(*inner.shape):
            count = 32 // outer.dp / inner.micro_batch[at[AXES.index("micro_batch")]]
            assert allowed[at] == (inner.vpp[at[AXES.index("vpp")]] == 1 or count % outer.pp == 0)
            seen += 1
    assert seen


def test_dualpipe_needs_even_numbers() -> None:
    """Stages and micro-batches of both directions."""
    for outer, inner, place in pieces(schedule="dualpipe"):
        assert outer.pp == 1 or inner.vpp == (1,)
        _, _, allowed = evaluate(outer, inner, place)
        for at in np.ndindex(*inner.shape):
            count = 32 // outer.dp / inner.micro_batch[at[AXES.index("micro_batch")]]
            assert allowed[at] == (outer.pp == 1 or (outer.pp % 2 == 0 and count % 2 == 0))


@pytest.mark.parametrize(
    ("flags", "axis", "value"),
    [
        ({"micro_batch": 2}, "micro_batch", (2,)),
        ({"zero": 1}, "zero", (1,)),
        ({"recompute": "full"}, "recompute", (2.0,)),
        ({"recompute": "none"}, "recompute", (0.0,)),
        ({"sequence_parallel": True}, "sequence_parallel", (1,)),
        ({"schedule": "1f1b", "pp": 4}, "vpp", (1,)),
    ],
)
def test_given_flags_narrow_the_grid(flags: dict[str, Any], axis: str, value: tuple[float, ...]) -> None:
    """Only what was given is looked at, along its axis."""
    found = pieces(**flags)
    assert found
    for outer, inner, _ in found:
        assert getattr(inner, axis) == value
        assert outer.pp == flags.get("pp", outer.pp)


def test_interleaved_schedule_has_several_chunks() -> None:
    """One chunk is no interleaving."""
    found = [inner.vpp for outer, inner, _ in pieces(schedule="interleaved") if outer.pp > 1]
    assert found
    assert all(v > 1 for chunks in found for v in chunks)


def test_flags_that_a_search_does_not_take() -> None:
    """The share of recomputation is searched; a stage of ZeRO is one of four."""
    with pytest.raises(InputError, match="recompute-share"):
        fixed_flags({"recompute_share": 0.5})
    with pytest.raises(InputError, match="zero"):
        fixed_flags({"zero": 4})
    assert fixed_flags({"tp": "2", "zero": "3", "offload": None}) == {"tp": 2, "zero": 3}


def test_rates_and_costs_of_a_row_by_hand() -> None:
    """Tokens of a step ÷ its time; price × devices × time; a run is its steps ÷ goodput."""
    (first, *_) = search(**ASKED, price=2.0, tokens="1B", goodput=0.9).layouts
    steps = 1e9 / (32 * 2048)
    assert first["tokens_per_s"] == pytest.approx(32 * 2048 / first["step_time_s"])
    assert first["cost_usd_per_step"] == pytest.approx(16 * first["step_time_s"] / 3600 * 2)
    assert first["training_time_s"] == pytest.approx(steps * first["step_time_s"] / 0.9)
    assert first["total_cost_usd"] == pytest.approx(steps * first["cost_usd_per_step"] / 0.9)
    said = predict(**first["question"])
    assert (said.step_time_s, said.mfu) == (first["step_time_s"], first["mfu"])


def test_a_slow_loader_makes_every_row_wait() -> None:
    """What the input pipeline needs beyond the step is added to it, in the row as in its prediction."""
    (first, *_) = search(**ASKED, loader_tokens_per_s=10_000).layouts
    assert first["step_time_s"] == pytest.approx(32 * 2048 / 10_000)
    assert predict(**first["question"]).step_time_s == first["step_time_s"]


def test_the_layout_that_people_try_first() -> None:
    """TP of a node, the fewest stages that fit, full recomputation; how much slower, by its own prediction."""
    found = search(model="llama-3.1-70b", hardware="h100-sxm", devices=64, global_batch=64, seq_len=4096)
    plain = next(v for v in found.as_json().values() if isinstance(v, dict) and "largest_losses" in v)
    fits = [
        pp
        for pp in (1, 2, 4, 8)
        if predict(
            model="llama-3.1-70b", hardware="h100-sxm", devices=64, tp=8, pp=pp, recompute="full", global_batch=64,
            seq_len=4096,
        ).memory["fits"]
    ]  # fmt: skip
    assert (plain["tp"], plain["pp"]) == (8, min(fits))
    assert plain["slower_by"] == pytest.approx(plain["step_time_s"] / found.layouts[0]["step_time_s"] - 1)
    assert not {loss["name"] for loss in plain["largest_losses"]} & {"ideal", "matmul_inefficiency"}
