"""Which operators a user's words choose: parts, blocks, layers, operators to freeze; linear layers to adapt.

References
----------
.. [1] peft, ``check_target_module_exists``: a target is the end of a module's path, cut at a point,
   https://github.com/huggingface/peft/blob/main/src/peft/tuners/tuners_utils.py
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.errors import InputError, nearest
from mfu_planner.operators import Lookup, MatMul, Norm, Operator

Chosen = Callable[[Block, int, Operator], bool]
"""Whether an instance of an operator is meant, given its block and layer (0 where the block has no layers)."""

_PROJECTOR = re.compile(r"^(?:projector|merger|deep_merger)")
_BEFORE = re.compile(r"^(?:cross_|shared_expert_|compressor_)")
"""What stands before a layer's own name where a block has several of one name."""
_LAYERS = re.compile(r"layers\.(\d+)(?:-(\d+))?")
_KINDS: Mapping[str, type[Operator] | tuple[type[Operator], ...]] = {"embeddings": Lookup, "norms": Norm}

_MODULES_OF: Mapping[str, tuple[str, ...]] = {
    "vision": ("vision_tower", "vision_model", "vision_encoder", "visual", "image_encoder"),
    "audio": ("audio_tower", "audio_model", "audio_encoder"),
    "projector": ("multi_modal_projector", "mm_projector", "connector"),
    "decoder": ("text", "text_model", "language_model", "llm"),
}
"""Part → what transformers' classes and the flags of trainers call it beside a tower."""
_NAMED = 24
"""Names that an error lists."""

MODULES: Mapping[str, tuple[str, ...]] = {
    "c_attn": ("qkv_proj",),
    "query_key_value": ("qkv_proj",),
    "Wqkv": ("qkv_proj",),
    "qkv": ("qkv_proj",),
    "query": ("q_proj",),
    "key": ("k_proj",),
    "value": ("v_proj",),
    "q": ("q_proj",),
    "k": ("k_proj",),
    "v": ("v_proj",),
    "q_lin": ("q_proj",),
    "k_lin": ("k_proj",),
    "v_lin": ("v_proj",),
    "out_proj": ("o_proj", "out_proj"),
    "o": ("o_proj",),
    "out_lin": ("o_proj",),
    "dense": ("o_proj",),
    "c_fc": ("up_proj",),
    "dense_h_to_4h": ("up_proj",),
    "dense_4h_to_h": ("down_proj",),
    "intermediate_dense": ("up_proj",),
    "output_dense": ("down_proj",),
    "fc1": ("up_proj",),
    "fc2": ("down_proj",),
    "fc_in": ("up_proj",),
    "fc_out": ("down_proj",),
    "lin1": ("up_proj",),
    "lin2": ("down_proj",),
    "wi": ("up_proj",),
    "wi_0": ("gate_proj",),
    "wi_1": ("up_proj",),
    "wo": ("o_proj",),
    "wqkv": ("qkv_proj",),
    "proj": ("o_proj",),
    "c_proj": ("down_proj",),
    "w1": ("gate_proj",),
    "w2": ("down_proj",),
    "w3": ("up_proj",),
    "kv_a_proj_with_mqa": ("kv_a_proj",),
}
"""Names of modules in transformers' classes → names of the operators that they are."""

_WIDER: Mapping[str, tuple[str, ...]] = {
    "dense": ("o_proj", "up_proj", "down_proj", "pooler", "lm_transform"),
    "c_proj": ("o_proj", "down_proj"),
    "wo": ("down_proj",),
}
"""The same where a kind of model uses a name otherwise: BERT's dense, GPT-2's c_proj, T5's wo."""


def _operators_named(target: str, architecture: Architecture) -> frozenset[str]:
    """The names of the operators that a module's name stands for in this model."""
    names = {op.name for _, op in architecture.each()}
    wider = {
        "dense": architecture.main_stack == "encoder",
        "c_proj": "qkv_proj" in names,
        "wo": architecture.encoder_decoder,
    }
    meant = _WIDER[target] if wider.get(target) else MODULES.get(target, ())
    return frozenset({target, *meant})


def part_of(block: Block, op: Operator) -> str:
    """The part of a model that an operator belongs to: its tower, or the projector between tower and decoder."""
    return "projector" if block.stack in ("vision", "audio") and _PROJECTOR.match(op.name) else block.stack


def parts(architecture: Architecture) -> dict[str, str]:
    """Every part that the model has, by the words for it: ``text`` is the decoder beside a ``tower``."""
    found = {part: part for part in (part_of(block, op) for block, op in architecture.each())}
    if len(found) == 1 or "encoder" in found:
        return found
    named = {word: part for part in found for word in _MODULES_OF.get(part, ())}
    towers = sorted(found.keys() & {"vision", "audio"})
    if len(towers) == 1:
        named["tower"] = towers[0]
    return {**named, **found}


def chosen(architecture: Architecture, words: Iterable[str], field: str = "freeze") -> Chosen:
    """What any of the words means: a part, ``embeddings``, ``norms``, ``layers.0-39``, a block, or an operator.

    Layers are those of the main stack.

    Raises
    ------
    InputError
        A word that means nothing in this model, with the nearest that do.
    """
    known_parts, main = parts(architecture), architecture.main_stack
    tests: list[Chosen] = [_one(architecture, word, known_parts, main, field) for word in words]
    return lambda block, layer, op: any(test(block, layer, op) for test in tests)


def _one(architecture: Architecture, word: str, known: Mapping[str, str], main: str, field: str) -> Chosen:
    if span := _LAYERS.fullmatch(word):
        first, last = int(span.group(1)), int(span.group(2) or span.group(1))
        numbers = {n for block in architecture.blocks if block.stack == main for n in block.layers}
        if not first <= last <= max(numbers, default=-1):
            raise InputError(field, word, f"layers.FIRST-LAST, from 0 to {max(numbers, default=0)}")
        return lambda block, layer, _: bool(block.layers) and block.stack == main and first <= layer <= last
    if word in known:
        return lambda block, _, op: part_of(block, op) == known[word]
    if word in _KINDS:
        return lambda _b, _l, op: isinstance(op, _KINDS[word])
    blocks = {b.name for b in architecture.blocks}
    if word in blocks:
        return lambda block, _l, _o: block.name == word
    operators = {op.name for _, op in architecture.each()}
    if word in operators:
        return lambda _b, _l, op: op.name == word
    usual = (*sorted({*known.values(), *_KINDS}), *sorted(blocks - {*known.values()}))
    every = dict.fromkeys((*usual, *sorted(operators), *known))
    listed = ", ".join([*every][:_NAMED]) + (", …" if len(every) > _NAMED else "")
    raise InputError(field, word, f"layers.0-3, or any of {listed}", nearest(word, every))


def adapted(architecture: Architecture, targets: Iterable[str], field: str = "lora-targets") -> Chosen:
    """The linear layers that targets mean by peft's rule [1]_: the end of a layer's name, wherever it stands.

    ``q_proj`` is also that of a cross-attention or a shared expert.  ``text:q_proj``, ``vision:qkv_proj``: in that part
    alone; a part holds for the targets after it until the next.

    Raises
    ------
    InputError
        A target that no linear layer has, a part that the model does not have.
    """
    known = parts(architecture)
    linear = [(b, op) for b, op in architecture.each() if isinstance(op, MatMul)]
    wanted: list[tuple[str, frozenset[str]]] = []
    part = ""
    for target in targets:
        said, colon, name = target.rpartition(":")
        if colon:
            if said not in known:
                raise InputError(
                    field, target, f"a part before the colon: {', '.join(sorted(known))}", nearest(said, known)
                )
            part = known[said]
        names = _operators_named(name, architecture)
        if not any(_named(op, names) and part in ("", part_of(b, op)) for b, op in linear):
            have = sorted({op.name for b, op in linear if part in ("", part_of(b, op))})
            raise InputError(field, target, f"one of {', '.join(have)}", nearest(name, have))
        wanted.append((part, names))
    return lambda block, _, op: any(_named(op, names) and part in ("", part_of(block, op)) for part, names in wanted)


def _named(op: Operator, names: frozenset[str]) -> bool:
    return op.name in names or _BEFORE.sub("", op.name) in names
