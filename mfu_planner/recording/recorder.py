"""From a model's own code to an operators file: a few sizes recorded, others checked, a grade with its reasons."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from mfu_planner.architectures.operators_file import VERSION
from mfu_planner.errors import InputError
from mfu_planner.recording.attending import NAME, register
from mfu_planner.recording.blocks import NeedsBackwardError, UnevenError, blocks_of
from mfu_planner.recording.building import build, classes_of
from mfu_planner.recording.feeding import Fed, chunks_of, fed_of, idle_of, working_of
from mfu_planner.recording.fitting import Fitter
from mfu_planner.recording.inputs import BatchSizes
from mfu_planner.recording.running import Pass, attend, counted, record_pass
from mfu_planner.recording.unknown import BALANCED

_FEW = 4
"""Sizes that do for most code."""
_BACKWARD = 2
"""BatchSizes at which the backward pass is recorded too; elsewhere it is the same multiple of the forward work."""


def record(config: Mapping[str, Any], model_class: str | None = None) -> dict[str, Any]:
    """The operators file of a config, as data: see :mod:`mfu_planner.architectures.operators_file`.

    Parameters
    ----------
    config
        A Hugging Face ``config.json``.
    model_class
        The class of transformers; None: the one that the config names, or the usual one of its type.

    Raises
    ------
    InputError
        torch or transformers are not installed; a type or class that transformers does not have.
    """
    try:
        import torch
        import transformers
    except ImportError:
        accepted = "an installation with the extra: pip install 'mfu-planner[record]'"
        raise InputError("record", "no torch or transformers", accepted) from None
    register()
    warnings.simplefilter("ignore")
    torch.distributions.Distribution.set_default_validate_args(False)  # there are no values that it could check
    transformers.logging.set_verbosity_error()
    head = {
        "operators_file": VERSION,
        "model_type": str(config.get("model_type")),
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "config_sha256": hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest(),
    }
    refused: dict[str, Any] | None = None
    unbuilt: InputError | None = None
    for name in classes_of(config, model_class):
        try:
            model = build(config, name)
        except InputError as error:
            unbuilt = unbuilt or error
            continue
        try:
            return {**head, "class": name, **_recorded(model)}
        except Exception as error:  # noqa: BLE001 - a model's own code may fail in any way: that is the answer
            why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            nothing: dict[str, Any] = {"not_called": [], "assumed": [], "blocks": []}
            refused = refused or {**head, "class": name, "grade": "refused", "reasons": [why], **nothing}
    if refused is None:
        raise unbuilt or InputError("config: model_type", config.get("model_type"), "a type with a model class")
    return refused


def _recorded(model: Any) -> dict[str, Any]:
    """Grade, reasons and blocks of one model."""
    fed = fed_of(model)
    for own in (True, False):
        if own and not attend(model, NAME):
            continue
        if not own:
            attend(model, "eager")
        try:
            passes, blocks = _fitted(fed)
            reasons = check(fed, blocks)
        except Exception:
            if own:
                continue
            raise
        if not reasons or not own:
            break
    return _file(fed, passes, blocks, reasons)


def _fitted(fed: Fed) -> tuple[list[Pass], list[dict[str, Any]]]:
    """Passes at the sizes to fit, and their operators: few of both first, all where it must be."""
    passes: list[Pass] = []
    for few, back in ((_FEW, _BACKWARD), (len(fed.points), _BACKWARD), (len(fed.points), len(fed.points))):
        for n, sizes in enumerate(fed.points[:few]):
            if n == len(passes):
                passes.append(record_pass(fed.model, fed.recipe, sizes, backward=n < back))
            elif n < back and not passes[n].backward:
                passes[n] = record_pass(fed.model, fed.recipe, sizes)
        points = fed.points[: len(passes)]
        fitter = Fitter(points, fed.letters, chunks_of(fed.model.config))
        try:
            return passes, blocks_of(fed.model, passes, points, fitter)
        except (NeedsBackwardError, UnevenError) as error:
            failed = error
    raise failed


def _file(fed: Fed, passes: Sequence[Pass], blocks: list[dict[str, Any]], reasons: list[str]) -> dict[str, Any]:
    model = fed.model
    idle = idle_of(model, frozenset().union(*(run.used for run in passes)))
    assumed = sorted(frozenset().union(*(run.assumed for run in passes)))
    reasons = reasons + [f"assumed: {what}" for what in assumed if what != BALANCED]
    working = working_of(model, idle)
    if working:
        reasons.append(f"{len(working)} modules that multiply were never called: their work is not counted")
    if not passes[0].differentiable:
        reasons.append("nothing that the model returns has a gradient: no backward pass is counted")
    size = model.config.get_text_config()
    letters = fed.letters
    return {
        "grade": "approximate" if reasons else "exact",
        "reasons": reasons,
        "not_called": idle[:100],
        "assumed": assumed,
        "given": {name: f"{spec.kind} {spec.shape}" for name, spec in fed.recipe.given.items()},
        "unit": "token" if "s" in letters else "sample",
        "encoder_decoder": "t" in letters,
        "hidden": _positive(getattr(size, "hidden_size", 0)),
        "vocab": _positive(getattr(size, "vocab_size", 0), 0),
        "params": sum(p.numel() for p in model.parameters()),
        "blocks": blocks,
    }


def _positive(value: Any, least: int = 1) -> int:
    return value if isinstance(value, int) and value > least else least


def check(fed: Fed, blocks: list[dict[str, Any]]) -> list[str]:
    """Reasons why the operators are not what torch counts, at sizes that were not fitted."""
    from mfu_planner.architectures.operators_file import architecture_of
    from mfu_planner.counting import model_work

    reasons = []
    for n, sizes in enumerate(fed.checks):
        seen = counted(fed.model, fed.recipe, sizes, backward=not n)
        work = model_work(architecture_of(blocks, "recorded", 1, 0), workload(sizes))
        if (work.forward, work.forward if n else work.total) != seen:
            off = float(Fraction(int(work.forward if n else work.total), max(1, seen[1])) - 1)
            reasons.append(f"torch counts otherwise at {sizes}: off by {off:+.3%}")
    return reasons


def workload(sizes: BatchSizes) -> Any:
    """The batch of these sizes."""
    from mfu_planner.operators import Workload

    return Workload(batch=sizes.b, seq_len=sizes.s, target_seq_len=sizes.t, images=sizes.i, clips=sizes.c)
