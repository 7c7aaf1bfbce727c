"""Memory of a device against the equations and figures of Korthikanti et al. 2022 (arXiv:2205.05198)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mfu_planner.answers.memory import memory
from mfu_planner.errors import InputError
from mfu_planner.hardware import resolve
from mfu_planner.machine.memory import MemoryConstants
from mfu_planner.machine.optimizers import optimizer_bytes
from mfu_planner.machine.toolbox import tools
from mfu_planner.operators import Layout, Workload
from mfu_planner.questions.model import choose_model
from mfu_planner.step.case import Case
from mfu_planner.step.evaluate import device_memory
from mfu_planner.step.memory import Space, block_bytes
from mfu_planner.step.schedules import in_flight

GIB = 2.0**30
MATHEMATICS = MemoryConstants(
    gradient_bytes=4.0,
    logit_bytes=0.0,
    activation_factor=1.0,
    fixed_bytes=0.0,
    gathered_inputs=0.0,
    gathered_layers=0.0,
    frozen_kept=0.5,
    narrow_kept=1.0,
    selective_held=1.0,
    score_bytes=5.0,
    score_passing=0.0,
    mask_bytes=2.0,
)


def gpt(hidden: int, layers: int, heads: int, vocab: int = 51200):
    """A GPT of these sizes."""
    config = {
        "model_type": "gpt2",
        "n_embd": hidden,
        "n_layer": layers,
        "n_head": heads,
        "vocab_size": vocab,
        "n_positions": 2048,
    }
    return choose_model(config=config).architecture


def case(architecture, layout: Layout) -> Case:
    """A layout of a model on an old stack: unfused attention, dropout."""
    machine, stack, _, _ = tools(resolve("a100-sxm-80gb"), "bf16", "megatron-2021", None, None)
    work = Workload(layout.dp * layout.micro_batch * layout.micro_batches, 2048)
    return Case(architecture=architecture, work=work, layout=layout, machine=machine, stack=stack, memory=MATHEMATICS)


def kept(architecture, layout: Layout) -> float:
    """Bytes that one layer keeps, unfused attention, dropout."""
    asked = case(architecture, layout)
    stack = replace(asked.stack, selective_share=0.0)
    space = Space(layout, asked.device_work, asked.machine, stack, MATHEMATICS, 12.0)
    return block_bytes(asked.division.body[0], space)[0]


def layout(**change) -> Layout:
    """22B on 8 devices, four sequences a micro-batch."""
    base = {"tp": 8.0, "pp": 1.0, "dp": 1.0, "micro_batch": 4.0, "micro_batches": 1.0}
    return Layout(**{**base, **change})


def test_activations_of_a_layer_without_parallelism():
    """Equation 1: s b h (34 + 5 a s / h)."""
    s, b, h, a = 2048, 4, 6144, 64

    assert kept(gpt(h, 48, a), layout(tp=1.0)) == pytest.approx(s * b * h * (34 + 5 * a * s / h))


def test_activations_under_tensor_parallelism():
    """Equation 2: s b h (10 + 24/t + 5 a s / (h t))."""
    s, b, h, a, t = 2048, 4, 6144, 64, 8

    assert kept(gpt(h, 48, a), layout()) == pytest.approx(s * b * h * (10 + 24 / t + 5 * a * s / (h * t)))


@pytest.mark.parametrize(
    ("change", "percent"),
    [
        ({"sequence_parallel": 1.0}, 66.84),
        ({"recompute": 1.0}, 49.42),
        ({"sequence_parallel": 1.0, "recompute": 1.0}, 16.18),
        ({"recompute": 2.0}, 7.64),
    ],
)
def test_figure_7_for_22b(change, percent):
    """What each technique leaves of the activations, as figure 7 shows it."""
    work = gpt(6144, 48, 64)

    assert 100 * kept(work, layout(**change)) / kept(work, layout()) == pytest.approx(percent, abs=0.15)


def test_figure_1_for_22b():
    """Parameters and optimizer 45.6 GiB, activations 59.25 GiB without techniques (18 byte a parameter, equation 2)."""
    model = gpt(6144, 48, 64)
    held = device_memory(case(model, layout()))
    states = float(held.weights + held.gradients + held.optimizer)

    assert 48 * kept(model, layout()) / GIB == pytest.approx(59.25, rel=1e-3)
    assert held.activations / GIB == pytest.approx(59.25, rel=6e-3)  # and the inputs of final norm and head
    assert states / GIB == pytest.approx(45.56, rel=0.03)


def test_interleaving_keeps_more_micro_batches():
    """GPT-3: 8 stages, 3 chunks: 8 · (1 + 7/24) micro-batches on the first stage."""
    assert float(in_flight(8.0, 64.0, 3.0)) == pytest.approx(8 * (1 + 7 / 24))
    assert float(in_flight(8.0, 4.0, 1.0)) == 4.0


def test_zero_shards_what_each_stage_says():
    """Stage 1 divides the optimizer, 2 the gradients too, 3 the weights too."""
    model = gpt(2048, 8, 16)
    none, one, two, three = (device_memory(case(model, layout(tp=1.0, dp=8.0, zero=z))) for z in (0.0, 1.0, 2.0, 3.0))

    assert float(one.optimizer) == pytest.approx(float(none.optimizer) / 8)
    assert float(two.gradients) == pytest.approx(float(none.gradients) / 8)
    assert float(three.weights) == pytest.approx(float(none.weights) / 8)


def test_public_answer_adds_up():
    """The kinds sum to the total, and the verdict follows from it."""
    said = memory(model="llama-3.1-70b", hardware="h100-sxm", devices=64, tp=8, global_batch=64)
    kinds = ("weights", "gradients", "optimizer", "activations", "logits", "other")

    assert sum(said[f"{k}_bytes"] for k in kinds) == pytest.approx(said["total_bytes"])
    assert said["fits"] is (said["total_bytes"] <= said["usable_bytes"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # a 32-bit master weight, and two 32-bit moments (arXiv:1910.02054, section 3.1), two 8-bit (arXiv:2110.02861)
        ("adam", 4 + 4 + 4), ("adam-8bit", 4 + 1 + 1), ("adam-bf16", 2 + 2),
        # or one 32-bit momentum (github.com/KellerJordan/Muon)
        ("muon", 4 + 4), ("sgd", 4 + 4),
        # or rows and columns of the second moment (arXiv:1804.04235): of a matrix of 256 × 256 a 128th of it
        ("adafactor", pytest.approx(4 + 4 * 2 / 256, abs=0.1)),
    ],
)  # fmt: skip
def test_states_of_an_optimizer(name, expected):
    """Bytes for each parameter, beside its 16-bit weight and its gradient."""
    assert optimizer_bytes(name) == expected


def test_unknown_optimizers_are_refused():
    """With the nearest one."""
    with pytest.raises(InputError, match="adam"):
        optimizer_bytes("adamax")
