"""The step: from the operator list, its parts, arrays against single layouts."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from mfu_planner.hardware import resolve
from mfu_planner.layout.layout import Layout
from mfu_planner.layout.toolbox import tools
from mfu_planner.layout.work import model_work
from mfu_planner.model import choose_model
from mfu_planner.prediction.layers import products_time
from mfu_planner.prediction.step import step_time

PRESETS = ("llama-3.1-8b", "gpt2", "mixtral-8x7b", "deepseek-v3")


@pytest.fixture(scope="module")
def bench():
    """A100 machine and an old stack: no overlap, so that every part shows."""
    machine, stack, _ = tools(resolve("a100-sxm-80gb"), "bf16", "megatron-2021", None, None)
    return machine, stack


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
            seq_len=2048.0,
            zero=draw.choice([0.0, 1.0, 3.0]),
            recompute=draw.choice([0.0, 1.0, 1.5, 2.0]),
            sequence_parallel=draw.choice([0.0, 1.0]),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_work_holds_every_parameter(name):
    """Products, tables and the rest add up to the architecture's own count."""
    architecture = choose_model(model=name).architecture
    work = model_work(architecture)
    layers = sum(
        layer.count * (sum(p.inputs * p.outputs * p.weights for p in layer.products) + layer.parameters)
        for layer in work.layers
    )
    tables = work.hidden * work.vocab * (1 if work.tied else 2) + work.table_parameters

    assert layers + tables == pytest.approx(architecture.params, rel=1e-4)


def test_parts_add_up_to_the_step(bench):
    """The waterfall leaves nothing out and counts nothing twice."""
    work = model_work(choose_model(model="llama-3.1-8b").architecture)
    for layout in layouts(40):
        step = step_time(work, layout, *bench)

        assert sum(float(v) for v in step.parts.values()) == pytest.approx(float(step.total), rel=1e-12)


def test_no_part_is_negative(bench):
    """Every part is a loss or the ideal time."""
    work = model_work(choose_model(model="mixtral-8x7b").architecture)
    for layout in layouts(40, seed=6):
        assert min(float(v) for v in step_time(work, layout, *bench).parts.values()) > -1e-12


def test_arrays_agree_with_single_layouts(bench):
    """A thousand layouts in one call are the thousand calls."""
    work = model_work(choose_model(model="llama-3.1-8b").architecture)
    single = layouts(60, seed=7)
    names = [f.name for f in dataclasses.fields(Layout)]
    together = Layout(**{n: np.array([getattr(one, n) for one in single], dtype=np.float64) for n in names})
    expected = [float(step_time(work, one, *bench).total) for one in single]

    assert step_time(work, together, *bench).total == pytest.approx(expected, rel=1e-12)


def test_full_recomputation_repeats_the_forward(bench):
    """About a third more work in the layers, and half of it for half of the layers."""
    work = model_work(choose_model(model="llama-3.1-8b").architecture)
    base = Layout(tp=1.0, pp=1.0, dp=8.0, micro_batch=2.0, micro_batches=4.0, seq_len=4096.0)
    none, half, full = (
        float(step_time(work, dataclasses.replace(base, recompute=code), *bench).total) for code in (0.0, 1.5, 2.0)
    )

    assert half == pytest.approx((none + full) / 2)
    assert 1.2 < full / none < 1.4


def test_adapters_leave_out_weight_gradients(bench):
    """Frozen products: the backward is as large as the forward, so about two thirds of the time."""
    work = model_work(choose_model(model="llama-3.1-8b").architecture)
    base = Layout(tp=1.0, pp=1.0, dp=1.0, micro_batch=4.0, micro_batches=4.0, seq_len=2048.0)
    whole = step_time(work, base, *bench).parts["ideal"]
    frozen = step_time(work, dataclasses.replace(base, adapters=1.0), *bench).parts["ideal"]

    assert 0.6 < float(frozen) / float(whole) < 0.75


def test_experts_in_fp4_run_at_the_rate_of_fp8():
    """With every product an expert's, fp4 and fp8 take the same time; dense products gain."""
    fp4, software, _ = tools(resolve("gb200"), "fp4", "megatron-2026", None, None)
    fp8, _, _ = tools(resolve("gb200"), "fp8", "megatron-2026", None, None)

    assert fp4.grouped_products == fp8.products
    assert fp8.grouped_products is None
    layers = model_work(choose_model(model="mixtral-8x7b").architecture).layers
    layout = dataclasses.replace(layouts(1)[0], tp=1.0, ep=8.0)
    routed = tuple(p for p in layers[0].products if p.split.startswith("expert_"))
    plain = tuple(p for p in layers[0].products if not p.split.startswith("expert_"))
    assert routed
    assert plain

    def seconds(products, machine):
        return products_time(products, 4096.0, layout, machine.products, software, machine.grouped_products)[0]

    assert seconds(routed, fp4) == pytest.approx(seconds(routed, fp8))
    assert seconds(plain, fp4) < seconds(plain, fp8)
