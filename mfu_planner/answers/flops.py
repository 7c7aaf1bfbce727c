"""A model's work on one batch: parameters, FLOPs, operators, every convention."""

from __future__ import annotations

from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

from pydantic import Field, PrivateAttr

from mfu_planner.answers.results import Result
from mfu_planner.counting import conventions, model_work
from mfu_planner.counting.formulas import Formula, number
from mfu_planner.errors import InputError, nearest
from mfu_planner.numeric import is_symbolic
from mfu_planner.questions.lettered import Lettered
from mfu_planner.questions.model import Model, model_of
from mfu_planner.questions.runs import FlopsQuestion
from mfu_planner.questions.subject import BARE_CONVENTION, choose_lengths
from mfu_planner.questions.training import trained, workload

_STAND_IN = 4096
"""What is checked in place of a length that is a symbol."""


class FlopsResult(Result):
    """Parameters and FLOPs of a model on a batch; the operators add up to the totals."""

    model: str
    work_unit: str
    """What by_convention divides by: token or sample."""
    batch: int | None
    """Sequences.  Where a length is a symbol it is null, and so is every figure that it enters: see ``formula``."""
    seq_len: int | None
    target_seq_len: int | None
    convention: str
    """Of ``flops``; operators are counted exactly, under ``full`` or ``causal``."""
    params: dict[str, int]
    """total, embedding, active."""
    flops: dict[str, int | float | None]
    """forward, backward, total: training work under the convention, which may not part forward and backward (null)."""
    by_convention: dict[str, float | None]
    """Training FLOP per work unit."""
    not_applicable: dict[str, str]
    """Why a convention has no value for this model."""
    operators: tuple[dict[str, Any], ...]
    formulas: dict[str, Formula] = Field(default_factory=dict)
    """Under ``symbolic``: params, forward, training_per_token, each convention and each operator group."""
    _question: Any = PrivateAttr(default=None)

    def formula(self, name: str) -> Any:
        """One of the formulas as a sympy expression, its letters positive symbols.

        Parameters
        ----------
        name : ``params``, ``active_params``, ``forward``, ``backward``, ``training``, ``training_per_token`` (per work
            unit), a convention, or an operator group (``attention``, ``mlp``, ``expert``, ``head``, …).

        Raises
        ------
        InputError
            No such formula, or a bare number of parameters, which has none.

        Examples
        --------
        >>> from mfu_planner import flops
        >>> flops(model="gpt2", seq_len=128).formula("training_per_token")
        72*L*d**2 + 12*L*d*s + 6*V*d
        """
        from mfu_planner.numeric.formula import sympy_of
        from mfu_planner.numeric.paper import paper

        found = {} if self._question is None else self._question.all()
        if name not in found:
            accepted = f"one of {', '.join(found)}" if found else "a --model or --config: a bare number has no formula"
            raise InputError("formula", name, accepted, nearest(name, found))
        return sympy_of(paper(found[name]))


def _held(value: Any) -> Any:
    """A count as an answer holds it: exact where it is a number, nothing where it is an expression."""
    if is_symbolic(value):
        return None
    return number(value) if isinstance(value, int | Fraction) and not isinstance(value, bool) else value


def flops(*, batch: Any = 1, convention: str | None = None, symbolic: bool = False, **given: Any) -> FlopsResult:
    """Count a model's work.

    Parameters
    ----------
    batch : sequences; packed documents say it themselves.
    convention : what ``flops`` counts (default, and ``all``: ``full``, or ``causal`` for a model with windows); every
        other stands in ``by_convention``.
    symbolic : also derive the formulas in the field's letters.
    given : model, config, params, active_params, seq_len, target_seq_len, image_size, images, clips, packed, lora_rank,
        lora_targets, freeze, explain.  Lengths and batch may be sympy symbols.

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
    symbols = {name: v for name, v in {**given, "batch": batch}.items() if is_symbolic(v)}
    s = FlopsQuestion.of({**given, "batch": batch} | dict.fromkeys(symbols, _STAND_IN))
    sequences = s.batch
    model = trained(model_of(s), s)
    default = "full" if model.architecture is None else conventions.default_convention(model.architecture)
    chosen = conventions.convention(default if convention is None or str(convention) == "all" else str(convention))
    if model.architecture is None:
        return _bare(model, sequences, s.seq_len, convention, s.given())
    warnings = list(model.notes)
    if convention is None and default != "full":
        why = conventions.why_default(default)
        warnings.append(f"work counted by the {default} convention, {why}; --convention changes it")
    sources: dict[str, str] = {}
    seq_len, target = choose_lengths(s.seq_len, s.target_seq_len, model, "full", warnings, sources)
    work = replace(workload(s, seq_len, target, batch=sequences), **symbols)
    warnings += [f"{name} is the symbol {v}: formula(name) has it, figures are null" for name, v in symbols.items()]
    question = Lettered(s, work, chosen)
    counted = model_work(model.architecture, work.allowed() if chosen.name == "causal" else work)
    per_unit = conventions.by_convention(model.architecture, work)
    totals = {"forward": counted.forward, "backward": counted.backward, "total": counted.total}
    if not chosen.exact:
        if reason := conventions.why_not(chosen, model.architecture):
            raise InputError("convention", chosen.name, f"full or causal for {model.name}: {reason}")
        training = conventions.batch_flops(chosen, model.architecture, work)
        totals = {"forward": None, "backward": None, "total": training}
        warnings.append(f"operators are counted by full; {chosen.name} does not part forward and backward")
    result = FlopsResult(
        inputs={**s.given(), "batch": sequences, **{name: str(v) for name, v in symbols.items()}},
        model=model.id or model.name,
        work_unit=model.work_unit,
        batch=_held(work.batch),
        seq_len=_held(symbols.get("seq_len", seq_len)),
        target_seq_len=_held(symbols.get("target_seq_len", target)),
        convention=chosen.name,
        params={"total": model.params, "embedding": model.architecture.embedding_params, "active": model.active_params},
        flops={name: _held(v) for name, v in totals.items()},
        by_convention={n: None if v is None or is_symbolic(v) else float(v) for n, v in per_unit.items()},
        not_applicable={
            n: conventions.why_not(conventions.convention(n), model.architecture) or ""
            for n, v in per_unit.items()
            if v is None
        },
        operators=tuple({k: _held(v) for k, v in asdict(o).items()} for o in counted.operators),
        formulas=question.shown() if symbolic else {},
        warnings=tuple(warnings),
        steps=question.steps() if s.explain else (),
        sources={"config": model.source, **sources},
    )
    result._question = question
    return result


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
