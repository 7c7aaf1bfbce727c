"""Putting the answer together: findings, actions, the sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.answers.results import OnDevices
from mfu_planner.diagnosis import ranking
from mfu_planner.diagnosis.causes import CAUSES, MEANINGS
from mfu_planner.diagnosis.combining import combined, compatible, range_of
from mfu_planner.diagnosis.effects import MOST, on_own_peak
from mfu_planner.diagnosis.result import Action, CauseFinding, Deciding, Diagnosis, Stacked
from mfu_planner.diagnosis.sentence import is_healthy, sentence
from mfu_planner.run import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mfu_planner.answers.measure import Measurement
    from mfu_planner.diagnosis.bench import Expected
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.effects import Effect
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.observing import Observed
    from mfu_planner.diagnosis.ranking import Ranked

STACKED = 3
OVERLAP = 0.02
"""Shares beyond the whole from which the evidence is said to contradict itself."""
WRONG = "The number itself cannot be right: see the first finding before any other."


def _described(run: Described) -> tuple[CauseFinding, ...]:
    """What the description itself leaves in doubt."""
    found = []
    if run.impossible:
        code = "layout/another-run" if run.outrun else "layout/does-not-fit"
        message = f"as described it cannot run: {run.impossible}"
        found.append(CauseFinding(code=code, severity="warning", message=message))
    if run.reading is not None:
        message = f"{run.reading.words} explains the observed time, and was not said: {run.reading.question}"
        found.append(CauseFinding(code="layout/not-said", severity="warning", message=message))
    return tuple(found)


def _contradiction(gap: Gap) -> CauseFinding:
    over = -gap.shares["unexplained"]
    return CauseFinding(
        code="evidence/contradiction",
        severity="warning",
        message=f"MFU and measured losses add up to {1 + over:.0%} of the time: one is of another window or run",
        evidence={"beyond_the_whole": over},
        page="docs/findings/unexplained.md",
    )


def _action(effect: Effect, run: Described, gap: Gap, seen: Observed) -> Action:
    change, mfu, usd_per_day = effect.change, seen.mfu, seen.usd_per_day
    hours = seen.measurement.run_device_hours if seen.measurement else None
    risk = change.risk if effect.fits is not False else f"does not fit the device's memory by the model; {change.risk}"
    after = None if mfu is None or effect.cause == "goodput" else mfu * effect.speedup  # steps stay what they are
    low, high = range_of(run.bench, [effect], mfu, after, effect.peak_ratio)
    return Action(
        change=change.text,
        cause=effect.cause,
        kind=effect.kind,
        predicted_mfu=after,
        predicted_mfu_low=low,
        predicted_mfu_high=high,
        predicted_mfu_own_peak=on_own_peak(after, gap, effect.peak_ratio),
        gain=effect.speedup - 1,
        speedup=effect.speedup,
        saves_share=effect.saves,
        saves_usd_per_day=None if usd_per_day is None else usd_per_day * min(effect.saves, MOST),
        saves_device_hours=None if hours is None else hours * min(effect.saves, MOST),
        effort=change.effort,
        risk=risk,
        fits=effect.fits,
        basis=effect.basis,
        flags={k: v for k, v in change.question.items() if v is not None},
        tells=effect.tells,
    )


def _stacked(run: Described, gap: Gap, effects: Sequence[Effect], mfu: float | None) -> Stacked | None:
    picked: list[Effect] = []
    for effect in effects:
        if effect.kind != "fix" or effect.basis == "implied":  # a suspicion alone is no base
            continue
        if compatible(run.bench, [*picked, effect])[0] == [*picked, effect]:
            picked.append(effect)
        if len(picked) == STACKED:
            break
    if not picked:
        return None
    together = combined(run.bench, gap, picked, mfu)
    return Stacked(
        changes=together.changes,
        predicted_mfu=together.predicted_mfu,
        gain=together.gain,
        speedup=together.speedup,
        fits=together.fits,
    )


def _expected(seen: Observed, point: Expected | None) -> float | None:
    """The MFU that the model expects of the run, on the peak and by the convention of the observed one."""
    found = seen.measurement
    if point is None or found is None or not found.flops_per_token:
        return None if point is None else point.mfu
    known = {"flops_per_token": found.flops_per_token, "peak_flops_per_s": found.peak_flops_per_s}
    return float(solve({**known, "tokens_per_s_per_device": 1 / point.per_token}, ["mfu"])["mfu"])


def _findings(seen: Observed, gap: Gap, causes: Sequence[Ranked], decides: str | None) -> tuple[CauseFinding, ...]:
    right = [f for f in seen.findings if f.severity == "error" or f.code.startswith(("sanity/", "peak/"))]
    rest = [f for f in seen.findings if f not in right]
    named = []
    for place, ranked in enumerate(causes):
        cause = CAUSES[ranked.cause]
        parts = {p: round(s, 6) for p, s in gap.shares.items() if gap.causes.get(p) == ranked.cause and s > 0}
        said = [f"{MEANINGS[p]} ({gap.evidence[p]})" for p in parts]
        best = ranked.best
        if best is not None:
            said.append(f"{best.change.text} would save {best.saves:.1%} of the time")
        if ranked.basis == "implied":
            said.append("implied, not measured")
        named.append(
            CauseFinding(
                code=cause.code,
                severity="warning" if ranked.share >= 0.1 else "note",
                message=_head(ranked) + "".join(f"; {s}" for s in said[:3]),
                share=ranked.share,
                confidence=ranked.confidence if place else ranking.confidence(causes, gap),
                evidence={**parts, "basis": ranked.basis},
                page=cause.page,
                deciding_measurement=decides if place == 0 else None,
            )
        )
    return (*right, *named, *rest)


def _head(ranked: Ranked) -> str:
    name = CAUSES[ranked.cause].name
    if ranked.cause == "unexplained":
        return f"{name}: nothing known explains {ranked.share:.1%} of the time"
    return f"{name}: a fix could give back {ranked.share:.1%} of the time"


def _deciding(causes: Sequence[Ranked], measures: Sequence[Effect], decides: str | None) -> Deciding | None:
    """The measurement with the two causes that it tells apart."""
    between = [*measures[0].tells, "unexplained"] if measures else [r.cause for r in causes]
    if decides is None or len(between) < len(("one", "other")):
        return None
    return Deciding(between=(between[0], between[1]), measurement=decides)


def _devices(measurement: Measurement | None) -> dict[str, Any]:
    return {n: getattr(measurement, n) for n in OnDevices.model_fields} if measurement else {}


def answer(
    kept: dict[str, Any],
    seen: Observed,
    run: Described,
    gap: Gap,
    causes: Sequence[Ranked],
    effects: Sequence[Effect],
    apply: Sequence[int] | None,
) -> Diagnosis:
    """Put the answer together; ``apply``: numbers of the actions to take together."""
    measured, measurement = seen.measured, seen.measurement
    point = run.bench.base if run.bench else None
    measures = [e for e in effects if e.kind == "measure"]
    decides = ranking.deciding(causes[0], causes[1]) if len(causes) > 1 else None
    if measures:
        decides = measures[0].change.text
    waterfall = gap.entries(measured.goodput, measured.goodput_source)
    order = {r.cause: i for i, r in enumerate(causes)}
    by_importance = tuple(sorted(waterfall, key=lambda g: (order.get(g.cause, len(order)), -g.share)))
    actions = tuple(_action(e, run, gap, seen) for e in effects)
    findings = (*_described(run), *_findings(seen, gap, causes, decides))
    if gap.useful <= 1 and gap.shares.get("unexplained", 0.0) < -OVERLAP:
        place = sum(f.code.startswith(("sanity/", "peak/")) for f in findings)
        findings = (*findings[:place], _contradiction(gap), *findings[place:])
    wrong = any(f.severity == "error" for f in findings)
    healthy = is_healthy(seen, run, gap, causes)
    mfu = seen.mfu
    assumptions = [*seen.assumptions, *run.assumptions, *(point.assumptions if point else ())]
    return Diagnosis(
        inputs={k: v for k, v in kept.items() if isinstance(v, str | int | float | bool | list | tuple | dict)},
        warnings=tuple(dict.fromkeys([*seen.warnings, *(point.warnings if point else ())])),
        sources=dict(measurement.sources) if measurement else {},
        **_devices(measurement),
        answer=WRONG if wrong else sentence(seen, run, gap, causes, actions, healthy=healthy),
        mfu=mfu,
        goodput=measured.goodput,
        effective_mfu=None if mfu is None else mfu * (measured.goodput or 1.0),
        convention=measurement.convention if measurement else None,
        peak_flops_per_s=measurement.peak_flops_per_s if measurement else None,
        tokens_per_s_per_device=measurement.tokens_per_s_per_device if measurement else None,
        step_time_s=seen.step_time_s,
        predicted_mfu=_expected(seen, point),
        predicted_step_time_s=point.step_time_s if point else None,
        observed_over_predicted=gap.ratio,
        range_basis=point.basis if point else None,
        verdict=measurement.verdict if measurement else None,
        first_cause=causes[0].cause if causes and causes[0].share >= ranking.NOTABLE and not healthy else None,
        gap_cost_usd_per_day=measurement.gap_cost_usd_per_day if measurement else None,
        gap_device_hours=measurement.gap_device_hours if measurement else None,
        gap_cost_usd=measurement.gap_cost_usd if measurement else None,
        gap=by_importance,
        waterfall=waterfall,
        findings=findings,
        actions=actions,
        stacked=_stacked(run, gap, effects, mfu),
        combined=None if apply is None else combined(run.bench, gap, [effects[n - 1] for n in apply], mfu),
        deciding_measurement=_deciding(causes, measures, decides),
        confidence="medium" if healthy else ranking.confidence(causes, gap),
        assumptions=tuple(dict.fromkeys(assumptions)),
        not_known=_not_known(seen, run),
    )


def _not_known(seen: Observed, run: Described) -> tuple[str, ...]:
    """What would sharpen the diagnosis, most useful first."""
    said = [run.reason] if run.reason else []
    if seen.measured.products is None:
        said.append("no trace: five profiled steps (--trace) would turn predicted parts into measured ones")
        if "input" not in seen.measured.parts and not seen.measured.loader_is_idle:
            said.append("the wait for data is not known: --loader-wait, or the meter's log")
        if seen.answers.gpu_utilisation is None:
            said.append("the device's utilisation is not known: --gpu-utilisation")
    if "micro_batch" in run.assumed and run.bench is not None:
        said.append("--micro-batch: how well kernels fill the device rests on the one assumed")
    if run.compiled is None and run.bench is not None:
        said.append("--compile or --eager would say whether element-wise work is fused")
    return tuple(said)
