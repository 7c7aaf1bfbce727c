"""The step: from the operator list, its parts, arrays against single layouts."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from mfu_planner.counting.finetune import with_lora
from mfu_planner.hardware import resolve
from mfu_planner.machine.memory import memory_constants
from mfu_planner.machine.toolbox import tools
from mfu_planner.operators import KernelKind, Layout, Workload
from mfu_planner.questions.model import choose_model
from mfu_planner.step.case import Case
from mfu_planner.step.evaluate import step
from mfu_planner.step.layers import launch_times


@pytest.fixture(scope="module")
def bench():
    """A100 machine and an old stack: no overlap, so that every part shows."""
    machine, stack, _, _ = tools(resolve("a100-sxm-80gb"), "bf16", "megatron-2021", None, None)
    return machine, stack


def case(bench, layout: Layout, model: str = "llama-3.1-8b", length: int = 2048) -> Case:
    """A layout of a model on the bench."""
    machine, stack = bench
    batch = layout.dp * layout.micro_batch * layout.micro_batches
    return Case(
        architecture=choose_model(model=model).architecture,
        work=Workload(batch, length),
        layout=layout,
        machine=machine,
        stack=stack,
        memory=memory_constants(stack.name),
    )


def layouts(count: int, seed: int = 5) -> list[Layout]:
    """Layouts drawn at random, reproducibly."""
    draw = random.Random(seed)
    return [
        Layout(
            tp=draw.choice([1.0, 2.0, 8.0]),
            pp=draw.choice([1.0, 2.0, 4.0]),
            dp=draw.choice([1.0, 4.0, 32.0]),
            micro_batch=draw.choice([1.0, 2.0]),
            micro_batches=draw.choice([4.0, 16.0]),
            zero=draw.choice([0.0, 1.0, 3.0]),
            recompute=draw.choice([0.0, 1.0, 1.5, 2.0]),
            sequence_parallel=draw.choice([0.0, 1.0]),
        )
        for _ in range(count)
    ]


def test_parts_add_up_to_the_step(bench):
    """The waterfall leaves nothing out and counts nothing twice."""
    for layout in layouts(40):
        found = step(case(bench, layout))

        assert sum(found.parts.values()) == pytest.approx(found.seconds, rel=1e-12)


def test_no_part_is_negative(bench):
    """Every part is a loss or the ideal time."""
    for layout in layouts(40, seed=6):
        assert min(step(case(bench, layout, "mixtral-8x7b")).parts.values()) > -1e-12


def test_arrays_agree_with_single_layouts(bench):
    """Sixty layouts in one call are the sixty calls, to the last bit."""
    single = layouts(60, seed=7)
    names = [f.name for f in dataclasses.fields(Layout)]
    together = Layout(**{n: np.array([getattr(one, n) for one in single], dtype=np.float64) for n in names})
    expected = [step(case(bench, one)).seconds for one in single]

    assert list(step(case(bench, together), parts=False).seconds) == expected


def test_full_recomputation_repeats_the_forward(bench):
    """About a third more work in the layers, and half of it for half of the layers."""
    base = Layout(tp=1.0, pp=1.0, dp=8.0, micro_batch=2.0, micro_batches=4.0)
    none, half, full = (
        step(case(bench, dataclasses.replace(base, recompute=code), length=4096)).seconds for code in (0.0, 1.5, 2.0)
    )

    assert half == pytest.approx((none + full) / 2)
    assert 1.2 < full / none < 1.4


def test_adapters_leave_out_weight_gradients(bench):
    """Frozen products: the backward is as large as the forward, so about two thirds of the time, and no update."""
    base = Layout(tp=1.0, pp=1.0, dp=1.0, micro_batch=4.0, micro_batches=4.0)
    whole = case(bench, base)
    adapted = dataclasses.replace(whole, architecture=with_lora(whole.architecture, 16))
    full, lora = step(whole), step(adapted)

    assert 0.6 < lora.parts["ideal"] / full.parts["ideal"] < 0.75
    assert lora.parts["optimizer"] < 0.05 * full.parts["optimizer"]
    assert lora.memory.optimizer < 0.02 * full.memory.optimizer
    assert lora.memory.weights > full.memory.weights


def test_experts_in_fp4_run_at_the_rate_of_fp8():
    """With every product an expert's, fp4 and fp8 take the same time; dense products gain."""
    fp4, software, _, _ = tools(resolve("gb200"), "fp4", "megatron-2026", None, None)
    fp8, _, _, _ = tools(resolve("gb200"), "fp8", "megatron-2026", None, None)

    assert fp4.grouped_products == fp8.products
    assert fp8.grouped_products is None
    layout = Layout(ep=8.0)
    division = case((fp4, software), layout, "mixtral-8x7b").division
    pieces = [(op, op.kernels(Workload(1, 4096))) for kind in division.body for op in kind.pieces(layout)]
    products = [
        (op, launch) for op, launches in pieces for launch in launches if launch.kernel is not KernelKind.SCORES
    ]
    routed = [(op, launch) for op, launch in products if launch.kernel is KernelKind.GROUPED]
    plain = [(op, launch) for op, launch in products if launch.kernel is KernelKind.PRODUCT]
    assert len(routed) == len(plain) - 1 == 2

    def seconds(chosen, machine):
        return sum(launch_times(launch, op, machine, software)[0] for op, launch in chosen)

    assert seconds(routed, fp4) == pytest.approx(seconds(routed, fp8))
    assert seconds(plain, fp4) < seconds(plain, fp8)
