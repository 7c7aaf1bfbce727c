"""Published MFU, computed again from the published throughput with the source's own convention."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isclose
from statistics import mean, median
from typing import Any

from mfu_planner.answers.measure import measure
from mfu_planner.architectures.model import Architecture
from mfu_planner.backtesting.row_model import counted_model
from mfu_planner.backtesting.row_model import stated_params as stated_params
from mfu_planner.backtesting.runs import RunRow, Unusable
from mfu_planner.backtesting.sources import RunSources, SourceRule, load_misses, load_sources, rule_of
from mfu_planner.backtesting.summary import blank
from mfu_planner.counting.conventions import Convention, batch_flops, convention
from mfu_planner.counting.conventions.definition import Embedding, Weights
from mfu_planner.counting.conventions.hardware import recomputed
from mfu_planner.counting.conventions.parts import Term, contributions
from mfu_planner.errors import InputError
from mfu_planner.operators import Role, Workload
from mfu_planner.run import solve

AGREE = 0.5
"""Points of MFU within which a published figure counts as reproduced."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One row: percent of the peak as published and as computed again."""

    id: str
    group: str
    published: float | None
    predicted: float | None
    skipped: str | None
    assumptions: tuple[str, ...] = ()
    convention: str = ""
    purpose: str = ""

    @property
    def error(self) -> float | None:
        """predicted ÷ published − 1."""
        if self.published is None or self.predicted is None:
            return None
        return self.predicted / self.published - 1

    @property
    def agrees(self) -> bool:
        """Whether both agree within half a point."""
        assert self.published is not None
        assert self.predicted is not None
        return abs(self.predicted - self.published) <= AGREE


def mfu_backtest(runs: Sequence[RunRow], sources: RunSources | None = None) -> dict[str, Any]:
    """Recompute every published MFU (or TFLOP/s) whose convention is known.

    Returns
    -------
    dict
        ``rows`` (id, published and predicted in percent of the peak, error, skipped), ``summary`` by source,
        ``misses`` (with their reasons), ``assumptions``.
    """
    known = sources or load_sources()
    checked = [check_run(run, known) for run in runs]
    return {
        "kind": "mfu",
        "rows": [
            {
                **blank(run),
                "published": c.published,
                "predicted": c.predicted,
                "error": c.error,
                "skipped": c.skipped,
                "convention": c.convention or None,
            }
            for run, c in zip(runs, checked, strict=True)
        ],
        "summary": summarise(checked),
        "misses": misses(checked),
        "assumptions": _assumptions(checked),
    }


def asked(run: RunRow) -> tuple[str, dict[str, Any] | None]:
    """The command and the flags that give a row's figure; null where no flag says how its source counts."""
    sources = load_sources()
    try:
        rule, _ = rule_of(run, sources)
        wanted = _check(run, sources).predicted
        assert rule is not None
        peak, _ = peak_tflops(run, rule)
        model = counted_model(run, sources, rule)
    except Unusable:
        return "mfu", None
    question = {
        **model.flags,
        "peak": peak * 1e12,
        "convention": rule.convention,
        "seq_len": rule.attends or run.size("seq_len") or rule.seq_len,
        "tokens_per_second_per_device": run.tokens_per_s_per_device,
    }
    given = 100 * measure(**question).mfu
    return "mfu", question if wanted is not None and isclose(given, wanted, rel_tol=1e-9) else None


def check_run(run: RunRow, sources: RunSources) -> Checked:
    """One row, or the reason why it says nothing."""
    try:
        return _check(run, sources)
    except Unusable as reason:
        return Checked(run.id, run.source, None, None, str(reason))


def _check(run: RunRow, sources: RunSources) -> Checked:
    stated = ("mfu_reported", "tflops_per_device_reported", "hfu_reported")
    if all(run.number(column) is None for column in stated):
        raise Unusable("no MFU or TFLOP/s reported")
    rule, origin = rule_of(run, sources)
    if rule is None or rule.convention is None:
        raise Unusable(f"convention not known{f': {rule.why}' if rule else ''}")
    rate = run.tokens_per_s_per_device
    if rate is None:
        raise Unusable("no throughput reported (tokens per second, or step time with batch and devices)")
    seq_len = rule.attends or run.size("seq_len") or rule.seq_len
    if seq_len is None:
        raise Unusable("sequence length not stated")
    built = counted_model(run, sources, rule)
    chosen = convention(rule.convention, **rule.switches)
    peak, peak_rule = peak_tflops(run, rule)
    tensor_parallel = run.size("tp") or 1
    per_token = flops_per_token(
        chosen,
        built.architecture,
        seq_len,
        stated=stated_params(run, rule),
        tensor_parallel=tensor_parallel,
        recompute=recompute_counted(run, rule),
    )
    known = {"flops_per_token": per_token, "tokens_per_s_per_device": rate, "peak_flops_per_s": peak * 1e12}
    reported, basis = published_percent(run, peak)
    lengths: tuple[str, ...] = ()
    if rule.attends:
        lengths = (f"attention over packed documents of {rule.attends} tokens (Σ l² ÷ Σ l): {origin}",)
    elif run.size("seq_len") is None:
        lengths = (f"seq_len blank: {rule.seq_len:,}, {origin}",)
    return Checked(
        run.id,
        run.source,
        reported,
        100 * solve(known, ["mfu"])["mfu"],
        None,
        (*built.assumptions, *lengths, f"convention {chosen.name}: {origin}", peak_rule, basis),
        chosen.name,
        run.purpose,
    )


def published_percent(run: RunRow, peak: float) -> tuple[float, str]:
    """The published figure in percent of the peak: the MFU, else TFLOP/s ÷ peak, else the HFU."""
    stated, tflops = run.number("mfu_reported"), run.number("tflops_per_device_reported")
    if stated is not None:
        return stated, "published: the MFU as printed"
    if tflops is not None:
        return 100 * tflops / peak, "published: the printed TFLOP/s ÷ peak"
    hfu = run.number("hfu_reported")
    assert hfu is not None
    return hfu, "published: the HFU as printed"


@lru_cache(maxsize=4096)
def _cached_flops(
    chosen: Convention, model: Architecture, seq_len: int, recompute: str, stated: int | None, tensor_parallel: int
) -> float:
    work = Workload(1, seq_len)
    if stated is not None and chosen.weights is Weights.PARAMETERS:
        parts = contributions(chosen, model, work, tensor_parallel=tensor_parallel)
        products = sum(p.flops for p in parts if p.part in (Term.ATTENTION, Term.SOFTMAX, Term.SCAN))
        total = products + 2 * chosen.passes * _counted(chosen, model, stated) * seq_len
    else:
        total = batch_flops(chosen, model, work, tensor_parallel=tensor_parallel)
    return float(total + recomputed(chosen, model, work, recompute)) / seq_len


def _counted(chosen: Convention, model: Architecture, stated: int) -> int:
    """The stated N without what the convention leaves out of it."""
    tied = any(op.role is Role.HEAD and op.shared_with for _, op in model.each())
    if chosen.embedding is Embedding.NONE or (chosen.embedding is Embedding.TIED and not tied):
        stated -= model.embedding_params
    return stated if chosen.positions else stated - model.params_of(Role.POSITION)


def flops_per_token(
    chosen: Convention,
    model: Architecture,
    seq_len: int,
    *,
    stated: int | None = None,
    tensor_parallel: int = 1,
    recompute: str | None = None,
) -> float:
    """Training FLOP per token as a source counts it (with the recomputation that its figure includes)."""
    return _cached_flops(chosen, model, seq_len, recompute or "none", stated, tensor_parallel)


def recompute_counted(run: RunRow, rule: SourceRule) -> str:
    """The recomputation that a row's figure includes."""
    if rule.recompute != "as run":
        return rule.recompute
    return "full" if run.text("recompute").lower() in {"full", "1", "true", "yes", "on"} else "none"


def peak_tflops(run: RunRow, rule: SourceRule) -> tuple[float, str]:
    """TFLOP/s that a row's MFU is divided by: the stated peak, the source's, the catalogue's."""
    stated = run.number("peak_tflops_stated")
    if stated is not None:
        return stated, "peak: as the row states"
    key = run.text("hw_key") or run.text("hardware")
    if key in rule.peak_tflops:
        return rule.peak_tflops[key], f"peak: {rule.peak_tflops[key]:g} TFLOP/s, the source's for {key}"
    dtype = _dtype(run) if rule.peak_dtype == "run" else "bf16"
    try:
        from mfu_planner.hardware import resolve

        device = resolve(key)
        peak = device.peak_flops_per_s(dtype) / 1e12
    except InputError as error:
        raise Unusable(f"peak of {key or 'no hardware'} not known: {error}") from None
    if rule.per == "package":
        peak *= device.devices_per_package
    return peak, f"peak: {device.id} {dtype}, dense, per {rule.per if rule.per == 'package' else device.device_kind}"


def _dtype(run: RunRow) -> str:
    said = run.text("dtype").lower()
    return next((d for d in ("fp8", "fp4", "bf16", "fp16") if d in said), "bf16")


def misses(checked: Sequence[Checked]) -> list[dict[str, Any]]:
    """Rows that do not agree within half a point, each with a reason."""
    found = []
    for c in checked:
        if c.skipped is None and not c.agrees:
            assert c.published is not None
            assert c.predicted is not None
            reason = next((m.reason for m in load_misses().misses if m.covers(c.id)), _no_reason(checked, c))
            found.append(
                {
                    "id": c.id,
                    "published": c.published,
                    "predicted": c.predicted,
                    "points": c.predicted - c.published,
                    "reason": reason,
                }
            )
    return found


def _no_reason(checked: Sequence[Checked], miss: Checked) -> str:
    """What can be said of a miss that nobody looked into: how its siblings do."""
    siblings = [c for c in checked if c.skipped is None and c.group == miss.group and c.purpose == miss.purpose]
    good = sum(c.agrees for c in siblings)
    assert miss.error is not None
    return (
        f"{good} of {len(siblings)} rows of {miss.group} ({miss.purpose}) agree with convention {miss.convention}; "
        f"this one is {miss.error:+.1%} off: the row, its version of the counter, or its dimensions differ"
    )


def summarise(checked: Sequence[Checked]) -> dict[str, Any]:
    """Figures by source and of all rows: how many, their errors, how many agree within half a point."""
    groups: dict[str, list[Checked]] = defaultdict(list)
    for c in checked:
        groups[c.group].append(c)
    summary = {name: _of_group(members) for name, members in groups.items()}
    shares = [s["within_half_point"] / s["n"] for s in summary.values() if s["n"] >= 5]
    total = _of_group(checked)
    total["mean_share_of_sources"] = mean(shares) if shares else None
    total["n_sources"] = len(shares)
    return {"all": total, **summary}


def _of_group(members: Sequence[Checked]) -> dict[str, Any]:
    errors = sorted(abs(c.error) for c in members if c.error is not None)
    return {
        "n": len(errors),
        "n_skipped": len(members) - len(errors),
        "median_abs_error": median(errors) if errors else None,
        "p90_abs_error": errors[min(len(errors) - 1, int(0.9 * len(errors)))] if errors else None,
        "within_half_point": sum(c.agrees for c in members if c.skipped is None),
    }


def _assumptions(checked: Sequence[Checked]) -> list[str]:
    """Each rule that was used, with the number of rows that it was used for."""
    counts: dict[str, int] = defaultdict(int)
    for c in checked:
        for text in c.assumptions:
            counts[text] += 1
    return [f"{text} ({n:,} rows)" for text, n in sorted(counts.items(), key=lambda item: -item[1])]
