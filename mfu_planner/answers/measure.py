"""Measuring: from an observed throughput to MFU and HFU, the verdict, and whether the number itself can be right."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from pydantic import field_serializer

from mfu_planner.answers.costs import gap_cost, price_of
from mfu_planner.answers.results import Finding, OnDevices, Result
from mfu_planner.answers.sanity import check, peak_findings
from mfu_planner.answers.verdict import Verdict, verdict
from mfu_planner.errors import InputError
from mfu_planner.questions.device_count import device_facts, other_readings
from mfu_planner.questions.runs import MeasureQuestion
from mfu_planner.questions.subject import Subject, resolve_subject
from mfu_planner.questions.work_units import batch_tokens, in_work_units
from mfu_planner.run import QUANTITIES, closed_forms, derived, solve
from mfu_planner.run.limits import refuse_absurd, refuse_contradiction
from mfu_planner.units import HOUR

_OBSERVED = (
    "--tokens-per-second, --tokens-per-second-per-device, --step-time with --global-batch, "
    "--flops-per-second-per-device, or --tokens with --device-hours"
)
_FORWARD_SHARE = Fraction(1, 3)
"""Of a training step without recomputation: one pass forward, two back."""
_PALM = "Chowdhery et al. 2022, arXiv:2204.02311, appendix B"


class Measurement(OnDevices, Result):
    """Model (and hardware) FLOPs utilization of an observed run."""

    mfu: float
    """Of productive step time."""
    hfu: float | None
    """With recomputation; null unless ``recompute`` is known."""
    convention: str
    """Empty (null in JSON) where a bare FLOP/s was given and nobody says how it was counted."""
    by_convention: dict[str, float | None]
    """The same run under every convention."""
    achieved_flops_per_s_per_device: float
    peak_flops_per_s: float
    peak_dtype: str
    sparse: bool
    flops_per_token: float | None
    tokens_per_s: float | None
    tokens_per_s_per_device: float | None
    devices: int | None
    seq_len: int | None
    work_unit: str
    verdict: Verdict | None
    gap_cost_usd_per_day: float | None = None
    """What the MFU below that of similar runs costs a day; zero above it, null where price or devices are unknown."""
    gap_device_hours: float | None = None
    """The same in device-hours of the whole run; null where its length is unknown."""
    gap_cost_usd: float | None = None
    """The same in money of the whole run."""
    run_device_hours: float | None = None
    """Of the whole run: given, or its tokens at the observed rate."""
    findings: tuple[Finding, ...]
    """Whether the number itself can be right; likely causes first."""

    @field_serializer("convention")
    def _null_where_unknown(self, value: str) -> str | None:
        return value or None


def measure(**given: Any) -> Measurement:
    """MFU from what was observed; arguments are the flags of ``mfu-planner mfu`` with underscores.

    Raises
    ------
    InputError
        Something given cannot be used, contradicts, or too little is given.

    Examples
    --------
    >>> from mfu_planner import measure
    >>> m = measure(model="llama-3.1-8b", hardware="h100-sxm", tokens_per_second_per_device=9400)
    >>> round(m.mfu, 3)
    0.55
    """
    return measure_question(MeasureQuestion.of(given))


def measure_question(s: MeasureQuestion) -> Measurement:
    """Measure from a question that is read."""
    subject = resolve_subject(s, model_needed=s.flops_per_second_per_device is None)
    warnings = list(subject.warnings)
    s = in_work_units(s, subject, warnings)
    known = _observed(s, subject, warnings)
    refuse_contradiction(known)
    values = solve(known)
    refuse_absurd(values)
    if "mfu" not in values:
        raise InputError("observed", "too little to find the MFU", _needed(s, subject))
    per_convention = _by_convention(subject, values)
    known |= _executed(s, subject, values, warnings)
    values, forms = solve(known), closed_forms(frozenset(known)).solved
    judged = verdict(subject, values)
    shown = [n for n in QUANTITIES if n in forms]
    return Measurement(
        inputs=s.given(),
        mfu=values["mfu"],
        hfu=values.get("hfu"),
        convention=subject.convention,
        by_convention=per_convention,
        achieved_flops_per_s_per_device=values["achieved_flops_per_s_per_device"],
        peak_flops_per_s=subject.peak_flops_per_s,
        peak_dtype=subject.peak_dtype,
        sparse=subject.sparse,
        flops_per_token=values.get("flops_per_token"),
        tokens_per_s=values.get("tokens_per_s"),
        tokens_per_s_per_device=values.get("tokens_per_s_per_device"),
        devices=subject.devices,
        seq_len=subject.seq_len,
        work_unit=subject.model.work_unit if subject.model else "token",
        verdict=judged,
        **device_facts(s, subject.accelerator, subject.devices),
        mfu_if_counted_in=other_readings(s, subject.accelerator, values["mfu"]),
        **_gap(s, subject, values, judged, warnings),
        findings=(
            *check(s, subject, values["mfu"], values.get("hfu"), per_convention, judged),
            *peak_findings(s, subject, values["mfu"], values["achieved_flops_per_s_per_device"]),
        ),
        warnings=tuple(warnings),
        steps=(
            *(subject.work_steps() if s.explain else ()),
            *(derived(n, values, forms[n], _PALM if n == "mfu" else "definition") for n in shown),
        ),
        sources=subject.sources,
    )


def _gap(
    s: MeasureQuestion, subject: Subject, values: dict[str, float], judged: Verdict | None, warnings: list[str]
) -> dict[str, float | None]:
    """Money and device-hours lost against similar runs; the price is said where it is used and was not given."""
    expected = judged.similar_typical if judged else None
    price = price_of(s, subject) if expected is not None and subject.devices is not None else None
    rate = values.get("tokens_per_s_per_device")
    hours = values["device_time_s"] / HOUR if "device_time_s" in values else None
    if hours is None and s.tokens is not None and rate:
        hours = float(s.tokens) / rate / HOUR
    usd = price.usd_per_device_hour if price else None
    found = gap_cost(values["mfu"], expected, usd, subject.devices, hours)
    lost = found["gap_device_hours"]
    found |= {"run_device_hours": hours, "gap_cost_usd": None if lost is None or usd is None else lost * usd}
    if price and price.said and found["gap_cost_usd_per_day"]:
        warnings.append(price.said)
    return found


def _observed(s: MeasureQuestion, subject: Subject, warnings: list[str]) -> dict[str, float]:
    known: dict[str, float] = {"peak_flops_per_s": subject.peak_flops_per_s}
    if subject.flops_per_token is not None:
        known["flops_per_token"] = float(subject.flops_per_token)
    if s.device_hours is not None:
        known["goodput"] = 1.0 if s.goodput is None else s.goodput
        if s.goodput is None:
            warnings.append(
                "device-hours are wall clock: with goodput 1.0 assumed, this is the MFU of the whole programme"
            )
    optional = {
        "devices": subject.devices,
        "tokens": s.tokens,
        "device_time_s": None if s.device_hours is None else s.device_hours * HOUR,
        "tokens_per_s": s.tokens_per_second,
        "tokens_per_s_per_device": s.tokens_per_second_per_device,
        "achieved_flops_per_s_per_device": s.flops_per_second_per_device,
    }
    known |= {k: float(v) for k, v in optional.items() if v is not None}
    if s.step_time is not None or s.global_batch is not None or s.global_batch_tokens is not None:
        known |= _step(s, subject)
    return known


def _step(s: MeasureQuestion, subject: Subject) -> dict[str, float]:
    """Time and tokens of a step: each needs the other."""
    if s.step_time is None:
        raise InputError("step-time", "nothing", "the seconds of one step, such as 5.2s, beside --global-batch")
    if s.global_batch is None and s.global_batch_tokens is None:
        raise InputError("global-batch", "nothing", "sequences per step (2048) or '16M tokens', beside --step-time")
    batch = batch_tokens(s, subject)
    if batch is None:
        raise InputError("seq-len", "nothing", "tokens per sequence, to turn sequences per step into tokens")
    return {"step_time_s": s.step_time, "tokens_per_step": batch}


def _needed(s: MeasureQuestion, subject: Subject) -> str:
    whole_job = s.tokens_per_second is not None or s.step_time is not None
    if whole_job and subject.devices is None:
        return "--devices beside it: the rate is the whole job's"
    return _OBSERVED


def _by_convention(subject: Subject, values: dict[str, float]) -> dict[str, float | None]:
    rate = values.get("tokens_per_s_per_device")
    if subject.model is None or rate is None:
        return {}
    if subject.model.architecture is None:
        return {subject.convention: values["mfu"]}
    from mfu_planner.counting.conventions import by_convention

    work = by_convention(subject.model.architecture, subject.work)
    work.setdefault(subject.convention, subject.flops_per_token)
    seen = {"tokens_per_s_per_device": rate, "peak_flops_per_s": subject.peak_flops_per_s}
    return {
        n: None if w is None else solve({**seen, "flops_per_token": float(w)}, ["mfu"])["mfu"] for n, w in work.items()
    }


def _executed(s: MeasureQuestion, subject: Subject, values: dict[str, float], warnings: list[str]) -> dict[str, float]:
    """Work with recomputation, counted by the same convention as the model's; empty where it is not known."""
    if s.recompute is None:
        return {}
    if "tokens_per_s_per_device" not in values or subject.model is None:
        warnings.append("hfu is null: recomputed work can only be counted with --model and a rate in tokens")
        return {}
    if subject.model.architecture is None:
        return _bare_executed(s.recompute, warnings)
    from mfu_planner.counting.conventions import hardware_flops

    if s.attention_kernel is None:
        warnings.append(
            "HFU of a fused attention kernel, which computes the scores again; --attention-kernel unfused does not"
        )
    per_sequence = hardware_flops(
        subject.model.architecture,
        subject.work,
        recompute=s.recompute,
        fused_attention=s.attention_kernel != "unfused",
        convention=subject.convention,
    )
    per_unit = Fraction(per_sequence) / (subject.work.batch * subject.units_per_sequence)
    return {"executed_flops_per_token": float(per_unit)}


def _bare_executed(recompute: str, warnings: list[str]) -> dict[str, float]:
    """A bare number of parameters: the forward pass is a third of 6N."""
    if recompute == "selective":
        warnings.append("hfu is null: selective recomputation repeats attention, which --params says nothing about")
        return {}
    return {"executed_share": 1.0 if recompute == "none" else float(1 + _FORWARD_SHARE)}
