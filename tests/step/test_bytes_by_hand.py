"""Memory of a device by hand: 8 rows of a toy layer keep 24 elements whole and 56 divided, 456 parameters a layer."""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from typing import Any

import numpy as np
import pytest
from toy import BOX, EXPERTS, LAYER, MEMORY, STACK, case, model

from mfu_planner.architectures.model import Block
from mfu_planner.counting.finetune import ADAPTER
from mfu_planner.operators import Layout, MatMul, Rows, Stream, Workload
from mfu_planner.step.division import divide
from mfu_planner.step.evaluate import device_memory, stages_of, step
from mfu_planner.step.memory import DeviceBytes, Space, block_bytes, fullest, most_bytes
from mfu_planner.step.schedules import DUALPIPE, GPIPE, ZERO_BUBBLE

ALL = 2 * 8 * (24 + 56)
"""Bytes that a layer keeps of 8 rows in 16 bits."""
INPUT = 2 * 8 * 8
SCORES = 5 * (2 * 4) * 4 * 4
"""Of two sequences and four heads, 5 byte each."""
UNFUSED = {"fused_attention": 0.0}


def kept(layout: Layout, constants: Any = None, box: Any = BOX, part: int = 0, **stack: Any) -> tuple[float, float]:
    """(kept, needed while it runs) of a layer, or of a block before or behind."""
    division = divide(model())
    kind = (division.body[0], division.after[0])[part]
    work = Workload(2, 4, allowed_pairs_only=True)
    memory = replace(MEMORY, **{"score_bytes": 5.0, "mask_bytes": 3.0, **(constants or {})})
    return block_bytes(kind, Space(layout, work, box, replace(STACK, **stack), memory, 12.0))


@pytest.mark.parametrize(
    ("layout", "stack", "expected"),
    [
        ({}, {}, (ALL, ALL)),
        ({"tp": 2.0}, {}, (2 * 8 * (24 + 28),) * 2),
        ({"tp": 2.0, "sequence_parallel": 1.0}, {}, (ALL / 2, ALL / 2)),
        # masks: 3 byte for each of the 8 features, over TP where rows are divided
        ({}, {"dropout": 1.0}, (ALL + 3 * 8 * 8,) * 2),
        ({"tp": 2.0}, {"dropout": 1.0}, (2 * 8 * (24 + 28) + 3 * 8 * 8,) * 2),
        ({"tp": 2.0, "sequence_parallel": 1.0}, {"dropout": 1.0}, (ALL / 2 + 3 * 8 * 4,) * 2),
        ({}, UNFUSED, (ALL + SCORES,) * 2),
        ({"tp": 2.0}, UNFUSED, (2 * 8 * (24 + 28) + SCORES / 2,) * 2),
        # selective: the scores, or a quarter of the rest where there are none
        ({"recompute": 1.0}, {"selective_share": 0.25}, (0.75 * ALL, ALL)),
        ({"recompute": 1.0}, {"selective_share": 0.25, **UNFUSED}, (ALL, ALL + SCORES)),
        # in full: the layer's input; every fourth layer
        ({"recompute": 2.0}, {}, (INPUT, ALL)),
        ({"recompute": 2.0, "tp": 2.0, "sequence_parallel": 1.0}, {}, (INPUT / 2, ALL / 2)),
        ({"recompute": 2.0}, UNFUSED, (INPUT, ALL + SCORES)),
        ({"recompute": 1.25}, UNFUSED, (0.75 * (ALL + SCORES) + 0.25 * INPUT, ALL + SCORES)),
    ],
)  # fmt: skip
def test_a_layer(layout: dict[str, float], stack: dict[str, float], expected: tuple[float, float]) -> None:
    """Kept for the backward pass, and needed while it runs."""
    assert kept(Layout(**layout), **stack) == pytest.approx(expected)


def test_scores_that_pass() -> None:
    """Gradients of one layer's scores, beside those kept, while its backward pass runs."""
    asked = {"score_passing": 10.0}
    for recompute, held in ((0.0, ALL + SCORES), (2.0, INPUT)):
        assert kept(Layout(recompute=recompute), asked, **UNFUSED) == (held, ALL + SCORES + 2 * SCORES)
    assert kept(Layout(), asked) == (ALL, ALL)


def test_what_a_selective_layer_keeps_in_the_host() -> None:
    """A quarter is computed again; of the rest a tenth stays on the device. Other layers do not mind."""
    held = {"selective_held": 0.1}
    assert kept(Layout(recompute=1.0), held, selective_share=0.25)[0] == pytest.approx(0.075 * ALL)
    assert kept(Layout(), held)[0] == ALL
    assert kept(Layout(recompute=2.0), held)[0] == INPUT


def test_narrow_runs_and_blocks_beside_the_layers() -> None:
    """Three quarters of 16 bits; the head keeps its own inputs, 8 of the norm and 8, whatever is recomputed."""
    narrow = replace(BOX, low_precision=True)
    assert kept(Layout(), {"narrow_kept": 0.75}, narrow)[0] == 0.75 * ALL
    assert kept(Layout(), {"narrow_kept": 0.75}, narrow, dropout=1.0)[0] == 0.75 * (ALL + 192)
    assert kept(Layout(), {"narrow_kept": 0.75})[0] == ALL
    assert kept(Layout(recompute=2.0), {"narrow_kept": 0.75}, narrow)[0] == INPUT
    assert kept(Layout(recompute=2.0), part=1, dropout=1.0, selective_share=0.5) == (256, 256)
    assert kept(Layout(recompute=1.0), part=1, selective_share=0.5) == (256, 256)
    beside = divide(replace(model(), blocks=(Block("beside", LAYER), *model().blocks))).before[0]
    work = Workload(2, 4, allowed_pairs_only=True)
    space = Space(Layout(recompute=2.0), work, BOX, replace(STACK, fused_attention=0.0, dropout=1.0),
                  replace(MEMORY, score_bytes=5.0, mask_bytes=3.0), 12.0)  # fmt: skip
    assert block_bytes(beside, space) == (ALL + SCORES, ALL + SCORES)


CONSTANTS = replace(MEMORY, gradient_bytes=4.0, logit_bytes=6.0, fixed_bytes=7.0)


def stages(constants: Any = None, architecture: Any = None, box: Any = BOX, **layout: float) -> list[dict[str, float]]:
    """Bytes of the stages, two sequences a micro-batch."""
    stack = {k: layout.pop(k) for k in ("balanced_stages",) if k in layout}
    asked = Layout(**{"micro_batch": 2.0, "micro_batches": 8.0, **layout})
    memory = replace(CONSTANTS, **(constants or {}))
    found = stages_of(case(asked, architecture, memory=memory, machine=box, state_bytes=12.0, **stack))
    return [{f.name: float(getattr(each, f.name)) for f in fields(each)} for each in found]


def test_an_optimizer_in_the_backward_pass() -> None:
    """Gradients of one layer of 456 parameters at a time, or of the head's 264 where a layer is less."""
    (held,) = stages({"in_backward": True}, tp=1.0)
    assert held["gradients"] == 4 * 456
    assert stages({"in_backward": True}, dp=8.0, zero=2.0)[0]["gradients"] == 4 * 456
    assert stages({"in_backward": True}, tp=2.0)[0]["gradients"] < 4 * 456
    rest = {name: value for name, value in held.items() if name != "gradients"}
    assert rest == {name: value for name, value in stages()[0].items() if name != "gradients"}


def states(dense: float, **parts: float) -> dict[str, float]:
    """2, 4 and 12 byte for each parameter; 7 in any case."""
    usual = {"weights": 2 * dense, "gradients": 4 * dense, "optimizer": 12 * dense, "logits": 0, "other": 7}
    return {**usual, **parts}


HEAD, LOGITS = 256, 6 * 8 * 32
"""Kept by norm and head, and the bytes of 8 · 32 logits."""


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ({}, [states(2344, activations=4 * ALL + HEAD, logits=LOGITS)]),
        ({"tp": 2.0}, [states(128 + 4 * 232 + 136, activations=4 * 832 + HEAD, logits=LOGITS / 2)]),
        # two micro-batches on the first stage, one on the last
        ({"pp": 2.0}, [
            states(256 + 2 * 456, activations=2 * 2 * ALL),
            states(264 + 2 * 456, activations=2 * ALL + HEAD, logits=LOGITS),
        ]),
        # three layers first where stages are filled by cost
        ({"pp": 2.0, "balanced_stages": 1.0}, [
            states(256 + 3 * 456, activations=2 * 3 * ALL), states(264 + 456, activations=ALL + HEAD, logits=LOGITS),
        ]),
        # a layer each, four micro-batches, one, and three between
        ({"pp": 4.0}, [
            states(256 + 456, activations=4 * ALL), states(264 + 456, activations=ALL + HEAD, logits=LOGITS),
            states(456, activations=3 * ALL),
        ]),
        ({"pp": 2.0, "micro_batches": 1.0}, [
            states(256 + 912, activations=2 * ALL), states(264 + 912, activations=2 * ALL + HEAD, logits=LOGITS),
        ]),
        # interleaved: 2 + 1/2
        ({"pp": 2.0, "vpp": 2.0}, [
            states(256 + 912, activations=2.5 * 2 * ALL), states(264 + 912, activations=2 * ALL + HEAD, logits=LOGITS),
        ]),
        ({"pp": 2.0, "schedule": GPIPE}, [
            states(256 + 912, activations=8 * 2 * ALL),
            states(264 + 912, activations=8 * (2 * ALL + HEAD), logits=LOGITS),
        ]),
        ({"pp": 2.0, "schedule": ZERO_BUBBLE}, [
            states(256 + 912, activations=2 * 2 * ALL),
            states(264 + 912, activations=2 * (2 * ALL + HEAD), logits=LOGITS),
        ]),
        # two copies of the parameters, three micro-batches
        ({"pp": 2.0, "schedule": DUALPIPE}, [
            states(2 * (256 + 912), activations=3 * 2 * ALL),
            states(2 * (264 + 912), activations=3 * (2 * ALL + HEAD), logits=LOGITS),
        ]),
        ({"pp": 2.0, "schedule": DUALPIPE, "zero": 1.0, "dp": 4.0}, [
            states(2 * (256 + 912), optimizer=12 * 1168 / 4, activations=3 * 2 * ALL),
            states(2 * (264 + 912), optimizer=12 * 1176 / 4, activations=3 * (2 * ALL + HEAD), logits=LOGITS),
        ]),
        ({"schedule": DUALPIPE}, [states(2344, activations=4 * ALL + HEAD, logits=LOGITS)]),
        # in full: inputs, and one layer that runs again
        ({"recompute": 2.0}, [states(2344, activations=4 * INPUT + HEAD + ALL, logits=LOGITS)]),
        ({"recompute": 1.0}, [states(2344, activations=4 * ALL + HEAD, logits=LOGITS)]),
        ({"recompute": 2.0, "pp": 2.0}, [
            states(256 + 912, activations=2 * 2 * INPUT + ALL),
            states(264 + 912, activations=2 * INPUT + HEAD + ALL, logits=LOGITS),
        ]),
        # context parallelism halves the rows
        ({"cp": 2.0}, [states(2344, activations=(4 * ALL + HEAD) / 2, logits=LOGITS / 2)]),
    ],
)  # fmt: skip
def test_stages(layout: dict[str, float], expected: list[dict[str, float]]) -> None:
    """First, last, the fullest between."""
    assert stages(**layout) == [pytest.approx(each) for each in expected]


@pytest.mark.parametrize(
    ("layout", "weights", "gradients", "optimizer"),
    [
        ({"dp": 8.0}, 1, 1, 1), ({"dp": 8.0, "zero": 1.0}, 1, 1, 8), ({"dp": 8.0, "zero": 2.0}, 1, 8, 8),
        ({"dp": 8.0, "zero": 3.0}, 8, 8, 8), ({"dp": 4.0, "cp": 2.0, "zero": 3.0}, 8, 8, 8),
        ({"dp": 8.0, "zero": 3.0, "zero_group": 2.0}, 2, 2, 2),
        ({"dp": 8.0, "offload": 0.5}, 1, 1, 2), ({"dp": 8.0, "zero": 1.0, "offload": 0.5}, 1, 1, 16),
    ],
)  # fmt: skip
def test_sharding(layout: dict[str, float], weights: float, gradients: float, optimizer: float) -> None:
    """ZeRO 1 divides the optimizer's states, 2 the gradients, 3 the weights; a half in host memory is a half less."""
    found = stages(**layout)[0]
    divided = [found[name] for name in ("weights", "gradients", "optimizer")]
    assert divided == pytest.approx([2 * 2344 / weights, 4 * 2344 / gradients, 12 * 2344 / optimizer])


def test_experts_are_sharded_over_their_own_group() -> None:
    """520 + 4 · 200 dense parameters over 8; 4 · 1024 of experts on two devices each, over the 4 that hold the same."""
    one, two, three = (stages(None, model(EXPERTS), dp=8.0, ep=2.0, zero=z)[0] for z in (1.0, 2.0, 3.0))
    assert one["weights"] == 2 * (1320 + 2048)
    assert one["optimizer"] == two["optimizer"] == 12 * (1320 / 8 + 2048 / 4)
    assert (two["gradients"], three["weights"]) == (4 * (1320 / 8 + 512), 2 * (1320 / 8 + 512))
    # two layers held whole, weights and gradients in 2 byte, of 200 and 512 parameters each
    gathered = stages({"gathered_layers": 2.0}, model(EXPERTS), dp=8.0, ep=2.0, zero=3.0)[0]
    assert gathered["other"] == 7 + 2 * 4 * (200 + 512)
    assert stages({"gathered_layers": 2.0}, dp=8.0, zero=2.0)[0]["other"] == 7
    assert stages({"gathered_layers": 2.0}, dp=8.0, zero=3.0)[0]["other"] == 7 + 2 * 4 * 456


def test_what_a_stack_adds_to_activations() -> None:
    """Half as much again; three gathered inputs under sequence parallelism of more than one device."""
    assert stages({"activation_factor": 1.5})[0]["activations"] == 1.5 * (4 * ALL + HEAD)
    spread = {"tp": 2.0, "sequence_parallel": 1.0}
    assert stages(**spread)[0]["activations"] == 4 * ALL / 2 + HEAD / 2
    added = [
        stages({"gathered_inputs": 3.0, "activation_factor": 1.5}, **layout)[0]["activations"]
        - stages({"activation_factor": 1.5}, **layout)[0]["activations"]
        for layout in (spread, {"tp": 2.0}, {"sequence_parallel": 1.0})
    ]
    assert added == [3 * INPUT, 0, 0]


FROZEN = tuple(replace(op, trainable=False) if isinstance(op, MatMul) else op for op in LAYER)
ADAPTED = (*FROZEN, MatMul(name=f"q{ADAPTER}", inputs=8, outputs=2, reads="h"))


def test_adapters() -> None:
    """Frozen weights in 2 byte, or 1 in a narrow run; states for the 8 + 16 trained ones of a layer alone."""
    found = stages({"frozen_kept": 0.5}, model(ADAPTED), zero=2.0, dp=2.0)[0]
    trained, frozen = 520 + 4 * 24, 4 * 448
    assert found["weights"] == 2 * (trained + frozen)
    assert (found["gradients"], found["optimizer"]) == (4 * trained / 2, 12 * trained / 2)
    assert found["activations"] == 0.5 * (4 * ALL + HEAD)
    narrow = replace(BOX, low_precision=True)
    assert stages(None, model(ADAPTED), narrow)[0]["weights"] == 2 * trained + frozen
    assert stages(None, model(ADAPTED), narrow, dp=2.0, zero=3.0)[0]["weights"] == (2 * trained + frozen) / 2
    assert stages(None, model(FROZEN), narrow)[0]["weights"] == 2 * 2344


def test_towers() -> None:
    """Two blocks on 3 images of 4 rows each: kept beside the first stage's layers; the larger block runs again."""
    images = tuple(replace(op, rows=Rows(Stream.IMAGE, 4)) for op in LAYER if isinstance(op, MatMul))
    seen = model(LAYER, 4, Block("vision", images, (0, 1), stack="vision"))
    rows = 2 * 3 * 4
    tower = 2 * rows * (8 + 8 + 8 + 16)  # the inputs of four products
    layout = Layout(micro_batch=2.0, micro_batches=8.0)
    work = Workload(16, 4, images=3)

    def activations(**change: float) -> float:
        asked = case(replace(layout, **change), seen, memory=CONSTANTS, work=work, state_bytes=12.0)
        return float(stages_of(asked)[0].activations)

    assert activations() == 4 * ALL + HEAD + 2 * tower
    assert tower > ALL
    assert activations(recompute=2.0) == 4 * INPUT + HEAD + 2 * (2 * rows * 8) + tower
    assert activations(pp=2.0) == 2 * (2 * ALL + 2 * tower)


FULL = [DeviceBytes(1, 2, 3, 4, 5, 6), DeviceBytes(6, 5, 4, 3, 2, 2), DeviceBytes(7, 2, 3, 4, 5, 1)]


def test_the_fullest_stage() -> None:
    """21, 22 and 22 byte: the first of equals."""
    assert [each.total for each in FULL] == [21, 22, 22]
    assert (fullest(tuple(FULL)), most_bytes(tuple(FULL))) == (FULL[1], 22)
    assert (fullest(tuple(FULL[:1])), most_bytes(tuple(FULL[:1]))) == (FULL[0], 21)
    assert fullest((FULL[2], FULL[0])) == FULL[2]


@pytest.mark.parametrize("schedule", [0.0, GPIPE, DUALPIPE])
def test_arrays_of_stages(schedule: float) -> None:
    """One, two and four stages together are each alone, tied head, recomputation and all."""
    stages_, again = np.array([1.0, 2.0, 4.0, 4.0]), np.array([0.0, 2.0, 1.0, 1.5])

    def held(pp: Any, recompute: Any) -> DeviceBytes:
        layout = Layout(micro_batch=2.0, micro_batches=8.0, pp=pp, recompute=recompute, schedule=schedule)
        return device_memory(case(layout, memory=CONSTANTS, state_bytes=12.0))

    together = astuple(held(stages_, again))
    for place, (pp, recompute) in enumerate(zip(stages_, again, strict=True)):
        alone = astuple(held(float(pp), float(recompute)))
        assert [float(np.broadcast_to(each, 4)[place]) for each in together] == pytest.approx(alone)


def test_a_step_says_its_memory() -> None:
    """The same stages, and the fullest of them."""
    asked = case(Layout(pp=2.0, micro_batch=2.0, micro_batches=8.0), memory=CONSTANTS, state_bytes=12.0)
    assert step(asked).stages == stages_of(asked)
    assert step(asked, memory=False).stages == ()
    assert step(asked, parts=False).memory == device_memory(asked) == fullest(stages_of(asked))
