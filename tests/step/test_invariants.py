"""What holds for every model under every layout, whatever the constants: nothing is lost, counted twice or negative."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import cache

import pytest

from mfu_planner import predict
from mfu_planner.architectures.presets import catalogue
from mfu_planner.counting import model_work
from mfu_planner.counting.conventions import batch_flops, convention
from mfu_planner.errors import InputError
from mfu_planner.hardware import resolve
from mfu_planner.machine.constants import Machine, Stack
from mfu_planner.machine.memory import memory_constants
from mfu_planner.machine.toolbox import tools
from mfu_planner.operators import Layout, Split, Stream, Workload
from mfu_planner.questions.model import choose_model
from mfu_planner.step.case import Case
from mfu_planner.step.evaluate import device_memory, step

MODEL_TYPES = {entry["id"]: entry["model_type"] for entry in catalogue()}
PRESETS = tuple(sorted(MODEL_TYPES))
LAYOUTS = (
    Layout(dp=8.0, micro_batch=2.0, micro_batches=2.0),
    Layout(dp=8.0, micro_batch=1.0, micro_batches=4.0, zero=1.0, recompute=1.0),
    Layout(dp=8.0, micro_batch=2.0, micro_batches=2.0, zero=3.0, recompute=2.0),
    Layout(dp=64.0, zero=3.0, zero_group=8.0, recompute=1.5, compiled=1.0),
    Layout(tp=2.0, dp=4.0, micro_batch=2.0, sequence_parallel=1.0),
    Layout(tp=8.0, dp=2.0, micro_batches=8.0, zero=2.0),
    Layout(tp=16.0, dp=1.0, micro_batches=2.0, sequence_parallel=1.0),
    Layout(tp=2.0, pp=4.0, dp=2.0, micro_batches=8.0, sequence_parallel=1.0),
    Layout(pp=4.0, vpp=2.0, dp=2.0, micro_batches=8.0, zero=1.0),
    Layout(pp=2.0, dp=4.0, micro_batches=4.0, schedule=2.0, recompute=2.0),
    Layout(cp=2.0, dp=4.0, micro_batch=2.0, zero=1.0, offload=1.0),
    Layout(ep=4.0, dp=8.0, micro_batches=2.0, zero=1.0, imbalance=1.0),
)


@cache
def bench() -> tuple[Machine, Stack]:
    """An H100 on a plain stack."""
    machine, stack, _, _ = tools(resolve("h100-sxm"), "bf16", "generic", None, None)
    return machine, stack


@cache
def architecture(name: str):
    """A preset."""
    return choose_model(model=name).architecture


def case(name: str, layout: Layout) -> Case:
    """A preset under a layout."""
    machine, stack = bench()
    model = architecture(name)
    batch = int(layout.dp * layout.micro_batch * layout.micro_batches)
    work = Workload(batch, model.fixed_length or max(256, model.least_length), 128 if model.uses_target else 0)
    return Case(
        architecture=model, work=work, layout=layout, machine=machine, stack=stack, memory=memory_constants("generic")
    )


def possible(name: str) -> list[Case]:
    """The preset under every layout that a question could have."""
    found = []
    for layout in LAYOUTS:
        asked = case(name, layout)
        whole = asked.division.layers % (layout.pp * layout.vpp) == 0
        if layout.pp == 1 or (whole and not asked.division.two_stacks):
            found.append(asked)
    return found


def total(model, layout: Layout) -> tuple[float, float]:
    """(parameters, owned by pieces of all devices of a tensor- and expert-parallel group)."""
    owned = 0.0
    for block, op in model.each():
        piece = op.piece(layout)
        times = layout.ep * layout.expert_tp if op.split is Split.EXPERT else layout.tp
        repeated = piece.params == op.params and times > 1
        owned += block.parameter_sets * piece.params * (1 if repeated else times)
    return model.params, owned


@pytest.mark.sampled(kind=MODEL_TYPES.get)
@pytest.mark.each("name", PRESETS)
def test_pieces_are_the_whole(name: str) -> None:
    """Parameters of one device's pieces, over the devices that share them, are the model's; so are the FLOPs."""
    model = architecture(name)
    assert total(model, Layout())[1] == model.params
    for layout in (Layout(tp=2.0), Layout(tp=4.0, ep=1.0), Layout(ep=2.0, dp=2.0)):
        params, owned = total(model, layout)
        assert owned == pytest.approx(params, rel=2e-3)
    work = Workload(
        4, model.fixed_length or max(64, model.least_length), 32 if model.uses_target else 0, allowed_pairs_only=True
    )
    for layout in (Layout(), Layout(tp=2.0), Layout(tp=2.0, ep=4.0, dp=4.0)):
        for _, op in model.each():
            whole, piece = op.forward_flops(work), op.piece(layout).forward_flops(work)
            shared = 1 if op.split in (Split.REPLICATED, Split.SEQUENCE) else layout.tp
            assert piece * shared == pytest.approx(whole, rel=1e-12), op.name


@pytest.mark.sampled(kind=MODEL_TYPES.get)
@pytest.mark.each("name", PRESETS)
def test_parts_of_a_step(name: str) -> None:
    """They add up, none is negative, and the ideal share is the MFU over the pairs that the mask allows."""
    for asked in possible(name):
        found = step(asked)
        available = asked.devices * asked.machine.peak_flops_per_s * found.seconds
        useful = batch_flops(convention("causal"), asked.architecture, asked.work)
        assert sum(found.parts.values()) == pytest.approx(found.seconds, rel=1e-12)
        assert min(found.parts.values()) > -1e-12 * found.seconds, (asked.layout, found.parts)
        assert found.parts["ideal"] / found.seconds == pytest.approx(float(useful) / available, rel=1e-12)
        assert found.seconds >= float(useful) / (asked.devices * asked.machine.peak_flops_per_s)


@pytest.mark.sampled(kind=MODEL_TYPES.get)
@pytest.mark.each("name", PRESETS)
def test_memory_of_a_device(name: str) -> None:
    """Weights are what the model has; more recomputation takes less memory and more time."""
    model = architecture(name)
    assert device_memory(case(name, Layout(dp=4.0))).weights == pytest.approx(2 * model.params, rel=1e-12)
    held = [device_memory(case(name, Layout(dp=4.0, recompute=r))) for r in (0.0, 1.5, 2.0)]
    took = [step(case(name, Layout(dp=4.0, recompute=r)), parts=False).seconds for r in (0.0, 1.5, 2.0)]
    assert took[0] <= took[1] <= took[2]
    if any(kind.layered and kind.rows.stream is not Stream.IMAGE for kind in case(name, Layout()).division.kinds):
        assert held[2].weights == held[0].weights
        assert all(math.isfinite(h.total) and h.activations >= 0 for h in held)


@pytest.mark.parametrize("name", ["llama-3.1-8b", "mixtral-8x7b", "zamba2-7b", "t5-3b", "vit-l16"])
def test_a_world_half_as_fast_takes_twice_as_long(name: str) -> None:
    """Every rate halved and every fixed time doubled: exactly twice the step."""
    for asked in possible(name):
        machine, stack = asked.machine, asked.stack
        products = {
            n: replace(
                p,
                peak_flops_per_s=p.peak_flops_per_s / 2,
                bandwidth_bytes_per_s=p.bandwidth_bytes_per_s / 2,
                fixed_s=p.fixed_s * 2,
            )
            for n in ("products", "wide_products")
            for p in [getattr(machine, n)]
        }
        links = {
            n: replace(r, start_s=r.start_s * 2, hop_s=r.hop_s * 2, bandwidth_bytes_per_s=r.bandwidth_bytes_per_s / 2)
            for n, r in machine.links.items()
        }
        f = machine.fabric
        slow = replace(
            machine,
            **products,
            peak_flops_per_s=machine.peak_flops_per_s / 2,
            wide_peak_flops_per_s=machine.wide_peak_flops_per_s / 2,
            bandwidth_bytes_per_s=machine.bandwidth_bytes_per_s / 2,
            host_bytes_per_s=machine.host_bytes_per_s / 2,
            links=links,
            fabric=replace(f, nic_bytes_per_s=f.nic_bytes_per_s / 2, start_s=f.start_s * 2, hop_s=f.hop_s * 2),
        )
        waits = {x.name: getattr(stack, x.name) * 2 for x in fields(Stack) if x.name.endswith("_s")}
        twice = step(replace(asked, machine=slow, stack=replace(stack, **waits)), parts=False).seconds

        assert twice == pytest.approx(2 * step(asked, parts=False).seconds, rel=1e-12)


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-30b-a3b", "mamba2-2.7b", "resnet-50"])
@pytest.mark.parametrize("faster", ["bandwidth_bytes_per_s", "peak_flops_per_s", "nic_bytes_per_s"])
def test_a_faster_anything_is_never_slower(name: str, faster: str) -> None:
    """Memory, matrix units, network (a zero bubble is a share of device time, which a slow host stretches)."""
    for asked in possible(name):
        if asked.layout.schedule:
            continue
        machine = asked.machine
        if faster == "nic_bytes_per_s":
            quick = replace(machine, fabric=replace(machine.fabric, nic_bytes_per_s=2 * machine.fabric.nic_bytes_per_s))
        else:
            value = {faster: 2 * getattr(machine.products, faster)}
            quick = replace(
                machine,
                products=replace(machine.products, **value),
                wide_products=replace(machine.wide_products, **value),
                **value,
            )
        assert step(replace(asked, machine=quick), parts=False).seconds <= step(asked, parts=False).seconds * (
            1 + 1e-12
        )


@pytest.mark.sampled(kind=MODEL_TYPES.get)
@pytest.mark.each("name", PRESETS)
def test_a_step_does_the_work_that_is_counted(name: str) -> None:
    """``flops`` and the step count the same model FLOPs."""
    asked = case(name, Layout(dp=2.0))
    counted = model_work(asked.architecture, asked.work.allowed()).total

    assert step(asked).model_flops == counted


@pytest.mark.parametrize("name", ["wav2vec2-base", "hubert-base"])
def test_a_wave_needs_one_frame(name: str) -> None:
    """25 ms at 16 kHz make the first frame (arXiv:2006.11477, section 4): less is refused, not zero work."""
    with pytest.raises(InputError, match="seq-len: got 399; accepted: at least 400"):
        predict(model=name, hardware="h100-sxm", devices=8, seq_len=399, global_batch=8)
    assert predict(model=name, hardware="h100-sxm", devices=8, seq_len=400, global_batch=8).step_time_s > 0


def test_layers_without_work_take_no_time() -> None:
    """A step of what stands before and after them is still an answer."""
    asked = case("gpt2", Layout(dp=8.0))
    idle = replace(
        asked.architecture, blocks=tuple(replace(b, operators=()) if b.layers else b for b in asked.architecture.blocks)
    )
    assert 0 < step(replace(asked, architecture=idle)).seconds < step(asked).seconds


def test_a_change_of_flags_needs_a_question() -> None:
    """A case that no flags were read for says so."""
    from mfu_planner.step.case import Change

    with pytest.raises(InputError, match="not read from flags"):
        case("gpt2", Layout()).changed(Change(text="fewer", question={"tp": 2}))
