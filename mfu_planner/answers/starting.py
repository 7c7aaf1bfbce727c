"""Where to begin with a model and hardware of which nothing else is known: a run, and a layout of it that fits."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from mfu_planner.answers.suggest import typical_mfu
from mfu_planner.errors import NoAnswer, PlannerError
from mfu_planner.questions.device_count import node_size
from mfu_planner.questions.question import fields_of
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.questions.subject import resolve_subject
from mfu_planner.run import solve
from mfu_planner.run.frozen import Frozen
from mfu_planner.run.scaling import compute_optimal_tokens
from mfu_planner.units import DAY

TYPICAL_MFU = 0.4
"""Where fewer than three similar runs are on file."""
PATIENCE_S = 30 * DAY
"""A run that is proposed takes no longer."""
STEP_TOKENS = 4e6
"""Tokens of a step: Llama 3 began with 4M (Grattafiori et al. 2024, arXiv:2407.21783, section 3.4.1)."""
LONG = 32_768
"""Tokens up to which a sequence stays whole in a proposal."""
STEP_SAMPLES, SAMPLES = 4096, 384e6
"""Images of a step and of a run: 300 passes over ImageNet (Dosovitskiy et al. 2020, arXiv:2010.11929, table 3)."""

_TRIED = 20
"""Layouts of a search, the best first, among which one must fit."""


class Start(Frozen):
    """A proposal: round numbers, nobody's recommendation."""

    tokens: float
    """Or samples: compute-optimal for the model, to two digits."""
    devices: int
    """Whole nodes, doubled until the run takes a month."""
    mfu: float
    """Typical of similar published runs."""
    global_batch: int | None
    """Sequences, a power of two; null where no length is known."""
    seq_len: int | None = None
    tokens_per_second_per_device: float
    """At that MFU, to two digits."""
    layout: dict[str, Any] = Field(default_factory=dict)
    """The best usual layout that fits, by the names of its flags; empty where none does."""


def starting_point(*, laid_out: bool = False, **given: Any) -> Start:
    """A run to begin with, out of a model and hardware; what is given stays as it is.

    Parameters
    ----------
    laid_out : whether to search for a layout too.
    given : arguments of ``plan``: a model, hardware, and devices or a batch where they are known.

    Raises
    ------
    InputError
        The model or the hardware cannot be used.
    """
    s = PlanQuestion.of({k: v for k, v in given.items() if k not in ("tokens", "mfu")})
    subject = resolve_subject(s)
    model = subject.model
    assert model is not None
    samples = model.work_unit != "token"
    tokens = SAMPLES if samples else _round(compute_optimal_tokens(model.active_params).tokens)
    try:
        mfu = round(typical_mfu(**s.given()).typical, 2)
    except PlannerError:
        mfu = TYPICAL_MFU
    per_step = STEP_SAMPLES if samples else STEP_TOKENS / (subject.seq_len or math.inf)
    node = node_size(s, subject.accelerator) or 1
    assert subject.flops_per_token is not None
    alone = {
        "flops_per_token": float(subject.flops_per_token), "tokens": tokens, "mfu": mfu, "devices": float(node),
        "peak_flops_per_s": subject.peak_flops_per_s, "goodput": 1.0,
    }  # fmt: skip
    run = solve(alone)
    months = run["training_time_s"] / PATIENCE_S
    start = Start(
        tokens=tokens,
        devices=subject.devices or node * 2 ** max(0, math.ceil(math.log2(months))),
        mfu=mfu,
        global_batch=s.global_batch or (2 ** max(0, round(math.log2(per_step))) if per_step else None),
        seq_len=subject.seq_len,
        tokens_per_second_per_device=_round(run["tokens_per_s_per_device"]),
    )
    return _with_layout(start, s) if laid_out else start


def _with_layout(start: Start, s: PlanQuestion) -> Start:
    from mfu_planner import search
    from mfu_planner.questions.layouts import PredictQuestion

    known = [n for n in fields_of(PredictQuestion) if s.says(n) and n not in ("convention", "explain", "devices")]
    asked = {n: getattr(s, n) for n in known} | {"devices": start.devices, "global_batch": start.global_batch}
    if start.seq_len is not None and start.seq_len <= LONG:
        asked["cp"] = 1
    try:
        rows = search(**asked, space="usual", top=_TRIED).layouts
    except NoAnswer:
        return start
    flags = ("tp", "pp", "vpp", "cp", "ep", "dp", "micro_batch", "zero", "recompute")
    layouts = [{n: row[n] for n in flags} for row in rows]
    return start.model_copy(update={"layout": next((each for each in layouts if _fits(asked | each)), layouts[0])})


def _fits(asked: dict[str, Any]) -> bool:
    """Whether a layout fits as it is predicted: its software follows from its flags, which a search holds fixed."""
    from mfu_planner.answers.predict import predict

    try:
        return bool(predict(**asked)["memory"]["fits"])
    except PlannerError:
        return False


def _round(value: float) -> float:
    """To two digits."""
    return float(f"{value:.1e}")
