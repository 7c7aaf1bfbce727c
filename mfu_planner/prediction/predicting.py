"""One step for a layout, with no target MFU given: time, MFU, the waterfall, memory and how far to trust it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.answers.results import SCHEMA_VERSION
from mfu_planner.footprint.report import memory_of
from mfu_planner.layout.calibrated import calibration
from mfu_planner.layout.request import Request, read_request
from mfu_planner.layout.work import cached_model_work
from mfu_planner.prediction.counted import (
    ALLOWED,
    CONVENTION,
    flops_per_sequence,
    hardware_flops_per_sequence,
    recounted,
)
from mfu_planner.prediction.result import Part, Prediction
from mfu_planner.prediction.step import step_time
from mfu_planner.run.goodput import job_estimate

if TYPE_CHECKING:
    from mfu_planner.prediction.step import Step

NOT_MODELLED = (
    "checkpoint writing, failures and restarts within the step (`job` estimates their share of a long run)",
    "an input pipeline that is slower than the step, unless --loader-tokens-per-s is given",
    "stragglers, and networks that are busy with other jobs; imbalance between experts, unless "
    "--expert-imbalance is given",
    "kernels and libraries newer than the calibration",
)

TOKEN_BYTES = 4
"""A token id on its way to the device: a 32-bit integer."""

WATERFALL = {
    "ideal": "model FLOPs at the peak rate, attention over the pairs that the mask allows",
    "matmul_inefficiency": "matrix products below the peak",
    "attention": "attention below the peak",
    "pointwise": "norms, activations, residuals, loss: bound by memory",
    "casts": "casts to a narrow number format",
    "recompute": "forward work done again",
    "tensor_parallel": "exposed tensor-parallel communication",
    "context_parallel": "exposed context-parallel communication",
    "expert_parallel": "exposed dispatch and combine of experts",
    "launch": "waiting for the host to launch kernels, fixed cost of a step",
    "pipeline_latency": "sends between stages",
    "stage_imbalance": "waiting for the slowest stage",
    "bubble": "pipeline bubble",
    "data_parallel": "exposed gradient and weight exchange",
    "optimizer": "clipping, update, gradient accumulation",
    "input_stall": "waiting for the input pipeline",
}
"""Parts of the step in the order of the waterfall, from the peak down."""


def predict(**given: Any) -> Prediction:
    """Predict one training step.

    Arguments are the flags of ``mfu-planner predict`` with underscores (see
    :data:`mfu_planner.layout.request.FLAGS`), and ``convention``: what ``mfu`` and ``hfu`` count (default: full).

    Returns
    -------
    Prediction
        Read by attribute or by key; ``inputs`` holds every default.

    Raises
    ------
    InputError
        Unknown, missing or contradictory flags.
    """
    asked = given.pop("convention", None)
    request = read_request(**given)
    found = answer(request)
    return found if asked is None else recounted(found, request, str(asked))


def answer(request: Request) -> Prediction:
    """The prediction of a resolved request."""
    assert request.model.architecture is not None
    work = cached_model_work(request.model.architecture)
    step = step_time(work, request.layout, request.machine, request.stack)
    busy = float(step.total)
    stall = input_stall(request, busy)
    total = busy + stall
    tokens = request.global_batch * request.seq_len
    useful, allowed, executed = (per * request.global_batch for per in flops_of(request))
    available = total * request.devices * request.machine.peak_flops_per_s
    low, high, basis = spread(request)
    return Prediction.model_construct(
        schema_version=SCHEMA_VERSION,
        inputs=request.echo,
        step_time_s=total,
        tokens_per_s=tokens / total,
        tokens_per_s_per_device=tokens / total / request.devices,
        mfu=useful / available,
        hfu=executed / available,
        achieved_flops_per_s_per_device=useful / (total * request.devices),
        peak_flops_per_s=request.machine.peak_flops_per_s,
        convention=CONVENTION,
        by_convention={CONVENTION: useful / available, ALLOWED: allowed / available},
        device_bound=float(step.device_bound),
        waterfall=waterfall_of(step, stall),
        memory=memory_of(request),
        input={"tokens_per_s": tokens / busy, "bytes_per_s": TOKEN_BYTES * tokens / busy},
        job=job_estimate(float(request.model.params), float(request.devices), calibration()["failures"]),
        range={"low": total * low, "high": total * high, "basis": basis},
        assumptions=request.assumptions,
        not_modelled=NOT_MODELLED,
        warnings=(*request.warnings, *work.notes, *warnings_of(request)),
        sources=request.sources,
    )


def waterfall_of(step: Step, stall: float) -> tuple[Part, ...]:
    """The parts of a step and the wait for its input, from the peak down."""
    seconds = {name: float(step.parts.get(name, 0.0)) for name in WATERFALL} | {"input_stall": stall}
    total = float(step.total) + stall
    return tuple(
        Part(name=name, seconds=part, share=part / total, meaning=WATERFALL[name])
        for name, part in seconds.items()
        if part or name == "ideal"
    )


def input_stall(request: Request, step_s: float) -> float:
    """Seconds that a step waits for its tokens: what the input pipeline needs beyond the step itself.

    Valid where loading runs beside the step, as loaders with workers do.
    """
    if request.loader_tokens_per_s is None:
        return 0.0
    return max(0.0, request.global_batch * request.seq_len / request.loader_tokens_per_s - step_s)


def flops_of(request: Request) -> tuple[float, float, float]:
    """(model FLOPs over all pairs, over the pairs that the mask allows, hardware FLOPs) of one sequence."""
    architecture, echo = request.model.architecture, request.echo
    assert architecture is not None
    fused = bool(request.stack.fused_attention)
    return (
        flops_per_sequence(architecture, request.seq_len),
        flops_per_sequence(architecture, request.seq_len, allowed=True),
        hardware_flops_per_sequence(
            architecture, request.seq_len, echo["recompute"], echo["recompute_share"], fused=fused
        ),
    )


def spread(request: Request) -> tuple[float, float, str]:
    """(low, high) factors around the prediction and where they come from: the back-test's own errors on
    similar runs."""
    held = calibration()["ranges"]
    found = held["stacks"].get(request.stack.name, held["default"])
    return float(found["low"]), float(found["high"]), str(found["basis"])


def warnings_of(request: Request) -> list[str]:
    """What the reader should know of this layout."""
    said = []
    layout, node = request.layout, request.machine.node_devices
    if layout.tp > node:
        said.append(f"tp {layout.tp:g} spans nodes of {node:g} devices: its collectives cross the slower network")
    if layout.pp > 1 and layout.micro_batches < layout.pp:
        said.append(f"{layout.micro_batches:g} micro-batches cannot fill {layout.pp:g} stages")
    return said
