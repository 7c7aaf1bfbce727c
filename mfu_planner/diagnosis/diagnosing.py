"""``diagnose``: from what was observed to the gap, the causes and the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis import ranking
from mfu_planner.diagnosis.answering import answer
from mfu_planner.diagnosis.describe import Described, describe
from mfu_planner.diagnosis.effects import Effect, fixes, what_ifs
from mfu_planner.diagnosis.gap import Gap, find_gap
from mfu_planner.diagnosis.given import read_answers, sorted_given
from mfu_planner.diagnosis.observing import Observed, observe
from mfu_planner.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfu_planner.diagnosis.ranking import Ranked
    from mfu_planner.diagnosis.result import Diagnosis


def diagnose(**given: Any) -> Diagnosis:
    """Why the MFU of a run is low and what to change first.

    Arguments are the flags of ``mfu-planner diagnose`` with underscores, any of: what ``measure`` takes (model,
    hardware, devices, an observed rate), the layout flags of ``predict``, ``log`` and ``trace`` (files), and answers
    (``gpu_utilisation``, ``loader_workers``, ``loader_wait``, ``compile``, ``eager``, ``fused_optimizer``,
    ``slowest_rank``, ``framework``, ``stack``, ``goodput``); ``explain``: the formulas of the step that is expected.

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
    explain = given.pop("explain", False)
    kept = sorted_given(given)
    seen = observe(kept, read_answers(kept))
    run = describe(seen.given, seen.answers)
    possible = seen.mfu is None or seen.mfu < 1
    point = run.bench.base if run.bench and possible else None
    gap = find_gap(seen.mfu, seen.device_s_per_token, point, seen.measured)
    if seen.measurement is not None and point is not None:
        gap.stated_peak = seen.measurement.peak_flops_per_s / point.peak_flops_per_s
    if run.compiled is False and gap.basis.get("pointwise") == "predicted":
        gap.causes["pointwise"] = "kernels"  # nothing fuses it
    suspects = _suspects(gap, seen, run)
    effects = what_ifs(run.bench, gap, _facts(seen, run)) if run.bench and gap.scales else []
    ranked = ranking.rank(gap, seen.measured, effects, suspects)
    causes = [r for r in ranked if r.share >= ranking.NOTABLE] or ranked[:1]
    everything = _all_effects(gap, seen, effects, suspects, causes)
    if not possible:
        everything = []  # the number itself is wrong: nothing is gained on it
    found = answer(kept, seen, run, gap, causes, everything, _applied(kept.get("apply"), len(everything)))
    return _explained(found, run) if explain else found


def _explained(found: Diagnosis, run: Described) -> Diagnosis:
    """The diagnosis with the formulas of the step that it expects; unchanged where nothing could be predicted."""
    if run.bench is None:
        return found
    from mfu_planner.answers.explain import explained_step
    from mfu_planner.answers.predict import WATERFALL

    how = explained_step(run.bench.case.changed(run.bench.own), WATERFALL)
    update = {"steps": how.steps, "sensitivities": how.sensitivities, "sources": {**found.sources, **how.sources}}
    return found.model_copy(update=update)


def _applied(asked: Any, known: int) -> tuple[int, ...] | None:
    """Numbers of the actions to take together, from 1, in the order of the answer."""
    if asked is None:
        return None
    given = asked if isinstance(asked, list | tuple) else [part for part in str(asked).split(",") if part.strip()]
    chosen = []
    for part in given:
        number = int(part) if str(part).strip().isdecimal() else 0
        if not 1 <= number <= known:
            raise InputError("apply", part, f"numbers of actions from 1 to {known}, such as 1,3")
        chosen.append(number)
    return tuple(dict.fromkeys(chosen))


def _facts(seen: Observed, run: Described) -> dict[str, Any]:
    known: tuple[str, ...] = ()
    if run.bench:
        accelerator = run.bench.request.accelerator
        known = tuple(d for d in ("tf32", "bf16", "fp16", "fp8") if _has(accelerator, d))
    return {
        "search": seen.given.get("search", True),
        "assumed": run.assumed,
        "compiled": run.compiled,
        "fused_optimizer": seen.answers.fused_optimizer,
        "hardware_dtypes": known,
    }


def _has(accelerator: Any, dtype: str) -> bool:
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
    if hinted and utilisation is None and spare > ranking.NOTABLE and "input" not in gap.shares:
        workers = seen.answers.loader_workers
        text = f"{workers} loader worker(s) per rank: most likely what makes the run slower than predicted"
        gap.move("input", spare * pool["data-loading"] / total, "unexplained", "inferred", text)
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
    found = [*effects, *fixes(measured, "measured", gap.useful)]
    first = causes[0].cause if causes else ""
    doubtful = {c: s for c, s in suspects.items() if c not in measured and (c == first or c in ("data-loading", "cpu"))}
    found += fixes({c: s for c, s in doubtful.items() if s >= ranking.NOTABLE}, "inferred", gap.useful)
    return sorted(found, key=lambda e: (e.fits is False, -e.saves))
