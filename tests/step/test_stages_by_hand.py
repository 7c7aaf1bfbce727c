"""Pipelines by hand: which stage holds what, how long one waits, how many micro-batches stay, which pass comes when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toy import model

from mfu_planner.errors import InputError
from mfu_planner.operators import Layout
from mfu_planner.step.division import divide
from mfu_planner.step.picture import schedule
from mfu_planner.step.pipeline import pipeline_bubble, pipeline_time
from mfu_planner.step.schedules import (
    DUALPIPE,
    GPIPE,
    ONE_FORWARD_ONE_BACKWARD,
    ZERO_BUBBLE,
    fill_share,
    in_flight,
    in_flight_later,
    read_schedule,
    schedule_name,
)
from mfu_planner.step.stages import balanced_stages, stage_plan, stated_stages, uniform_stages


@pytest.mark.parametrize(
    ("layers", "stages", "expected"),
    [(8, 4, (2, 2, 2)), (9, 4, (3, 3, 9 / 4)), (4, 4, (1, 1, 1)), (8, 1, (8, 8, 8)), (3, 4, (1, 1, 3 / 4))],
)
def test_equal_stages(layers: float, stages: float, expected: tuple[float, ...]) -> None:
    """Most in the middle, first, last: what is over is spread."""
    assert uniform_stages(float(layers), float(stages)) == expected


@pytest.mark.parametrize(
    ("layers", "stages", "head", "expected"),
    [
        # shares of 10/4 = 2.5: layers 3, 6 (5 < 6), 8 pass 2.5, 5 and 7.5; nothing but the head for the last
        (8, 4, 2.0, (3, 3, 0)),
        # shares of 2: layers 3, 5, 7 are the first past 2, 4 and 6
        (8, 4, 0.0, (3, 3, 1)),
        # shares of 5: layer 6 is the first past it
        (8, 2, 2.0, (6, 6, 2)),
        (8, 1, 2.0, (8, 8, 8)),
        # shares of 4.5: layer 5
        (8, 2, 1.0, (5, 5, 3)),
        # a heavy head: shares of 14; no layer passes it, all stand beside the head
        (8, 2, 20.0, (0, 8, 8)),
    ],
)  # fmt: skip
def test_stages_filled_by_cost(layers: int, stages: int, head: float, expected: tuple[float, ...]) -> None:
    """Most without the head, first, beside the head: a stage closes with the layer that passes its share."""
    assert balanced_stages(layers, stages, head) == expected


def test_which_plan() -> None:
    """Equal shares, or by cost: four layers and a head of 4/7 layer, shares of 16/7: layer 3 passes the first."""
    held = divide(model())
    assert held.head_layers == pytest.approx(4 / 7)
    assert stage_plan(held, Layout(pp=2.0), 0.0) == (2, 2, 2)
    assert stage_plan(held, Layout(pp=2.0), 1.0) == (3, 3, 1)
    assert stage_plan(held, Layout(), 1.0) == (4, 4, 4)
    together = [list(each) for each in stage_plan(held, Layout(pp=np.array([1.0, 2.0])), 1.0)]
    assert together == [[4, 3], [4, 3], [4, 1]]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        # 126 layers and both ends are 8 on each of 16 stages, one of them an end's; 94 and both 3 on each of 32
        ((126, 16, {"embedding_layers": 1.0, "loss_layers": 1.0}), (8, 7, 7)),
        ((94, 32, {"embedding_layers": 1.0, "loss_layers": 1.0}), (3, 2, 2)),
        ((63, 8, {"loss_layers": 1.0}), (8, 8, 7)),
        # two stages have no middle
        ((6, 2, {"embedding_layers": 1.0, "loss_layers": 1.0}), (3, 3, 3)),
        # 61 layers: 7 stages of 8 and 5; 11 and 10 leave 40 for four
        ((61, 8, {"layers_last": 5}), (8, 8, 5)), ((61, 6, {"layers_first": 11, "layers_last": 10}), (10, 11, 10)),
        ((7, 2, {"layers_first": 4}), (4, 4, 3)),
    ],
)  # fmt: skip
def test_stages_as_stated(stated: tuple[float, float, dict[str, float]], expected: tuple[float, ...]) -> None:
    """Most in the middle, first, last, by hand."""
    layers, stages, said = stated
    assert stated_stages(layers, Layout(pp=float(stages), **said)) == expected


@pytest.mark.parametrize(
    ("code", "stages", "virtual", "backward", "weights", "expected"),
    [
        (ONE_FORWARD_ONE_BACKWARD, 4, 1, 0.6, 0.2, 1), (ONE_FORWARD_ONE_BACKWARD, 4, 2, 0.6, 0.2, 1 / 2),
        (GPIPE, 4, 1, 0.6, 0.2, 1),
        # forward and backward without two weight gradients
        (ZERO_BUBBLE, 4, 1, 0.6, 0.2, 0.6), (ZERO_BUBBLE, 4, 1, 0.6, 0.6, 0),
        # (8/2 − 1) of 7 stages, each F + B + B − 3 W = 1 + 0.6 − 0.6
        (DUALPIPE, 8, 1, 0.6, 0.2, 3 / 7), (DUALPIPE, 8, 1, 0.6, 0.1, 3 / 7 * 1.3), (DUALPIPE, 8, 1, 0.6, 0.6, 0),
        (DUALPIPE, 2, 1, 0.6, 0.2, 0), (DUALPIPE, 1, 1, 0.6, 0.2, 0),
    ],
)  # fmt: skip
def test_waiting(code: float, stages: float, virtual: float, backward: float, weights: float, expected: float) -> None:
    """Shares of (p − 1)(F + B); in an array of schedules too."""
    assert fill_share(code, float(stages), float(virtual), backward, weights) == pytest.approx(expected)
    mixed = fill_share(np.array([code, GPIPE]), float(stages), float(virtual), backward, weights)
    assert mixed == pytest.approx([expected, 1])


@pytest.mark.parametrize(
    ("stages", "micro", "virtual", "code", "expected"),
    [
        (4, 16, 1, ONE_FORWARD_ONE_BACKWARD, (4, 3, 1)), (4, 2, 1, ONE_FORWARD_ONE_BACKWARD, (2, 1, 1)),
        (4, 1, 1, ONE_FORWARD_ONE_BACKWARD, (1, 1, 1)), (4, 0, 1, ONE_FORWARD_ONE_BACKWARD, (1, 1, 1)),
        # 4 + 3/2 of a whole stage
        (4, 16, 2, ONE_FORWARD_ONE_BACKWARD, (5.5, 4.5, 1)), (4, 16, 3, ONE_FORWARD_ONE_BACKWARD, (5, 4, 1)),
        (4, 16, 1, GPIPE, (16, 16, 16)), (4, 16, 1, ZERO_BUBBLE, (4, 4, 4)), (4, 16, 1, DUALPIPE, (5, 5, 5)),
        (4, 3, 1, DUALPIPE, (3, 3, 3)),
    ],
)  # fmt: skip
def test_micro_batches_held(stages: float, micro: float, virtual: float, code: float, expected: Any) -> None:
    """By the first stage, the second, the last."""
    held = in_flight(float(stages), float(micro), float(virtual), code)
    assert (held, *in_flight_later(held, code)) == pytest.approx(expected)


def test_pipelines() -> None:
    """Ten micro-batches through a slowest stage of 3 s, 8 s over all stages, of which half of the rest is waited."""
    assert pipeline_time(3.0, 8.0, 10.0, 0.5) == 10 * 3 + 0.5 * (8 - 3)
    assert (pipeline_bubble(4, 6), pipeline_bubble(4, 6, 2), pipeline_bubble(1, 6)) == (0.5, 0.25, 0)


def test_names_of_schedules() -> None:
    """By code and chunks."""
    assert [schedule_name(1), schedule_name(2), schedule_name(1, ZERO_BUBBLE)] == ["1f1b", "interleaved", "zero-bubble"]
    assert [schedule_name(1, GPIPE), schedule_name(1, DUALPIPE)] == ["gpipe", "dualpipe"]
    assert [read_schedule(None, 4, v, 8) for v in (1, 2)] == ["1f1b", "interleaved"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("interleaved", 2, 2, 8), None), (("interleaved", 2, 1, 8), "--vpp of 2 or more"),
        (("gpipe", 2, 2, 8), "--vpp 1"), (("interleaved", 1, 1, 8), None), (("1f1b", 2, 1, 8), None),
        (("dualpipe", 2, 1, 8), None), (("dualpipe", 3, 1, 8), "an even number"), (("dualpipe", 2, 1, 7), "an even"),
        (("dualpipe", 1, 1, 7), None), (("zero-bubble", 3, 1, 7), None), (("gpip", 2, 1, 8), "gpipe"),
    ],
)  # fmt: skip
def test_schedules_that_fit(asked: Any, says: str | None) -> None:
    """Chunks for interleaved stages alone; DualPipe in pairs; one stage has no schedule to fit."""
    if says is None:
        assert read_schedule(*asked) == asked[0]
    else:
        with pytest.raises(InputError, match=says):
            read_schedule(*asked)


def drawn(stages: int, micro: int, virtual: int = 1) -> list[str]:
    """Every stage's passes in turn: F or B, the micro-batch, its chunk by a letter, and when it starts."""
    slots = sorted(schedule(stages, micro, virtual).slots, key=lambda s: (s.stage, s.start))
    return [
        " ".join(f"{'BF'[s.forward]}{s.micro_batch}{'abc'[s.chunk]}{s.start:g}" for s in slots if s.stage == stage)
        for stage in range(stages)
    ]


def test_one_forward_one_backward_drawn() -> None:
    """Two stages, three micro-batches: the first runs one ahead; 3 · 3 + (2 − 1) · 3 long."""
    assert drawn(2, 3) == ["F0a0 F1a1 B0a4 F2a6 B1a7 B2a10", "F0a1 B0a2 F1a4 B1a5 F2a7 B2a8"]
    assert (schedule(2, 3).length, schedule(2, 3).bubble) == (12, pytest.approx(1 / 3))
    assert all(s.end - s.start == (1 if s.forward else 2) for s in schedule(2, 3).slots)
    assert drawn(1, 2) == ["F0a0 B0a1 F1a3 B1a4"]
    assert schedule(1, 2).bubble == 0


def test_interleaving_drawn() -> None:
    """Two stages of two chunks: groups of two micro-batches go through chunk a, then b; passes take half as long."""
    assert drawn(2, 2, 2) == [
        "F0a0 F1a0.5 F0b1 F1b1.5 B0b3 B1b4.5 B0a5.5 B1a6.5",
        "F0a0.5 F1a1 F0b1.5 B0b2 F1b3 B1b3.5 B0a4.5 B1a5.5",
    ]
    assert (schedule(2, 2, 2).length, schedule(2, 2, 2).bubble) == (7.5, 1 / (2 * 2))
    assert schedule(4, 8, 2).bubble == pytest.approx(3 / (2 * 8))


@pytest.mark.parametrize(
    ("asked", "field"),
    [((0, 4, 1), "pp"), ((2, 0, 1), "micro-batches"), ((2, 4, 0), "vpp"), ((2, 3, 2), "vpp"), ((100, 101, 1), "pp")],
)
def test_pictures_that_cannot_be(asked: tuple[int, int, int], field: str) -> None:
    """Numbers below one, micro-batches in no multiple, more than 20 000 passes."""
    with pytest.raises(InputError) as refused:
        schedule(*asked)
    assert refused.value.field == field


def test_the_largest_picture() -> None:
    """20 000 passes are drawn; a single micro-batch on more stages than that is long waited for."""
    assert len(schedule(100, 100).slots) == 20_000
    assert schedule(4, 1).bubble == pytest.approx(3)
