"""One step for a layout, with no target MFU given: time, MFU, the waterfall, memory and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from mfu_planner.answers.memory import held_of
from mfu_planner.answers.prediction import Part, Prediction
from mfu_planner.answers.results import SCHEMA_VERSION, Finding
from mfu_planner.answers.trust import known_of, reach_on_file
from mfu_planner.counting.conventions import by_convention, convention, why_default, why_not, work_units
from mfu_planner.errors import InputError
from mfu_planner.machine.calibrated import calibration
from mfu_planner.questions.request import read_case
from mfu_planner.run import solve
from mfu_planner.run.goodput import job_estimate
from mfu_planner.step.evaluate import step
from mfu_planner.step.flops import executed_flops, training_flops
from mfu_planner.step.placement import members

if TYPE_CHECKING:
    from mfu_planner.step.case import Case
    from mfu_planner.step.evaluate import Step

NOT_MODELLED = (
    "checkpoint writing, failures and restarts within the step (`job` estimates their share of a long run)",
    "an input pipeline that is slower than the step, unless --loader-tokens-per-s is given",
    "stragglers, and networks that are busy with other jobs; imbalance between experts, unless "
    "--expert-imbalance is given",
    "kernels and libraries newer than the calibration",
)

_RATES = ("tokens_per_s", "tokens_per_s_per_device", "mfu", "hfu", "achieved_flops_per_s_per_device")
"""What the relations of the run make of a step."""

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
    :data:`mfu_planner.questions.request.FLAGS`), and ``convention``: what ``mfu`` and ``hfu`` count (default: full, or
    causal where a model has windows; ``all`` shows every convention), and ``explain``: each part as a formula.

    Returns
    -------
    Prediction
        Read by attribute or by key; ``inputs`` holds every default.

    Raises
    ------
    InputError
        Unknown, missing or contradictory flags; a convention that says nothing about the model.
    """
    asked, explain = given.pop("convention", None), given.pop("explain", False)
    case = read_case(given)
    found = answer(case, None if asked is None else str(asked))
    return explained(found, case) if explain else found


def explained(found: Prediction, case: Case) -> Prediction:
    """A prediction with its formulas, what it depends on most, and the source of every constant."""
    from mfu_planner.answers.explain import explained_step
    from mfu_planner.run import closed_forms, derived

    how = explained_step(case, WATERFALL)
    values = {
        "flops_per_token": found.achieved_flops_per_s_per_device / found.tokens_per_s_per_device,
        "tokens_per_s_per_device": found.tokens_per_s_per_device,
        "peak_flops_per_s": found.peak_flops_per_s,
    }
    form = closed_forms(frozenset(values)).solved["mfu"]
    ratio = derived("mfu", {**values, "mfu": found.mfu}, form, f"{found.convention} convention")
    update = {
        "steps": (*how.steps, ratio),
        "sensitivities": how.sensitivities,
        "sources": {**found.sources, **how.sources},
    }
    return found.model_copy(update=update)


def answer(case: Case, asked: str | None = None) -> Prediction:
    """The prediction of a case under a convention (default: the one that fits the model)."""
    found = step(case)
    busy: float = found.seconds
    units = work_units(case.architecture, case.work)
    stall = input_stall(case, units, busy)
    total = busy + stall
    name, also = counted_by(case, asked)
    flops = training_flops(case.architecture, case.work, name)
    again = float(hardware_flops_of(case, name) / flops)
    run = solve({**of_a_step(case, total, case.devices, name), "executed_share": again}, _RATES)
    trust = reach_on_file(known_of(case, busy))
    return Prediction.model_construct(
        schema_version=SCHEMA_VERSION,
        inputs=dict(case.said.echo),
        step_time_s=total,
        work_unit=case.architecture.work_unit,
        **{rate: run[rate] for rate in _RATES},
        peak_flops_per_s=case.machine.peak_flops_per_s,
        convention=name,
        by_convention={
            n: None if counted is None else run["mfu"] * float(counted / flops) for n, counted in also.items()
        },
        device_bound=found.device_bound,
        waterfall=waterfall_of(found, stall),
        memory=held_of(case, found.memory),
        input={
            "tokens_per_s": units / busy,
            "bytes_per_s": TOKEN_BYTES * units / busy if case.architecture.work_unit == "token" else None,
        },
        job=job_estimate(float(case.division.params), float(case.devices), calibration()["failures"]),
        range={"low": total * trust.low, "high": total * trust.high, "basis": trust.basis},
        assumptions=case.said.assumptions,
        not_modelled=NOT_MODELLED,
        findings=_beyond(run, name, also, flops),
        warnings=(*case.said.warnings, *warnings_of(case)),
        sources=dict(case.said.sources),
        **case.said.device_facts,
    )


def _beyond(run: Mapping[str, float], name: str, also: Mapping[str, Any], flops: Any) -> tuple[Finding, ...]:
    """What is wrong with an MFU or HFU above 100%: its convention counts work that no kernel does."""
    if max(run["mfu"], run["hfu"]) <= 1:
        return ()
    least, counted = min(((n, v) for n, v in also.items() if v is not None), key=itemgetter(1))
    text = (
        f"MFU {run['mfu']:.1%}, HFU {run['hfu']:.1%} by {name}: above 100% it cannot be; that convention counts work "
        f"which the mask lets kernels skip; by {least} the MFU is {(then := run['mfu'] * float(counted / flops)):.1%}"
    )
    return (Finding(code="convention/above-100", severity="error", message=text, mfu_if_so=then),)


def of_a_step(case: Case, seconds: float, devices: float, name: str) -> dict[str, float]:
    """The quantities that a step of so many seconds on so many devices gives to the relations of the run."""
    units = work_units(case.architecture, case.work)
    return {
        "step_time_s": seconds,
        "tokens_per_step": float(units),
        "flops_per_token": float(training_flops(case.architecture, case.work, name) / units),
        "devices": float(devices),
        "peak_flops_per_s": case.machine.peak_flops_per_s,
    }


def counted_by(case: Case, asked: str | None) -> tuple[str, dict[str, Any]]:
    """(the convention of MFU and HFU, FLOPs of the step under it and the others that are shown)."""
    architecture, work = case.architecture, case.work
    default = case.division.convention
    if asked == "all":
        per = work_units(architecture, work)
        return default, {n: None if v is None else v * per for n, v in by_convention(architecture, work).items()}
    chosen = convention(asked or default)
    if reason := why_not(chosen, architecture):
        raise InputError("convention", chosen.name, f"full or causal for {architecture.name}: {reason}")
    names = dict.fromkeys(("full", "causal", chosen.name))
    return chosen.name, {n: training_flops(architecture, work, n) for n in names}


def hardware_flops_of(case: Case, name: str) -> Any:
    """FLOPs that the hardware executes in a step, recomputation included, under a convention [FLOP]."""
    echo = case.said.echo
    again, share = echo["recompute"], echo["recompute_share"]
    fused, selected = bool(case.stack.fused_attention), case.stack.selective_share
    return executed_flops(case.architecture, case.work, name, again, share, fused, selected)


def waterfall_of(found: Step, stall: float) -> tuple[Part, ...]:
    """The parts of a step and the wait for its input, from the peak down."""
    seconds = {name: found.parts.get(name, 0.0) for name in WATERFALL} | {"input_stall": stall}
    total = found.seconds + stall
    return tuple(
        Part(name=name, seconds=part, share=part / total, meaning=WATERFALL[name])
        for name, part in seconds.items()
        if part or name == "ideal"
    )


def input_stall(case: Case, units: float, step_s: float) -> float:
    """Seconds that a step waits for its tokens: what the input pipeline needs beyond the step itself.

    Valid where loading runs beside the step, as loaders with workers do.
    """
    if case.loader_tokens_per_s is None:
        return 0.0
    return max(0.0, units / case.loader_tokens_per_s - step_s)


def warnings_of(case: Case) -> list[str]:
    """What the reader should know of this layout."""
    said = []
    layout, node = case.layout, case.machine.node_devices
    near = members(layout.tp, 1.0, node, layout.devices)
    if layout.tp > node:
        said.append(f"tp {layout.tp:g} spans nodes of {node:g} devices: its collectives cross the slower network")
    elif layout.tp > near:
        said.append(
            f"tp {layout.tp:g} straddles nodes of {node:g} devices: some of its groups have {near:g} on a node and the "
            "rest on the next, and every step waits for them"
        )
    if layout.selective and case.stack.fused_attention and not case.stack.selective_share:
        said.append("selective recomputation finds nothing to repeat: a fused kernel keeps no scores")
    if layout.zero == 2 and layout.micro_batches > 1 and layout.group > 1:
        said.append(
            f"ZeRO 2 keeps a shard of the gradients and so scatters them after each of {layout.micro_batches:g} "
            "micro-batches, as DeepSpeed and FSDP do; ZeRO 1 keeps them whole and scatters once"
        )
    if layout.pp > 1 and layout.micro_batches < layout.pp:
        said.append(f"{layout.micro_batches:g} micro-batches cannot fill {layout.pp:g} stages")
    if layout.pp > 1 and any(kind.layered for kind in case.division.before):
        said.append("towers beside the text stand on the first pipeline stage, with the embedding")
    return [*said, *counted_as(case)]


def counted_as(case: Case) -> list[str]:
    """The convention of MFU, where the model asks for another than most have."""
    if (default := case.division.convention) == "full":
        return []
    return [f"MFU counted by the {default} convention, {why_default(default)}; --convention changes it"]
