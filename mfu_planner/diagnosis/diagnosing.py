"""``diagnose``: from what was observed to the gap, the causes and the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis import ranking
from mfu_planner.diagnosis.causes import CAUSES, MEANINGS
from mfu_planner.diagnosis.describe import Described, describe
from mfu_planner.diagnosis.effects import Effect, fixes, stack_up, what_ifs
from mfu_planner.diagnosis.gap import Gap, find_gap
from mfu_planner.diagnosis.given import read_answers, sorted_given
from mfu_planner.diagnosis.observing import Observed, observe
from mfu_planner.diagnosis.result import Action, CauseFinding, Deciding, Diagnosis, Stacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfu_planner.diagnosis.ranking import Ranked

STACKED = 3


def diagnose(**given: Any) -> Diagnosis:
    """Why the MFU of a run is low and what to change first.

    Arguments are the flags of ``mfu-planner diagnose`` with underscores, any of: what ``measure`` takes (model,
    hardware, devices, an observed rate), the layout flags of ``predict``, ``log`` and ``trace`` (files), and answers
    (``gpu_utilisation``, ``loader_workers``, ``loader_wait``, ``compile``, ``eager``, ``fused_optimizer``,
    ``slowest_rank``, ``framework``, ``stack``, ``goodput``).

    Raises
    ------
    InputError
        Something given cannot be used, contradicts, or nothing was observed.
    NoAnswer
        A file that says nothing of the run's speed.

    Examples
    --------
    >>> from mfu_planner.diagnosis import diagnose
    >>> d = diagnose(model="llama-3.1-8b", hardware="h100-sxm", devices=8, tokens_per_second_per_device=4000,
    ...              micro_batch=1, recompute="none", zero=3, compile=True, loader_wait="30%")
    >>> d.first_cause
    'data-loading'
    """
    kept = sorted_given(given)
    seen = observe(kept, read_answers(kept))
    run = describe(seen.given, seen.answers)
    point = run.bench.base if run.bench else None
    gap = find_gap(seen.mfu, seen.device_s_per_token, point, seen.measured)
    suspects = _suspects(gap, seen, run)
    effects = what_ifs(run.bench, gap, _facts(seen, run)) if run.bench and gap.scales else []
    ranked = ranking.rank(gap, seen.measured, effects, suspects)
    causes = [r for r in ranked if r.share >= ranking.NOTABLE] or ranked[:1]
    everything = _all_effects(gap, seen, effects, suspects, causes)
    return _answer(kept, seen, run, gap, causes, everything)


def _facts(seen: Observed, run: Described) -> dict[str, Any]:
    known: tuple[str, ...] = ()
    if run.bench:
        accelerator = run.bench.request.accelerator
        known = tuple(d for d in ("tf32", "bf16", "fp16", "fp8") if _has(accelerator, d))
    return {"assumed": run.assumed, "compiled": run.compiled, "fused_optimizer": seen.answers.fused_optimizer, "hardware_dtypes": known}


def _has(accelerator: Any, dtype: str) -> bool:
    from mfu_planner.errors import InputError

    try:
        return bool(accelerator.peak_flops_per_s(dtype))
    except InputError:
        return False


def _suspects(gap: Gap, seen: Observed, run: Described) -> dict[str, float]:
    """Cause → share that answers let us suspect; an idle device becomes a part of the gap."""
    devices = int(run.bench.base.echo["devices"]) if run.bench else int(str(seen.given.get("devices") or 1).split()[0])
    node = int(run.bench.request.machine.node_devices) if run.bench else 8
    found: dict[str, float] = {}
    idle, busy = ranking.weights(seen.answers, seen.measured, devices=devices, node=node, compiled=run.compiled)
    utilisation = seen.answers.gpu_utilisation
    hinted = seen.answers.loader_workers is not None and seen.answers.loader_workers <= 1
    trust = 1.0
    if utilisation is not None and seen.measured.products is None:
        _idle_device(gap, 1 - utilisation, idle)
        standing = gap.shares.get("device_idle", 0.0)
        most = max(idle.values())
        found = {cause: standing * weight / most for cause, weight in idle.items() if standing * weight}
        pool = busy
    else:
        pool = {**idle, **busy}
        high = run.bench.base.high if run.bench else 1.0
        trust = 1.0 if hinted or gap.ratio is None or gap.ratio > high else 0.5
    total = sum(pool.values())
    if seen.mfu is None or not total or run.bench is None:
        return found
    spare = gap.unexplained * trust
    return found | {cause: spare * weight / total for cause, weight in pool.items() if spare * weight}


def _idle_device(gap: Gap, idle_share: float, weights: Mapping[str, float]) -> None:
    """Idle time that the driver's utilisation shows beyond what is measured or predicted."""
    known = sum(
        gap.shares.get(p, 0.0)
        for p in (
            "input",
            "launch",
            "step_fixed",
            "launch_gap",
            "host",
            "synchronisation",
            "bubble",
            "stage_imbalance",
            "copies",
        )
    )
    excess = idle_share - known
    if excess <= 0.01:
        return
    cause = max(weights, key=lambda c: weights[c])
    text = f"the device is idle {idle_share:.0%} of the time by its utilisation, {known:.1%} of it explained otherwise"
    room = sum(v for p, v in gap.shares.items() if gap.basis[p] == "predicted" and v > 0) + gap.unexplained
    taken = min(excess, room)
    spare = min(taken, gap.unexplained)
    gap.move("device_idle", spare, "unexplained", "measured", text, cause) if spare else None
    if taken > spare:
        _squeeze(gap, taken - spare, text, cause)


def _squeeze(gap: Gap, share: float, text: str, cause: str) -> None:
    """A measured idle time that the prediction left no room for: predicted parts give way in proportion."""
    parts = [p for p, v in gap.shares.items() if gap.basis[p] == "predicted" and v > 0]
    total = sum(gap.shares[p] for p in parts)
    factor = 1 - share / total
    for part in parts:
        gap.shares[part] *= factor
        gap.scales[part] = gap.scales.get(part, 0.0) * factor
    gap.put("device_idle", gap.shares.get("device_idle", 0.0) + share, "measured", text, cause)


def _all_effects(
    gap: Gap, seen: Observed, effects: list[Effect], suspects: Mapping[str, float], causes: Sequence[Ranked]
) -> list[Effect]:
    """What-ifs, the fixes of measured losses, and those of suspected ones, most saved first."""
    losses = ranking.measured_losses(gap, seen.measured)
    predicted = {cause for e in effects for cause, share in e.by_cause.items() if share > 0}
    measured = {c: s for c, s in losses.items() if c not in predicted or c in ("data-loading", "cpu", "stragglers")}
    found = [*effects, *fixes(measured, "measured")]
    first = causes[0].cause if causes else ""
    doubtful = {c: s for c, s in suspects.items() if c not in measured and (c == first or c in ("data-loading", "cpu"))}
    found += fixes({c: s for c, s in doubtful.items() if s >= ranking.NOTABLE}, "inferred")
    return sorted(found, key=lambda e: (e.fits is False, -e.saves))


def _action(effect: Effect, mfu: float | None) -> Action:
    change = effect.change
    risk = change.risk if effect.fits is not False else f"does not fit the device's memory by the model; {change.risk}"
    return Action(
        change=change.text,
        cause=effect.cause,
        predicted_mfu=_mfu_after(mfu, effect),
        gain=effect.speedup - 1,
        speedup=effect.speedup,
        saves_share=effect.saves,
        effort=change.effort,
        risk=risk,
        fits=effect.fits,
        basis=effect.basis,
        flags={k: v for k, v in change.flags.items() if v is not None},
    )


def _mfu_after(mfu: float | None, effect: Effect) -> float | None:
    return None if mfu is None else mfu * effect.speedup / effect.peak_ratio


def _stacked(run: Described, gap: Gap, effects: Sequence[Effect], mfu: float | None) -> Stacked | None:
    picked: list[Effect] = []
    for effect in effects:
        if effect.fits is False or effect.change.knob in {e.change.knob for e in picked}:
            continue
        if stack_up(run.bench, gap, [*picked, effect]) is None:
            continue
        picked.append(effect)
        if len(picked) == STACKED:
            break
    together = stack_up(run.bench, gap, picked) if picked else None
    if together is None:
        return None
    return Stacked(
        changes=tuple(e.change.text for e in picked),
        predicted_mfu=_mfu_after(mfu, together),
        gain=together.speedup - 1,
        speedup=together.speedup,
        fits=together.fits,
    )


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
    mfu: float | None, causes: Sequence[Ranked], actions: Sequence[Action], point_ratio: float | None, wrong: bool
) -> str:
    if wrong:
        return "The number itself cannot be right: see the first finding before any other."
    if not causes or causes[0].share < ranking.NOTABLE:
        near = f", {point_ratio:.2f} times the predicted step time" if point_ratio else ""
        return f"Nothing stands out{near}: no single fix gives back more than {ranking.NOTABLE:.0%} of the time."
    first = causes[0]
    hedge = "It is probably" if first.basis != "inferred" else "It may be"
    if first.basis == "measured" or len(causes) == 1 or first.share > ranking.CLOSE * causes[1].share:
        hedge = "It is" if first.basis != "inferred" else "It is most likely"
    action = next((a for a in actions if a.cause == first.cause and a.fits is not False), None)
    after = ""
    if action is not None:
        after = (
            f"; expect {action.predicted_mfu:.0%} after the fix (now {mfu:.0%})"
            if action.predicted_mfu is not None and mfu is not None
            else f"; expect {action.speedup:.2f} times the speed after the fix"
        )
    return f"{hedge} {CAUSES[first.cause].said}{after}."


def _answer(
    kept: dict[str, Any], seen: Observed, run: Described, gap: Gap, causes: Sequence[Ranked], effects: Sequence[Effect]
) -> Diagnosis:
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
    actions = tuple(_action(e, seen.mfu) for e in effects)
    findings = _findings(seen, gap, causes, decides)
    wrong = any(f.severity == "error" for f in findings)
    mfu = seen.mfu
    assumptions = [*seen.assumptions, *run.assumptions, *(point.assumptions if point else ())]
    return Diagnosis(
        inputs={k: v for k, v in kept.items() if isinstance(v, str | int | float | bool | list | tuple | dict)},
        warnings=tuple(dict.fromkeys([*seen.warnings, *(point.warnings if point else ())])),
        sources=dict(measurement.sources) if measurement else {},
        answer=_sentence(mfu, causes, actions, gap.ratio, wrong),
        mfu=mfu,
        goodput=measured.goodput,
        effective_mfu=None if mfu is None else mfu * (measured.goodput or 1.0),
        convention=measurement.convention if measurement else None,
        peak_flops_per_s=measurement.peak_flops_per_s if measurement else None,
        tokens_per_s_per_device=measurement.tokens_per_s_per_device if measurement else None,
        step_time_s=seen.step_time_s,
        predicted_mfu=point.mfu if point else None,
        predicted_step_time_s=point.step_time_s if point else None,
        observed_over_predicted=gap.ratio,
        range_basis=point.basis if point else None,
        verdict=measurement.verdict if measurement else None,
        first_cause=causes[0].cause if causes and causes[0].share >= ranking.NOTABLE else None,
        gap=by_importance,
        waterfall=waterfall,
        findings=findings,
        actions=actions,
        stacked=_stacked(run, gap, effects, mfu),
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
    if run.compiled is None and run.bench is not None:
        said.append("--compile or --eager would say whether element-wise work is fused")
    return tuple(said)
