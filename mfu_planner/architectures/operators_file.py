"""The file of recorded operators: what it may hold, and the architecture that it describes.

JSON: ``operators_file`` (the version), ``model_type``, ``class``, ``transformers``, ``torch``, ``config_sha256``,
``grade`` (exact, approximate, refused), ``reasons``, ``not_called``, ``assumed``, ``hidden``, ``vocab``, ``params``,
and ``blocks``: a name, layer numbers, operators.  Reading needs neither torch nor transformers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.errors import InputError
from mfu_planner.operators import (
    TOKENS,
    Attention,
    Elementwise,
    Lookup,
    Mask,
    MaskKind,
    MatMul,
    Operator,
    RecordedProduct,
    Role,
    Rows,
    Split,
    Stream,
)
from mfu_planner.operators.recorded import TERM_LETTERS

VERSION = 2
GRADES = ("exact", "approximate", "refused")
_MOST = 20_000
"""Operators in one file."""
_LARGEST = 2**53
_COUNTED = (MatMul, Attention, RecordedProduct)
_BESIDE = (Stream.IMAGE, Stream.CLIP)
"""Streams of which a sequence may hold nothing."""
_MOST_LETTERS = 4
"""Sizes that one term multiplies."""

_ROLES: tuple[tuple[str, Role], ...] = (
    (r"lm_head|embed_out|score$|classifier|qa_outputs", Role.HEAD),
    (r"router|(mlp|moe|feed_forward)\.gate$", Role.ROUTER),
    (r"shared_expert", Role.SHARED_EXPERT),
    (r"experts?\b", Role.EXPERT),
    (r"norm", Role.NORM),
    (r"conv", Role.CONVOLUTION),
    (r"mamba|mixer|linear_attn|ssm", Role.SCAN),
    (r"attn|attention", Role.ATTENTION),
    (r"mlp|ffn|feed_forward|fc\d|dense", Role.MLP),
)
_STACKS = ((r"vision|visual|image|vit\b|sam_", "vision"), (r"audio|speech|sound", "audio"), (r"encoder", "encoder"))
"""Parts of a model by the names of their places."""
_SPLITS: tuple[tuple[str, Split], ...] = (
    (r"^(q|k|v|qkv|gate|up|gate_up)_proj$|^(query|key|value|query_key_value|c_attn|c_fc|fc1)$|lm_head", Split.COLUMN),
    (r"^(o|out|down)_proj$|^fc2$", Split.ROW),
)


def read_operators(data: Mapping[str, Any], origin: str) -> Architecture:
    """The architecture that a recording describes; its notes say the class, the grade and why.

    Raises
    ------
    InputError
        Another version, a recording that was refused, operators that make no sense.
    """
    if data.get("operators_file") != VERSION:
        raise InputError(f"{origin}: operators_file", data.get("operators_file"), f"version {VERSION}")
    grade = data.get("grade")
    reasons = [str(one)[:300] for one in _list(data, "reasons", origin)]
    if grade not in GRADES or grade == "refused":
        raise InputError(f"{origin}: grade", grade, f"a recording that is exact or approximate ({'; '.join(reasons)})")
    blocks = _list(data, "blocks", origin)
    hidden, vocab = _whole(data, "hidden", origin, 1), _whole(data, "vocab", origin)
    built = architecture_of(blocks, _text(data, "model_type", origin), hidden, vocab, origin)
    if data.get("unit") == "sample":
        built = replace(built, work_unit="sample", has_text=False, fixed_length=1)
    built = replace(built, encoder_decoder=data.get("encoder_decoder") is True)
    stated = _whole(data, "params", origin)
    if built.params != stated:
        raise InputError(f"{origin}: params", f"{stated:,}", f"{built.params:,}, the sum of the operators")
    said = (
        f"recorded from {_text(data, 'class', origin)} of transformers {_text(data, 'transformers', origin)}: {grade}"
    )
    why = f" ({'; '.join(reasons)})" if reasons else ""
    routing = "balanced routing" in _list(data, "assumed", origin)
    return built.with_notes(said + why, *(["recorded under balanced routing"] if routing else []))


def architecture_of(blocks: Any, name: str, hidden: int, vocab: int, origin: str = "operators") -> Architecture:
    """Blocks of a file as an architecture."""
    if not isinstance(blocks, list) or sum(len(_list(b, "operators", origin)) for b in blocks) > _MOST:
        raise InputError(f"{origin}: blocks", type(blocks).__name__, f"a list with at most {_MOST:,} operators")
    if not blocks:
        raise InputError(f"{origin}: blocks", "[]", "a list with at least one block of operators")
    found = []
    for block in blocks:
        layers = _list(block, "layers", origin)
        if not all(type(n) is int and 0 <= n < _MOST for n in layers):
            raise InputError(f"{origin}: layers", layers[:5], "a list of layer numbers")
        operators = tuple(_operator(op, origin) for op in _list(block, "operators", origin))
        name_ = _text(block, "name", origin)
        stack = next((stack for pattern, stack in _STACKS if re.search(pattern, name_.lower())), "decoder")
        found.append(Block(name_, operators, tuple(layers), stack=stack))
    built = Architecture(name=name, hidden=hidden, vocab=vocab, blocks=tuple(found))
    if not any(isinstance(op, _COUNTED) and op.rows.stream not in _BESIDE for _, op in built.each()):
        raise InputError(f"{origin}: blocks", "no product of tokens", "linear, attention or product operators")
    return built


def _operator(data: Mapping[str, Any], origin: str) -> Operator:
    kind, name = _text(data, "kind", origin), _text(data, "name", origin)
    readers: dict[str, Callable[[Mapping[str, Any], str, str], Operator]] = {
        "linear": _linear, "attention": _attention, "product": _product, "table": _table, "elementwise": _elementwise,
    }  # fmt: skip
    if kind not in readers:
        raise InputError(f"{origin}: kind", kind, f"one of {', '.join(readers)}")
    return readers[kind](data, name, origin)


def _linear(data: Mapping[str, Any], name: str, origin: str) -> Operator:
    inputs, outputs, copies, active = (
        _whole(data, key, origin, 1) for key in ("inputs", "outputs", "copies", "active")
    )
    if active > copies:
        raise InputError(f"{origin}: active", active, f"at most copies = {copies}")
    split = next((s for pattern, s in _SPLITS if re.search(pattern, name)), Split.REPLICATED)
    return MatMul(
        name=name,
        inputs=inputs,
        outputs=outputs,
        copies=copies,
        active=active,
        bias=data.get("bias") is True,
        role=_role(data),
        split=Split.EXPERT if copies > 1 else split,
        rows=_rows(data, "rows", origin),
        input_grad=data.get("input_grad") is not False,
        shared_with="embed_tokens" if data.get("shared") is True else "",
    )


def _rows(data: Mapping[str, Any], key: str, origin: str) -> Rows:
    """The stream that something is counted along; the tokens, where nothing is said."""
    if key not in data:
        return TOKENS
    stated = data[key]
    streams = {one.value: one for one in (Stream.TOKEN, Stream.TARGET, Stream.SEQUENCE, Stream.IMAGE, Stream.CLIP)}
    if not isinstance(stated, Mapping) or stated.get("of") not in streams:
        raise InputError(f"{origin}: {key}", stated, f"of one of {', '.join(streams)} and a factor")
    return Rows(streams[stated["of"]], _whole(stated, "factor", origin, 1))


def _attention(data: Mapping[str, Any], name: str, origin: str) -> Operator:
    kinds = {one.value: one for one in MaskKind}
    kind = kinds.get(_text(data, "mask", origin))
    if kind is None:
        raise InputError(f"{origin}: mask", data.get("mask"), f"one of {', '.join(kinds)}")
    heads, kv_heads, qk_dim, v_dim = (_whole(data, key, origin, 1) for key in ("heads", "kv_heads", "qk_dim", "v_dim"))
    return Attention(
        name=name,
        heads=heads,
        kv_heads=kv_heads,
        qk_dim=qk_dim,
        v_dim=v_dim,
        mask=Mask(kind, _whole({"size": 0, **data}, "size", origin)),
        rows=_rows(data, "rows", origin),
        keys=_rows(data, "keys", origin),
        unit_pairs=_whole({"unit_pairs": 0, **data}, "unit_pairs", origin),
    )


def _product(data: Mapping[str, Any], name: str, origin: str) -> Operator:
    def terms(key: str) -> tuple[tuple[str, int], ...]:
        value = data.get(key)
        right = isinstance(value, dict) and all(
            len(letters) <= _MOST_LETTERS
            and set(letters) <= set(TERM_LETTERS)
            and type(n) is int
            and abs(n) <= _LARGEST
            for letters, n in value.items()
        )
        if not right:
            raise InputError(f"{origin}: {key}", value, f"whole numbers by letters of {TERM_LETTERS}, such as bss")
        return tuple(sorted(data[key].items()))

    return RecordedProduct(
        name=name,
        forward=terms("forward"),
        backward=terms("backward"),
        chunk=_whole({"chunk": 0, **data}, "chunk", origin),
        weights=_whole({"params": 0, **data}, "params", origin),
        role=_role(data),
        split=Split.REPLICATED,
    )


def _table(data: Mapping[str, Any], name: str, origin: str) -> Operator:
    entries, width = _whole(data, "entries", origin, 1), _whole(data, "width", origin, 1)
    role = Role.EMBEDDING if name == "embed_tokens" else Role.POSITION
    return Lookup(name=name, entries=entries, width=width, role=role, split=Split.COLUMN)


def _elementwise(data: Mapping[str, Any], name: str, origin: str) -> Operator:
    params = _whole(data, "params", origin)
    return Elementwise(name=name, width=params, weights=params, role=_role(data))


def _role(data: Mapping[str, Any]) -> Role:
    where = f"{data.get('path', '')}.{data.get('name', '')}".lower()
    return next((role for pattern, role in _ROLES if re.search(pattern, where)), Role.OTHER)


def _list(data: Any, key: str, origin: str) -> list[Any]:
    value = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(value, list):
        raise InputError(f"{origin}: {key}", type(value).__name__, "a list")
    return value


def _text(data: Mapping[str, Any], key: str, origin: str) -> str:
    value = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(value, str) or len(value) > 300:
        raise InputError(f"{origin}: {key}", type(value).__name__, "a short text")
    return value


def _whole(data: Mapping[str, Any], key: str, origin: str, least: int = 0) -> int:
    value = data.get(key) if isinstance(data, Mapping) else None
    if type(value) is not int or not least <= value <= _LARGEST:
        raise InputError(f"{origin}: {key}", value, f"a whole number of at least {least}")
    return value
