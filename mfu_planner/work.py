"""A model's work on one batch: parameters, FLOPs, operators, every convention."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mfu_planner.architectures import Architecture
from mfu_planner.counting import conventions, model_work
from mfu_planner.errors import InputError, nearest
from mfu_planner.model import Model, choose_model
from mfu_planner.operators import Workload
from mfu_planner.results import Result
from mfu_planner.run import Derived
from mfu_planner.scenario import asked
from mfu_planner.subject import BARE_CONVENTION, choose_lengths
from mfu_planner.training import trained, workload
from mfu_planner.units import parse_whole


class FlopsResult(Result):
    """Parameters and FLOPs of a model on a batch; the operators add up to the totals."""

    model: str
    work_unit: str
    """What by_convention divides by: token or sample."""
    batch: int
    seq_len: int | None
    target_seq_len: int | None
    convention: str
    """Of ``flops`` and ``operators``: full or causal."""
    params: dict[str, int]
    """total, embedding, active."""
    flops: dict[str, int]
    """forward, backward, total."""
    by_convention: dict[str, float | None]
    """Training FLOP per work unit."""
    not_applicable: dict[str, str]
    """Why a convention has no value for this model."""
    operators: tuple[dict[str, Any], ...]


def flops(*, batch: Any = 1, convention: str | None = None, **given: Any) -> FlopsResult:
    """Count a model's work.

    Parameters
    ----------
    batch : sequences; packed documents say it themselves.
    convention : ``full`` (default) or ``causal`` for the counts; any other name, or ``all``, counts ``full`` and
        stands in ``by_convention``.
    given : model, config, params, active_params, seq_len, target_seq_len, image_size, images, packed, lora_rank,
        lora_targets, freeze, explain.

    Raises
    ------
    InputError
        Something given cannot be used.

    Examples
    --------
    >>> from mfu_planner import flops
    >>> flops(model="gpt2", seq_len=128).flops["forward"]
    32228179968
    """
    s = asked("flops", given)
    sequences = parse_whole(batch, "count", field="batch")
    model = trained(
        choose_model(
            model=s.model, config=s.config, params=s.params, active_params=s.active_params, image_size=s.image_size
        ),
        s,
    )
    if convention not in (None, "all"):
        conventions.convention(convention)
    if model.architecture is None:
        return _bare(model, sequences, s.seq_len, convention, s.given())
    warnings = list(model.notes)
    sources: dict[str, str] = {}
    seq_len, target = choose_lengths(s, model, "full", warnings, sources)
    every = workload(s, seq_len, target, batch=sequences)
    work = every.allowed() if convention == "causal" else every
    counted = model_work(model.architecture, work)
    per_unit = conventions.by_convention(model.architecture, every)
    return FlopsResult(
        inputs={**s.given(), "batch": sequences},
        model=model.id or model.name,
        work_unit=model.work_unit,
        batch=every.batch,
        seq_len=seq_len,
        target_seq_len=target,
        convention="causal" if convention == "causal" else "full",
        params={"total": model.params, "embedding": model.architecture.embedding_params, "active": model.active_params},
        flops={"forward": counted.forward, "backward": counted.backward, "total": counted.total},
        by_convention={n: None if v is None else float(v) for n, v in per_unit.items()},
        not_applicable={
            n: conventions.why_not(conventions.convention(n), model.architecture) or ""
            for n, v in per_unit.items()
            if v is None
        },
        operators=tuple(asdict(o) for o in counted.operators),
        warnings=tuple(warnings),
        steps=_steps(convention, model.architecture, every) if s.explain else (),
        sources={"config": model.source, **sources},
    )


def _steps(name: str | None, architecture: Architecture, work: Workload) -> tuple[Derived, ...]:
    chosen = "full" if name in (None, "all") else conventions.convention(name).name
    return conventions.explain(chosen, architecture, work)


def _bare(model: Model, batch: int, seq_len: int | None, convention: str | None, inputs: dict[str, Any]) -> FlopsResult:
    if convention not in (None, "all", BARE_CONVENTION):
        raise InputError(
            "convention", convention, f"{BARE_CONVENTION} with --params", nearest(convention, [BARE_CONVENTION])
        )
    tokens = batch * (seq_len or 1)
    n = model.active_params
    return FlopsResult(
        inputs={**inputs, "batch": batch},
        model=model.name,
        work_unit="token",
        batch=batch,
        seq_len=seq_len,
        target_seq_len=None,
        convention=BARE_CONVENTION,
        params={"total": model.params, "embedding": 0, "active": n},
        flops={"forward": 2 * n * tokens, "backward": 4 * n * tokens, "total": 6 * n * tokens},
        by_convention={BARE_CONVENTION: float(6 * n)},
        not_applicable={},
        operators=(),
        warnings=(
            "a bare number of parameters: 6 FLOP per active parameter and token, no attention",
            *(() if seq_len else ("FLOPs of one token: --seq-len counts a sequence",)),
        ),
        sources={BARE_CONVENTION: conventions.convention(BARE_CONVENTION).title},
    )
