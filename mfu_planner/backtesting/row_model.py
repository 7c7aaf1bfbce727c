"""The model of a published run, as the config.json that a user would ask with: from its columns, or a preset's.

One reader for every kind of back-test.  What a source's own counter takes otherwise (another width, another head
size, prediction modules counted) is put on top of it by :func:`counted_model`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.runs import RunRow, Unusable
from mfu_planner.backtesting.sources import RunSources, SourceRule, load_sources, rule_of
from mfu_planner.errors import InputError
from mfu_planner.machine.calibrated import calibration
from mfu_planner.questions.model import Model, choose_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfu_planner.architectures import Architecture

_PLAIN = re.compile(r"ungated|no gate|relu|gelu|\bgpt|\bmpt|\bopt\b|bloom|pythia|\bpalm\b|mt-nlg|nemotron", re.I)
_GATED = re.compile(
    r"gated mlp|swiglu|(?<!non-)gated|llama|mistral|qwen|internlm|gemma|nanotron|olmo|yi-|phi-3|granite", re.I
)
_TIED = frozenset({"1", "true", "yes", "tied"})
_VOCABULARIES = (1e4, 3e5)
"""Vocabularies that stated parameters may imply."""
_MOST_LAYERS = 4096
"""No decoder is deeper."""
_ENCODER = re.compile(r"\bbert\b|roberta|\bencoder\b(?!.{0,3}decoder)", re.I)
_WINDOW = re.compile(r"sliding window of (at most )?([\d,]+)", re.I)
"""How notes state the pairs that attention leaves out."""
_LAYER = "layer_microbench"
"""Kind of a row that times a single layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowModel:
    """A run's model: the question's ``--model`` or ``--config``, what it builds, what was assumed."""

    model: Model
    config: Mapping[str, Any]
    preset: str = ""
    """Its id, where the config is a preset's as it stands."""
    assumptions: tuple[str, ...] = ()
    guessed: frozenset[str] = frozenset()
    """``ffn`` or ``vocab``, where neither the row nor its source states it."""
    image_size: int | None = None
    """Side of the images in pixels, where the row says so and the model sees nothing else."""

    @property
    def architecture(self) -> Architecture:
        """What it builds."""
        assert self.model.architecture is not None
        return self.model.architecture

    @property
    def flags(self) -> dict[str, Any]:
        """How a question names it."""
        named = {"model": self.preset} if self.preset else {"config": dict(self.config)}
        return {**named, **({"image_size": self.image_size} if self.image_size else {})}


@dataclass(frozen=True, slots=True)
class Routing:
    """A mixture of experts as the notes describe it."""

    experts: int
    chosen: int
    width: int
    shared: int = 0
    dense_layers: int = 0


def model_of(run: RunRow, sources: RunSources | None = None) -> RowModel:
    """The model of a row: its columns; the preset of its name where no size is stated, or where ffn or vocab is blank
    and the preset has the stated hidden size and layers.

    Raises
    ------
    Unusable
        Neither sizes nor a preset of that name, or a benchmark of a single layer.
    """
    known = sources or load_sources()
    if run.text("kind") == _LAYER:
        raise Unusable("a benchmark of a single layer: no command asks for less than a model")
    hidden, layers = run.size("hidden"), run.size("layers")
    if not hidden or not layers:
        found = _named(run, known)
        if found is None:
            raise Unusable("dimensions of the model not stated")
        return _pictured(found, run)
    if layers > _MOST_LAYERS:
        raise Unusable(f"{layers:,} layers are more than any model has")
    if run.size("ffn") and run.size("vocab"):
        return _from_columns(run, known, hidden, layers)
    named = _named(run, known)
    if named is None or (named.architecture.hidden, named.architecture.layers) != (hidden, layers):
        return _from_columns(run, known, hidden, layers)
    vocab = run.size("vocab") or _fact(run, known).vocab
    if vocab is None or vocab == named.architecture.vocab:
        return named
    return _built(
        {**named.config, "vocab_size": vocab}, assumptions=(*named.assumptions, f"vocab {vocab:,}, as the source says")
    )


def _pictured(model: RowModel, run: RunRow) -> RowModel:
    """A model of images at the size that the row names, such as ``image 384 px``."""
    said = re.search(r"image (\d+) ?px", run.text("arch_notes"))
    if said is None or model.architecture.has_text:
        return model
    side = int(said.group(1))
    chosen = choose_model(**({"model": model.preset} if model.preset else {"config": model.config}), image_size=side)
    return replace(model, model=chosen, image_size=side)


def counted_model(run: RunRow, sources: RunSources, rule: SourceRule) -> RowModel:
    """The model of a row as its source's counter takes it.

    Raises
    ------
    Unusable
        As :func:`model_of`, or a size that the figure depends on is not stated.
    """
    model = model_of(run, sources)
    if stated_params(run, rule) is None:
        for column, words in (("vocab", "vocabulary"), ("ffn", "MLP width")):
            if column in model.guessed:
                raise Unusable(f"{words} not stated")
    if model.preset and rule.overrides:
        said = f"{model.preset} with {rule.overrides}, as the source's counter takes it"
        model = _built({**model.config, **rule.overrides}, assumptions=(*model.assumptions, said))
    elif rule.ffn_ratio is not None:
        key = "n_inner" if "n_inner" in model.config else "intermediate_size"
        said = f"ffn {rule.ffn_ratio} × hidden, as the source's formula takes it"
        width = round(model.architecture.hidden * Fraction(rule.ffn_ratio))
        model = _built({**model.config, key: width}, assumptions=(*model.assumptions, said))
    if rule.prediction and model.architecture.prediction:
        said = "multi-token prediction modules trained and counted"
        more = replace(model.model, architecture=model.architecture.with_prediction())
        return replace(model, model=more, assumptions=(*model.assumptions, said))
    return model


def stated_params(run: RunRow, rule: SourceRule) -> int | None:
    """The N that the source divides by, where it prints one."""
    if rule.params == "built":
        return None
    number = run.number("active_params") or run.number("params")
    return None if number is None else round(number)


def _fact(run: RunRow, sources: RunSources) -> SourceRule:
    """What the row's source says of its models."""
    rule, _ = rule_of(run, sources)
    return rule or SourceRule(convention=None, why="")


def _named(run: RunRow, sources: RunSources) -> RowModel | None:
    """The preset that a row's name means; None where there is none."""
    name = run.text("model")
    pattern = next((p for p in sources.presets if re.search(p, name, re.I)), None)
    return _preset(sources.presets[pattern] if pattern else name)


@lru_cache(maxsize=512)
def _preset(name: str) -> RowModel | None:
    from mfu_planner.architectures.presets import preset

    try:
        found = preset(name)
        said = f"dimensions blank: preset {found.id} by the name of the model"
        return replace(_built(found.config, assumptions=(said,)), preset=found.id)
    except (InputError, Unusable):
        return None


def _built(
    config: Mapping[str, Any], assumptions: tuple[str, ...] = (), guessed: frozenset[str] = frozenset()
) -> RowModel:
    try:
        model = choose_model(config=config)
    except InputError as error:
        raise Unusable(f"model cannot be built: {error}") from None
    return RowModel(model=model, config=config, assumptions=assumptions, guessed=guessed)


def routing_of(run: RunRow, ffn: int) -> Routing | None:
    """Experts from notes such as ``top-8 of 128`` or ``160 experts top-6, 1 dense layer, expert ffn 1536,
    shared 3072``."""
    notes = run.text("arch_notes")

    def find(pattern: str, default: int) -> int:
        found = re.search(pattern, notes)
        return int(found.group(1)) if found else default

    if found := re.search(r"top-(\d+) of (\d+)", notes):
        experts, chosen = int(found.group(2)), int(found.group(1))
    elif found := re.search(r"(\d+) experts top-(\d+)", notes):
        experts, chosen = int(found.group(1)), int(found.group(2))
    else:
        return None
    return Routing(
        experts, chosen, find(r"expert ffn (\d+)", ffn), find(r"shared (\d+)", 0), find(r"(\d+) dense layer", 0)
    )


def _from_columns(run: RunRow, sources: RunSources, hidden: int, layers: int) -> RowModel:
    """The decoder that the columns describe; for blank ones see :data:`mfu_planner.backtesting.rules.RULES`."""
    assumed: list[str] = []
    blank, fact = calibration()["rules"]["blank_dimensions"], _fact(run, sources)
    heads, head_dim = run.size("heads"), run.size("head_dim")
    if heads is None or (head_dim is None and hidden % heads):
        heads = heads or max(1, hidden // int(blank["head_dim"]))
        head_dim = round(hidden / heads)
        assumed.append(f"heads blank: {heads} of {head_dim}")
    head_dim, kv_heads = head_dim or hidden // heads, run.size("kv_heads") or heads
    words = f"{run.text('arch_notes')} {run.text('model')}"
    plain = "non-gated" in words.lower() or (not _GATED.search(words) and _PLAIN.search(words) is not None)
    said_gated = not plain and _GATED.search(words) is not None
    guessed: set[str] = set()

    vocab, ffn = None if fact.vocab_wins else run.size("vocab"), run.size("ffn")
    if vocab is None and (vocab := fact.vocab or (sources.gpt_vocab if "gpt" in words.lower() else None)):
        assumed.append(f"vocab {vocab:,}: blank or rounded in the row")
    usual_vocab, usual = int(blank["vocab"]), int(blank["ffn_of_hidden"]) * hidden
    attention = 2 * hidden * head_dim * (heads + kv_heads)
    tables = 1 if run.text("tied").lower() in _TIED else 2
    if ffn is None and plain:
        ffn = usual
        assumed.append("ffn blank: 4 × hidden (GPT)")
    elif ffn is None:
        rest = ((_stated(run) or 0) - (vocab or usual_vocab) * hidden * tables) / layers - attention
        ffn = _width(rest, hidden, products=(3,) if said_gated else (3, 2))
        assumed.append(f"ffn blank: {ffn or usual:,}")
        guessed.add("ffn")
        ffn = ffn or usual
    routing = routing_of(run, ffn)

    def size(products: int) -> int:
        return layers * (attention + products * hidden * ffn) + (vocab or usual_vocab) * hidden * tables

    gated = routing is not None or said_gated or (not plain and _has_gate(run, size, ffn != usual))
    if not (plain or said_gated or routing):
        assumed.append(f"kind of MLP not stated: {'gated' if gated else 'not gated'}")
    tied = run.text("tied").lower() in _TIED if run.text("tied") else not gated
    if not run.text("tied"):
        assumed.append(f"tied blank: {'tied' if tied else 'not tied'}")
    if vocab is None:
        params = run.number("params")
        left = (
            0.0 if params is None or routing else (params - size(3 if gated else 2)) / (hidden * tables) + usual_vocab
        )
        implied = _VOCABULARIES[0] <= left <= _VOCABULARIES[1]
        guessed.add("vocab")
        vocab = round(left) if implied else usual_vocab
        assumed.append(f"vocab blank: {vocab:,}")
    sizes = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "intermediate_size": ffn,
        "vocab_size": vocab,
        "tie_word_embeddings": tied,
    }
    if _ENCODER.search(words) and routing is None:
        masked = None if run.purpose != "pretraining" else round(blank["masked_share"] * (run.number("seq_len") or 0))
        return _built(_encoder(sizes, masked), tuple(assumed), frozenset(guessed))
    window = next(
        (int(n.replace(",", "")) // (2 if most else 1) for most, n in _WINDOW.findall(run.text("notes"))), None
    )
    latent = "MLA" in run.text("arch_notes")
    config = _config(sizes, run.size("seq_len"), routing, gated=gated, latent=latent, window=window)
    return _built(config, tuple(assumed), frozenset(guessed))


def _stated(run: RunRow) -> float | None:
    """Parameters that the row states, or its name does."""
    named = re.search(r"(?<![\d.])(\d+(?:\.\d+)?)\s?([bm])\b", run.text("model").lower())
    params = run.number("params")
    if params is None and named:
        return float(named.group(1)) * (1e9 if named.group(2) == "b" else 1e6)
    return params


def _width(rest: float, hidden: int, products: tuple[int, ...]) -> int | None:
    """The MLP width for which so many products take ``rest`` parameters, where 1 to 8 hidden sizes."""
    for count in products:
        width = round(rest / (count * hidden * 64)) * 64
        if hidden <= width <= 8 * hidden:
            return width
    return None


def _has_gate(run: RunRow, size: Callable[[int], int], unusual: bool) -> bool:
    """Whether three products come nearer to the stated parameters than two; where none are stated, by the width."""
    params = run.number("params")
    if params is None:
        return unusual
    return abs(size(3) - params) < abs(size(2) - params)


def _encoder(sizes: dict[str, Any], masked: int | None) -> dict[str, Any]:
    """The config of a bidirectional encoder: pre-training heads that see the masked positions of a sequence, as the
    benchmarks' code gathers them, or without those what SQuAD puts on top."""
    usual = {"max_position_embeddings": 512, "type_vocab_size": 2, "tie_word_embeddings": True}
    kept = {name: sizes[name] for name in sizes if name not in ("num_key_value_heads", "head_dim")}
    if masked is None:
        return {"model_type": "bert", "architectures": ["BertForQuestionAnswering"], **kept, **usual}
    head = {"architectures": ["BertForPreTraining"], "max_predictions_per_seq": masked}
    return {"model_type": "bert", **head, **kept, **usual}


def _config(
    sizes: dict[str, Any],
    seq_len: int | None,
    routing: Routing | None,
    *,
    gated: bool,
    latent: bool,
    window: int | None = None,
) -> dict[str, Any]:
    """The config of a published type that has these sizes."""
    if latent:
        size, layers = calibration()["rules"]["latent_attention"], sizes["num_hidden_layers"]
        ranks = {"q_lora_rank": size["q_rank"], "kv_lora_rank": size["kv_rank"], "v_head_dim": size["v_dim"]}
        heads = {"qk_nope_head_dim": size["nope_dim"], "qk_rope_head_dim": size["rope_dim"], "head_dim": None}
        return {
            "model_type": "deepseek_v3",
            **sizes,
            **ranks,
            **heads,
            **(_experts(routing) if routing else {"first_k_dense_replace": layers}),
            "num_nextn_predict_layers": 0,
        }
    if routing is not None and (routing.shared or routing.dense_layers):
        return {"model_type": "glm4_moe", **sizes, **_experts(routing), "num_nextn_predict_layers": 0}
    if routing is not None:
        experts = {"num_local_experts": routing.experts, "num_experts_per_tok": routing.chosen}
        wide = {"intermediate_size": routing.width, "sliding_window": window}
        return {"model_type": "mixtral", **sizes, **experts, **wide}
    if window:
        return {"model_type": "mistral" if gated else "starcoder2", **sizes, "sliding_window": window}
    if gated:
        return {"model_type": "llama", **sizes}
    hidden, heads = sizes["hidden_size"], sizes["num_attention_heads"]
    if seq_len is None or sizes["num_key_value_heads"] != heads or heads * sizes["head_dim"] != hidden:
        return {"model_type": "nemotron", **sizes, "attention_bias": True, "mlp_bias": True}
    return {
        "model_type": "gpt2",
        "n_embd": hidden,
        "n_layer": sizes["num_hidden_layers"],
        "n_head": heads,
        "n_inner": sizes["intermediate_size"],
        "vocab_size": sizes["vocab_size"],
        "n_positions": seq_len,
        "tie_word_embeddings": sizes["tie_word_embeddings"],
    }


def _experts(routing: Routing) -> dict[str, Any]:
    return {
        "n_routed_experts": routing.experts,
        "num_experts_per_tok": routing.chosen,
        "moe_intermediate_size": routing.width,
        "n_shared_experts": routing.shared // routing.width,
        "first_k_dense_replace": routing.dense_layers,
    }
