"""The model of a published run: from its dimension columns, or from a preset of its name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import (
    embedding,
    gated_mlp,
    head,
    norm,
    plain_mlp,
    positions,
    residual,
    self_attention,
)
from mfu_planner.backtest.runs import Run
from mfu_planner.errors import InputError
from mfu_planner.operators import CAUSAL, MatMul, Operator, Role, Split

if TYPE_CHECKING:
    from mfu_planner.backtest.sources import Rule, RunSources

_PLAIN_MLP = re.compile(r"non-gated|ungated|no gate|relu|gelu|\bgpt|\bmpt|\bopt\b|bloom|pythia|\bpalm\b|mt-nlg", re.I)
_GATED_MLP = re.compile(r"swiglu|gated|llama|mistral|qwen|internlm|olmo|yi-|phi-3|granite", re.I)
_MIXTURE = re.compile(r"top[- ]?(\d+)\s*(?:of|/)\s*(\d+)|(\d+)\s*experts?,?\s*top[- ]?(\d+)", re.I)


class Unusable(Exception):
    """A row that cannot be used, with the reason for the report."""


@dataclass(frozen=True, slots=True)
class RunModel:
    """A run's model and what was assumed to build it."""

    architecture: Architecture
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The sizes of a decoder, as the columns of a run state them."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    tied: bool
    gated: bool
    position_table: int = 0
    experts: int = 0
    active_experts: int = 0


def model_of(run: Run, sources: RunSources, rule: Rule) -> RunModel:
    """The architecture of a run, as its source's rule takes it.

    Raises
    ------
    Unusable
        Neither dimensions nor a preset of that name.
    """
    if run.size("hidden") and run.size("layers"):
        fallback = rule.vocab or (sources.gpt_vocab if "gpt" in run.text("model").lower() else None)
        stated = rule.params == "stated" and bool(run.number("params") or run.number("active_params"))
        dims, assumptions = _dimensions(run, fallback, vocab_wins=rule.vocab_wins, stated=stated)
        if rule.ffn_ratio is not None:
            dims = replace(dims, ffn=round(dims.hidden * Fraction(rule.ffn_ratio)))
            assumptions.append(f"ffn {rule.ffn_ratio} × hidden, as the source's formula takes it")
        return RunModel(decoder(dims), tuple(assumptions))
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


def _dimensions(run: Run, vocab: int | None, *, vocab_wins: bool, stated: bool) -> tuple[Dimensions, list[str]]:
    """The dimension columns, with what was assumed for blank ones (``stated``: N is given, widths only shape it)."""
    hidden, layers = run.size("hidden"), run.size("layers")
    assert hidden is not None
    assert layers is not None
    assumed: list[str] = []
    heads, head_dim = run.size("heads"), run.size("head_dim")
    if heads is None or (head_dim is None and hidden % heads):
        heads, head_dim = 1, hidden
        assumed.append("heads blank: heads × head size = hidden")
    stated_vocab = None if vocab_wins else run.size("vocab")
    if stated_vocab is None and vocab is None and not stated:
        raise Unusable("vocabulary not stated")
    if stated_vocab is None and vocab is not None:
        assumed.append(f"vocab {vocab:,}: blank or rounded in the row")
    described = f"{run.text('arch_notes')} {run.text('model')}"
    mixture = _MIXTURE.search(run.text("arch_notes"))
    active, experts = _expert_counts(mixture)
    plain, gated = bool(_PLAIN_MLP.search(described)), bool(_GATED_MLP.search(described))
    ffn = run.size("ffn")
    if ffn is None:
        if not plain and not stated:
            raise Unusable("MLP width not stated")
        ffn = 4 * hidden
        assumed.append("ffn blank: 4 × hidden (GPT)")
    is_gated = (gated and not plain) or (not plain and ffn != 4 * hidden)
    if not (plain or gated):
        assumed.append(f"kind of MLP not stated: {'gated' if is_gated else 'not gated'}, from ffn ÷ hidden")
    tied = run.text("tied")
    if not tied:
        assumed.append(f"tied blank: {'tied' if not is_gated else 'not tied'}")
    dims = Dimensions(
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=run.size("kv_heads") or heads,
        head_dim=head_dim or hidden // heads,
        ffn=ffn,
        vocab=stated_vocab or vocab or 0,
        tied=tied.lower() in {"1", "true", "yes", "tied"} if tied else not is_gated,
        gated=is_gated,
        position_table=0 if is_gated else run.size("seq_len") or 0,
        experts=experts,
        active_experts=active,
    )
    return dims, assumed


def _expert_counts(found: re.Match[str] | None) -> tuple[int, int]:
    """(active, all) experts that a note states; zeros for a dense model."""
    if found is None:
        return 0, 0
    active_a, all_a, all_b, active_b = found.groups()
    return int(active_a or active_b), int(all_a or all_b)


@lru_cache(maxsize=512)
def decoder(d: Dimensions) -> Architecture:
    """A decoder of those sizes: rotary positions and RMS norms where gated, learned positions and biases where not."""
    bias = not d.gated
    mlp = _mixture(d) if d.experts else _mlp(d, Role.MLP)
    layer = (
        norm("input_norm", d.hidden, bias=bias),
        *self_attention(
            hidden=d.hidden,
            heads=d.heads,
            kv_heads=d.kv_heads,
            head_dim=d.head_dim,
            mask=CAUSAL,
            qkv_bias=bias,
            out_bias=bias,
            rotary=d.gated,
        ),
        residual("attention_residual", d.hidden),
        norm("post_attention_norm", d.hidden, bias=bias),
        *mlp,
        residual("mlp_residual", d.hidden),
    )
    table = (positions(d.position_table, d.hidden),) if d.position_table else ()
    return Architecture(
        name="decoder",
        hidden=d.hidden,
        vocab=d.vocab,
        blocks=(
            Block("embedding", (embedding(d.vocab, d.hidden), *table)),
            Block("layer", layer, layer_numbers(d.layers)),
            Block("output", (norm("final_norm", d.hidden, bias=bias), *head(d.hidden, d.vocab, tied=d.tied))),
        ),
    )


def _mlp(d: Dimensions, role: Role) -> tuple[Operator, ...]:
    if d.gated:
        return gated_mlp(d.hidden, d.ffn, role=role)
    return plain_mlp(d.hidden, d.ffn, role=role)


def _mixture(d: Dimensions) -> tuple[Operator, ...]:
    """A router and a set of experts of one MLP each."""
    router = MatMul(name="router", inputs=d.hidden, outputs=d.experts, role=Role.ROUTER, reads="mlp_input")

    def expert(op: Operator) -> Operator:
        if not isinstance(op, MatMul):
            return op
        return MatMul(
            name=op.name,
            inputs=op.inputs,
            outputs=op.outputs,
            bias=op.bias,
            copies=d.experts,
            active=d.active_experts,
            role=Role.EXPERT,
            split=Split.EXPERT,
            reads=op.reads,
        )

    return (router, *(expert(op) for op in _mlp(d, Role.EXPERT)))
