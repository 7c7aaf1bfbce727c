"""Putting the answer together: findings, actions, the sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.answers.results import OnDevices
from mfu_planner.diagnosis import ranking
from mfu_planner.diagnosis.causes import CAUSES, MEANINGS
from mfu_planner.diagnosis.combining import combined, compatible
from mfu_planner.diagnosis.effects import on_own_peak
from mfu_planner.diagnosis.result import Action, CauseFinding, Deciding, Diagnosis, Stacked
from mfu_planner.run import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mfu_planner.answers.measure import Measurement
    from mfu_planner.diagnosis.bench import Point
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.effects import Effect
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.observing import Observed
    from mfu_planner.diagnosis.ranking import Ranked

STACKED = 3
OVERLAP = 0.02
"""Shares beyond the whole from which the evidence is said to contradict itself."""
WRONG = "The number itself cannot be right: see the first finding before any other."


def _contradiction(gap: Gap) -> CauseFinding:
    over = -gap.shares["unexplained"]
    return CauseFinding(
        code="evidence/contradiction",
        severity="warning",
        message=f"MFU and measured losses add up to {1 + over:.0%} of the time: one is of another window or run",
        evidence={"beyond_the_whole": over},
        page="docs/findings/unexplained.md",
    )


def _action(effect: Effect, gap: Gap, mfu: float | None) -> Action:
    change = effect.change
    risk = change.risk if effect.fits is not False else f"does not fit the device's memory by the model; {change.risk}"
    after = None if mfu is None else mfu * effect.speedup
    return Action(
        change=change.text,
        cause=effect.cause,
        predicted_mfu=after,
        predicted_mfu_own_peak=on_own_peak(after, gap, effect.peak_ratio),
        gain=effect.speedup - 1,
        speedup=effect.speedup,
        saves_share=effect.saves,
        effort=change.effort,
        risk=risk,
        fits=effect.fits,
        basis=effect.basis,
        flags={k: v for k, v in change.question.items() if v is not None},
    )


def _stacked(run: Described, gap: Gap, effects: Sequence[Effect], mfu: float | None) -> Stacked | None:
    shown = {cause for part, cause in gap.causes.items() if gap.basis[part] in ("measured", "inferred")}
    worth = [e for e in effects if e.basis != "inferred" or e.cause in shown]  # a suspicion alone is no base
    picked: list[Effect] = []
    for effect in worth:
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


def _expected(seen: Observed, point: Point | None) -> float | None:
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
        if ranked.basis == "inferred":
            said.append("suspected: neither a measurement nor the layout shows it")
        named.append(
            CauseFinding(
                code=cause.code,
                severity="warning" if ranked.share >= 0.1 else "note",
                message=f"{cause.name}: a fix could give back {ranked.share:.1%} of the time"
                + "".join(f"; {s}" for s in said[:3]),
                share=ranked.share,
                confidence=ranked.confidence,
                evidence={**parts, "basis": ranked.basis},
                page=cause.page,
                deciding_measurement=decides if place == 0 else None,
            )
        )
    return (*right, *named, *rest)


def _sentence(
    seen: Observed, run: Described, gap: Gap, causes: Sequence[Ranked], actions: Sequence[Action], decides: str | None
) -> str:
    """The diagnosis in one sentence."""
    if not causes or causes[0].share < ranking.NOTABLE:
        if run.bench is None and not seen.measured.parts:
            return f"Not enough is known to name a cause: {run.reason or 'nothing was measured'}."
        near = f", {gap.ratio:.2f} times the predicted step time" if gap.ratio else ""
        return f"Nothing stands out{near}: no single fix gives back more than {ranking.NOTABLE:.0%} of the time."
    first = causes[0]
    answers = seen.answers
    hinted = answers.gpu_utilisation is not None or answers.loader_workers is not None
    if first.basis == "inferred" and not hinted:
        how = f"; {decides}" if decides else ""
        return (
            f"{gap.unexplained:.0%} of the time is unexplained; the first suspect is {CAUSES[first.cause].name}{how}."
        )
    clear = len(causes) == 1 or first.share > ranking.CLOSE * causes[1].share
    if first.basis == "inferred":
        hedge = "It is most likely" if clear else "It may be"
    else:
        hedge = "It is" if clear or first.basis == "measured" else "It is probably"
    return f"{hedge} {CAUSES[first.cause].said}{_after(seen.mfu, first, actions)}."


def _after(mfu: float | None, first: Ranked, actions: Sequence[Action]) -> str:
    """What the best fix of the first cause leads to."""
    action = next((a for a in actions if a.cause == first.cause and a.fits is not False), None)
    if action is None:
        return ""
    if action.predicted_mfu is None or mfu is None:
        return f"; expect {action.speedup:.2f} times the speed after the fix"
    own = action.predicted_mfu_own_peak
    said = "" if own is None else f", which is {own:.0%} of the new format's own peak"
    return f"; expect {action.predicted_mfu:.0%} after the fix (now {mfu:.0%}){said}"


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
    decides = (
        ranking.deciding(causes[0], causes[1])
        if len(causes) > 1
        else (ranking.TRACE if causes and causes[0].basis == "inferred" else None)
    )
    waterfall = gap.entries(measured.goodput, measured.goodput_source)
    order = {r.cause: i for i, r in enumerate(causes)}
    by_importance = tuple(sorted(waterfall, key=lambda g: (order.get(g.cause, len(order)), -g.share)))
    actions = tuple(_action(e, gap, seen.mfu) for e in effects)
    findings = _findings(seen, gap, causes, decides)
    if gap.shares.get("unexplained", 0.0) < -OVERLAP:
        place = sum(f.code.startswith(("sanity/", "peak/")) for f in findings)
        findings = (*findings[:place], _contradiction(gap), *findings[place:])
    wrong = any(f.severity == "error" for f in findings)
    mfu = seen.mfu
    assumptions = [*seen.assumptions, *run.assumptions, *(point.assumptions if point else ())]
    return Diagnosis(
        inputs={k: v for k, v in kept.items() if isinstance(v, str | int | float | bool | list | tuple | dict)},
        warnings=tuple(dict.fromkeys([*seen.warnings, *(point.warnings if point else ())])),
        sources=dict(measurement.sources) if measurement else {},
        **_devices(measurement),
        answer=WRONG if wrong else _sentence(seen, run, gap, causes, actions, decides),
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
        first_cause=causes[0].cause if causes and causes[0].share >= ranking.NOTABLE else None,
        gap_cost_usd_per_day=measurement.gap_cost_usd_per_day if measurement else None,
        gap_device_hours=measurement.gap_device_hours if measurement else None,
        gap=by_importance,
        waterfall=waterfall,
        findings=findings,
        actions=actions,
        stacked=_stacked(run, gap, effects, mfu),
        combined=None if apply is None else combined(run.bench, gap, [effects[n - 1] for n in apply], mfu),
        deciding_measurement=Deciding(between=(causes[0].cause, causes[1].cause), measurement=decides)
        if decides and len(causes) > 1
        else None,
        confidence=causes[0].confidence if causes else "low",
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
