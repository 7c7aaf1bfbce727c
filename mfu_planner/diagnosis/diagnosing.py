"""``diagnose``: from what was observed to the gap, the causes and the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis import ranking
from mfu_planner.diagnosis.answering import answer
from mfu_planner.diagnosis.causes import PART_CAUSES
from mfu_planner.diagnosis.describe import Described, describe
from mfu_planner.diagnosis.effects import Effect, fixes, led_by, what_ifs
from mfu_planner.diagnosis.evidence import Evidence
from mfu_planner.diagnosis.gap import Gap, find_gap
from mfu_planner.diagnosis.given import read_answers, sorted_given
from mfu_planner.diagnosis.idle import explain_idle
from mfu_planner.diagnosis.loading import Loader, loader_of
from mfu_planner.diagnosis.measurements import measurements
from mfu_planner.diagnosis.observing import Observed, observe
from mfu_planner.diagnosis.outrun import outrun
from mfu_planner.diagnosis.signs import Sign, signs
from mfu_planner.diagnosis.signs import explain as explain_rest
from mfu_planner.diagnosis.unsaid import settled
from mfu_planner.errors import InputError
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mfu_planner.diagnosis.bench import Expected
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
    _refuse_padding(seen)
    described = describe(seen.given, seen.answers)
    run = described if loader_of(seen, described).limited else settled(described, seen)
    possible = seen.mfu is None or seen.mfu < 1
    point = run.bench.base if run.bench and possible else None
    gap = _gap(seen, point if possible else None)
    run = outrun(run, gap)
    if seen.measurement is not None and point is not None:
        gap.stated_peak = seen.measurement.peak_flops_per_s / point.peak_flops_per_s
    _regard(gap, run)
    _full_precision(gap, seen)
    loader = loader_of(seen, run)
    found = signs(seen, run, gap, loader)
    explain_idle(gap, seen, found, loader)
    explain_rest(gap, found)
    effects = what_ifs(run.bench, gap, _facts(seen, run)) if run.bench and gap.scales else []
    ranked = ranking.rank(gap, seen.measured, effects, doubted=run.reading.cause if run.reading else "")
    causes = [r for r in ranked if r.share >= ranking.NOTABLE] or ranked[:1]
    if run.impossible:  # what is predicted of it speaks of another run
        measured = [c for c in causes if c.basis == "measured"]
        causes = [ranking.Ranked("unexplained", 1 - gap.useful, "unexplained"), *measured]
    everything = _all_effects(gap, seen, run, effects, found, loader, causes) if possible else []
    causes = agreed(causes, everything)
    answered = answer(kept, seen, run, gap, causes, everything, _applied(kept.get("apply"), len(everything)))
    return _explained(answered, run) if explain else answered


NARROWER = Change(
    "TF32 or 16-bit products (torch.set_float32_matmul_precision('high'), or bf16 autocast): the matrix units in "
    "place of the vector units",
    "dtype",
    risk="10 bits of mantissa in products, or fewer",
)


def _full_precision(gap: Gap, seen: Observed) -> None:
    """Of the traced products in 32 bits, what the matrix units would take less."""
    from mfu_planner.hardware import resolve

    share, name = seen.measured.full_precision, seen.given.get("hardware")
    if not share or name is None:
        return
    peak = resolve(name).peak
    wide = next((peak[d].dense for d in ("tf32", "bf16", "fp16") if d in peak and peak[d].dense), None)
    plain = peak["fp32"].dense if "fp32" in peak else None
    if not wide or not plain or wide <= plain:
        return
    lost = share * (1 - plain / wide)
    source = f"trace: {share:.0%} of the time in products of 32 bits on the vector units"
    if "matmul_inefficiency" in gap.shares:
        lost = min(lost, gap.shares["matmul_inefficiency"])
        gap.move("full_precision", lost, "matmul_inefficiency", "measured", source)
    else:
        gap.useful -= lost
        gap.put("full_precision", lost, "measured", source)
    seen.measured.parts["full_precision"] = Evidence("full_precision", lost, source)


def _refuse_padding(seen: Observed) -> None:
    """Padding is computed too: with it the device must stay below its peak."""
    if seen.padding and seen.mfu is not None and seen.mfu < 1 < (computed := seen.mfu / (1.0 - seen.padding)):
        most = f"at most {1.0 - seen.mfu:.1%}"
        raise InputError(
            "padding", f"{seen.padding:.0%}", f"{most}: with it the device would compute at {computed:.0%} of its peak"
        )


def _gap(seen: Observed, point: Expected | None) -> Gap:
    """The gap; with padding, of all tokens that were computed, real or not."""
    real = 1.0 - seen.padding
    observed = None if seen.device_s_per_token is None else seen.device_s_per_token * real
    gap = find_gap(None if seen.mfu is None else seen.mfu / real, observed, point, seen.measured)
    if seen.padding:
        said = f"{seen.padding:.0%} of the computed tokens are padding"
        gap.pad(seen.padding, said)
        seen.measured.parts["padding"] = Evidence("padding", seen.padding, said)
    return gap


def _regard(gap: Gap, run: Described) -> None:
    """Parts that belong to another cause in a run like this."""
    if run.compiled is False and gap.basis.get("pointwise") == "predicted":
        gap.causes["pointwise"] = "kernels"  # nothing fuses it
    if run.bench is not None and run.bench.base.echo["offload"] and "optimizer" in gap.causes:
        gap.causes["optimizer"] = "offload"


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
        "family": run.bench.request.accelerator.family if run.bench else None,
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


def _all_effects(
    gap: Gap,
    seen: Observed,
    run: Described,
    effects: list[Effect],
    found: Sequence[Sign],
    loader: Loader,
    causes: Sequence[Ranked],
) -> list[Effect]:
    """Every action in the order of the answer.

    What to measure first where the cause is not known; then what fixes something, most saved first; then what else
    would sharpen the answer; then what changes the experiment, needs other hardware, or does not fit.
    """
    losses = ranking.given_back(gap, seen.measured)
    predicted = {cause for e in effects for cause, share in e.by_cause.items() if share > 0}
    measured = {c: s for c, s in losses.items() if c not in predicted or c in ("data-loading", "cpu", "stragglers")}
    cures = {"data-loading": loader.cure}
    if "full_precision" in gap.shares:
        cures["kernels"] = NARROWER
    every = [*effects, *fixes(measured, "measured", gap.useful, cures)]
    hinted = cures | {PART_CAUSES[s.part]: s.cure for s in reversed(found)}
    every += fixes(ranking.implied(gap), "implied", gap.useful, hinted)
    first = causes[0].cause if causes else ""
    every = sorted((led_by(e, first) for e in every), key=lambda e: (_apart(e), -e.saves))
    open_share = sum(r.share for r in causes if r.cause == "unexplained")
    if run.reading is not None:
        open_share = max(open_share, max((e.saves for e in every if e.cause == first and not _apart(e)), default=0.0))
        if run.reading.cause != "communication":  # a batch, a compiler are the user's to change; a network is not
            open_share = max(open_share, 1 - 1 / run.without)
    unknown = (
        measurements(seen, run, gap, loader, open_share)
        if first == "unexplained" or run.reading or run.impossible
        else []
    )
    return [*unknown, *every]


def agreed(causes: list[Ranked], everything: Sequence[Effect]) -> list[Ranked]:
    """The causes, those in front that the first fix is a cure of: what comes first and what to do first are one."""
    fix = next((e for e in everything if not _apart(e)), None)
    if not causes or fix is None or causes[0].basis in ("measured", "unexplained") or not fix.change.names_cause:
        return causes
    return sorted(causes, key=lambda r: r.cause != fix.cause) if any(r.cause == fix.cause for r in causes) else causes


def _apart(effect: Effect) -> bool:
    """Whether it is no fix that can be done: other hardware, another experiment, or too large for the memory."""
    return effect.kind != "fix" or effect.fits is False
