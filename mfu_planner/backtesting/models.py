"""The model of a published run: from its dimension columns, or from a preset of its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.architectures import Architecture
from mfu_planner.backtesting.runs import Run
from mfu_planner.backtesting.shapes import decoder, routing_of
from mfu_planner.errors import InputError
from mfu_planner.layout.calibrated import calibration

if TYPE_CHECKING:
    from mfu_planner.backtesting.sources import Rule, RunSources

_PLAIN_MLP = re.compile(r"non-gated|ungated|no gate|relu|gelu|\bgpt|\bmpt|\bopt\b|bloom|pythia|\bpalm\b|mt-nlg", re.I)
_GATED_MLP = re.compile(r"swiglu|gated|llama|mistral|qwen|internlm|olmo|yi-|phi-3|granite", re.I)


_MOST_LAYERS = 10_000


class Unusable(Exception):
    """A row that cannot be used, with the reason for the report."""


@dataclass(frozen=True, slots=True)
class RunModel:
    """A run's model and what was assumed to build it."""

    architecture: Architecture
    assumptions: tuple[str, ...] = ()


def model_of(run: Run, sources: RunSources, rule: Rule) -> RunModel:
    """The architecture of a run, as its source's rule takes it.

    Raises
    ------
    Unusable
        Neither dimensions nor a preset of that name.
    """
    if run.size("hidden") and run.size("layers"):
        return _from_dimensions(run, sources, rule)
    name = run.text("model")
    for pattern, preset_id in sources.presets.items():
        if re.search(pattern, name, re.I):
            built = _preset(preset_id, tuple(sorted(rule.overrides.items())))
            assumptions = [f"dimensions blank: preset {preset_id} by the name of the model"]
            if rule.overrides:
                assumptions.append(f"{preset_id} with {rule.overrides}, as the source's counter takes it")
            if rule.prediction and built.prediction:
                built = built.with_prediction()
                assumptions.append("multi-token prediction modules trained and counted")
            return RunModel(built, tuple(assumptions))
    try:
        return RunModel(_preset(name, ()), (f"dimensions blank: the preset named {name}",))
    except Unusable:
        raise Unusable("dimensions of the model not stated") from None


@lru_cache(maxsize=64)
def _preset(preset_id: str, overrides: tuple[tuple[str, Any], ...]) -> Architecture:
    from mfu_planner.architectures import from_config
    from mfu_planner.architectures.presets import preset

    try:
        return from_config({**preset(preset_id).config, **dict(overrides)}, origin=f"preset {preset_id}")
    except InputError as error:
        raise Unusable(f"preset {preset_id} cannot be built: {error}") from None


def _from_dimensions(run: Run, sources: RunSources, rule: Rule) -> RunModel:
    """The decoder that the dimension columns describe, with what was assumed for blank ones."""
    hidden, layers = run.size("hidden"), run.size("layers")
    assert hidden is not None
    assert layers is not None
    if layers > _MOST_LAYERS:
        raise Unusable(f"{layers:,} layers are more than any model has")
    assumed: list[str] = []
    heads, head_dim = run.size("heads"), run.size("head_dim")
    if heads is None or (head_dim is None and hidden % heads):
        heads, head_dim = 1, hidden
        assumed.append("heads blank: heads × head size = hidden")
    described = f"{run.text('arch_notes')} {run.text('model')}"
    plain = bool(_PLAIN_MLP.search(described))
    needed = stated_params(run, rule) is None
    vocab = _vocab(run, sources, rule, assumed, needed=needed)
    ffn = run.size("ffn")
    usual = int(calibration()["rules"]["blank_dimensions"]["ffn_of_hidden"]) * hidden
    if ffn is None:
        if not plain and needed:
            raise Unusable("MLP width not stated")
        ffn = usual
        assumed.append("ffn blank: 4 × hidden (GPT)")
    said_gated = bool(_GATED_MLP.search(described))
    gated = not plain and (said_gated or ffn != usual)
    if not (plain or said_gated):
        assumed.append(f"kind of MLP not stated: {'gated' if gated else 'not gated'}, from ffn ÷ hidden")
    tied = run.text("tied")
    if not tied:
        assumed.append(f"tied blank: {'not tied' if gated else 'tied'}")
    if rule.ffn_ratio is not None:
        ffn = round(hidden * Fraction(rule.ffn_ratio))
        assumed.append(f"ffn {rule.ffn_ratio} × hidden, as the source's formula takes it")
    built = decoder(
        hidden,
        layers,
        heads,
        run.size("kv_heads") or heads,
        head_dim or hidden // heads,
        ffn,
        vocab,
        tied.lower() in {"1", "true", "yes", "tied"} if tied else not gated,
        gated,
        routing_of(run, ffn),
        "MLA" in run.text("arch_notes"),
        run.size("seq_len") or 0,
    )
    return RunModel(built, tuple(assumed))


def _vocab(run: Run, sources: RunSources, rule: Rule, assumed: list[str], *, needed: bool) -> int:
    """The vocabulary: the row's, unless the source's rule knows better or the row leaves it blank."""
    stated = None if rule.vocab_wins else run.size("vocab")
    if stated is not None:
        return stated
    usual = rule.vocab or (sources.gpt_vocab if "gpt" in run.text("model").lower() else None)
    if usual is None and needed:
        raise Unusable("vocabulary not stated")
    if usual is not None:
        assumed.append(f"vocab {usual:,}: blank or rounded in the row")
    return usual or 0


def stated_params(run: Run, rule: Rule) -> int | None:
    """The N that the source divides by, where it prints one."""
    if rule.params == "built":
        return None
    number = run.number("active_params") or run.number("params")
    return None if number is None else round(number)
