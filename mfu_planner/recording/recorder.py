"""From a model's own code to an operators file: a few lengths recorded, one checked, a grade with its reasons."""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mfu_planner.architectures.operators_file import VERSION
from mfu_planner.errors import InputError

_LONGEST = 256
"""Positions of the longest sequence that is recorded, or as many as the config allows."""
_ATTENTION = "recorded_attention"
_FIRST_ID = 5


@dataclass(frozen=True, slots=True)
class _Pass:
    """One recorded forward pass."""

    products: list[Any]
    assumed: Counter[str]
    used: set[str]


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
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    name, model = _build(config, model_class)
    head = {
        "operators_file": VERSION,
        "model_type": str(config.get("model_type")),
        "class": name,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "config_sha256": hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest(),
    }
    try:
        lengths, checks = _lengths(model)
        passes = [_run(model, 1, length) for length in lengths]
        blocks = _blocks(model, passes, lengths)
        reasons = _check(model, blocks, checks)
    except Exception as error:  # noqa: BLE001 - a model's own code may fail in any way: that is the answer
        why = f"{type(error).__name__}: {error}"[:300]
        return {**head, "grade": "refused", "reasons": [why], "not_called": [], "assumed": [], "blocks": []}
    not_called = _not_called(model, passes[0].used)
    assumed = sorted(key for run in passes for key in run.assumed)
    reasons += [f"assumed: {what}" for what in dict.fromkeys(assumed) if what != "balanced routing"]
    if not_called:
        reasons.append(f"{len(not_called)} modules with parameters were never called: their work is not counted")
    size = model.config.get_text_config()
    return {
        **head,
        "grade": "approximate" if reasons else "exact",
        "reasons": reasons,
        "not_called": not_called[:100],
        "assumed": list(dict.fromkeys(assumed)),
        "hidden": int(getattr(size, "hidden_size", 0) or 1),
        "vocab": int(getattr(size, "vocab_size", 0) or 0),
        "params": sum(p.numel() for p in model.parameters()),
        "blocks": blocks,
    }


def _lengths(model: Any) -> tuple[tuple[int, int, int], tuple[tuple[int, int], ...]]:
    """Three lengths to fit, and two (batch, length) to check at: the longest, and one that is no round number."""
    from mfu_planner.questions.model import positions_of

    longest = min(_LONGEST, positions_of(model.config.get_text_config().to_dict()) or _LONGEST)
    return (longest // 4, longest // 2, longest * 3 // 4), ((2, longest), (1, longest * 2 // 5))


def _build(config: Mapping[str, Any], model_class: str | None) -> tuple[str, Any]:
    """The class and a model of it on the meta device."""
    import transformers
    from transformers.models.auto import modeling_auto as auto

    kind = str(config.get("model_type"))
    if kind not in transformers.CONFIG_MAPPING:
        raise InputError("config: model_type", kind, "a type that the installed transformers has")
    usual = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind) or auto.MODEL_MAPPING_NAMES.get(kind)
    stated = config.get("architectures") or [None]
    name = model_class or (stated[0] if isinstance(stated[0], str) and hasattr(transformers, stated[0]) else usual)
    if not isinstance(name, str) or not hasattr(transformers, name):
        raise InputError("class", name, f"a class of transformers, such as {usual}")
    fields = {k: v for k, v in config.items() if k not in {"model_type", "architectures", "quantization_config"}}
    try:
        return name, _made(transformers.CONFIG_MAPPING[kind], getattr(transformers, name), fields)
    except Exception as error:  # noqa: BLE001  the class's own checks, of any kind
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError("config", kind, f"a config that {name} takes: {why}") from None


def _made(config_class: Any, model_class: Any, fields: Mapping[str, Any]) -> Any:
    import torch

    made = config_class.from_dict(fields)
    parts = [made, *(getattr(made, part, None) for part in getattr(made, "sub_configs", {}))]
    for part in parts:
        if part is not None:
            part._experts_implementation = "batched_mm"
            part.use_cache = False
    _register()
    with torch.device("meta"):
        model = model_class._from_config(made, attn_implementation="eager")
    return model.train()


def _register() -> None:
    """An attention that notes its sizes and the pairs that its mask allows, and multiplies nothing."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    def mask(*args: Any, **kwargs: Any) -> Any:
        kwargs |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
        return sdpa_mask(*args, **kwargs)

    AttentionInterface.register(_ATTENTION, _attention)
    AttentionMaskInterface.register(_ATTENTION, mask)


_RUNNING: list[Any] = []


def _attention(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any) -> tuple[Any, None]:
    from mfu_planner.recording.meta_run import Product

    del module
    run = _RUNNING[-1]
    batch, heads, queries, width = query.shape
    keys, v_width = key.shape[2], value.shape[-1]
    pairs = batch * queries * keys
    if mask is not None:
        pairs = -1 if mask.is_meta else int(mask[..., :keys].expand(batch, -1, queries, keys)[:, 0].sum())
    flops = 2 * batch * heads * queries * keys * (width + v_width)
    sizes = (heads, key.shape[1], width, v_width, queries, keys)
    run.products.append(Product(run.path, "attention", flops, 2, "", sizes, pairs))
    blended = query.mean(-1, keepdim=True) + key.mean() + value.mean()
    return blended.expand(batch, heads, queries, v_width).transpose(1, 2).contiguous(), None


def _inputs(model: Any, batch: int, length: int) -> dict[str, Any]:
    import torch

    vocab = int(getattr(model.config.get_text_config(), "vocab_size", 0) or 1000)
    count = batch * length
    ids = _FIRST_ID + torch.arange(count).view(batch, length) % max(1, min(vocab, 200) - _FIRST_ID)
    given = {"input_ids": ids}
    if getattr(model.config, "is_encoder_decoder", False):
        given["decoder_input_ids"] = ids.clone()
    return given


def _run(model: Any, batch: int, length: int) -> _Pass:
    from mfu_planner.recording.meta_run import MetaRun

    model.set_attn_implementation(_ATTENTION)
    run = MetaRun(model)
    _RUNNING.append(run)
    try:
        with run:
            model(**_inputs(model, batch, length))
    finally:
        _RUNNING.pop()
        run.close()
    return _Pass(run.products, run.assumed, run.used)


def _not_called(model: Any, used: set[str]) -> list[str]:
    """Modules whose parameters no operation read."""
    alive = {id(model.get_parameter(name)) for name in used}
    idle = (name for name, p in model.named_parameters() if id(p) not in alive)
    return list(dict.fromkeys(name.rpartition(".")[0] for name in idle))


def _check(model: Any, blocks: list[dict[str, Any]], shapes: tuple[tuple[int, int], ...]) -> list[str]:
    """Reasons why the operators are not what torch counts, at a length and a batch that were not fitted."""
    from mfu_planner.architectures.operators_file import architecture_of
    from mfu_planner.counting import model_work
    from mfu_planner.operators import Workload

    reasons = []
    for batch, length in shapes:
        seen = _counted(model, batch, length)
        work = model_work(architecture_of(blocks, "recorded", 1, 0), Workload(batch=batch, seq_len=length))
        if (work.forward, work.total) != seen:
            off = float(Fraction(int(work.total), max(1, seen[1])) - 1)
            reasons.append(f"torch counts otherwise at {batch} × {length}: forward and backward off by {off:+.3%}")
    return reasons


def _counted(model: Any, batch: int, length: int) -> tuple[int, int]:
    """FLOP forward and of both passes as torch counts them, with eager attention."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from mfu_planner.recording.meta_run import MetaRun

    def both_gradients(gradient: Any, pixels: Any, kernel: Any, *rest: Any, out_shape: Any = None, **_: Any) -> int:
        del out_shape
        positions = (pixels if rest[4] else gradient)[2:]
        forward = 2 * gradient[0] * math.prod(positions) * math.prod(kernel)
        return int(forward * (bool(rest[-1][0]) + bool(rest[-1][1])))

    model.set_attn_implementation("eager")
    model.zero_grad(set_to_none=True)
    run = MetaRun(model)
    try:
        mended = {torch.ops.aten.convolution_backward: both_gradients}
        with run, FlopCounterMode(display=False, custom_mapping=mended) as counter:
            output = model(**_inputs(model, batch, length))
            forward = int(counter.get_total_flops())
            values = [v for v in output.values() if isinstance(v, torch.Tensor) and v.requires_grad]
            torch.stack([v.float().sum() for v in values]).sum().backward()
    finally:
        run.close()
    return forward, int(counter.get_total_flops())


def _blocks(model: Any, passes: list[_Pass], lengths: tuple[int, int, int]) -> list[dict[str, Any]]:
    """The products of all passes as operators, with the parameters that no product holds, by place."""
    per_place: list[dict[tuple[str, str, str, int], Any]] = []
    for run in passes:
        places: dict[tuple[str, str, str, int], Any] = {}
        times: Counter[tuple[str, str, str]] = Counter()
        for product in run.products:
            key = (product.path, product.kind, product.weight)
            places[(*key, times[key])] = product
            times[key] += 1
        per_place.append(places)
    if any(set(places) != set(per_place[0]) for places in per_place):
        raise NotImplementedError("the products that the code makes differ from length to length")
    held: set[str] = set()
    operators = [
        _operator(model, place, [places[place] for places in per_place], held, lengths) for place in per_place[0]
    ]
    operators += _rest(model, held)
    return _grouped(operators)


def _fit(values: list[int], lengths: tuple[int, int, int]) -> list[int]:
    """(constant, linear, square) through three lengths; whole numbers, or the code is no polynomial."""
    (x0, x1, x2), (y0, y1, y2) = lengths, values
    first, second = Fraction(y1 - y0, x1 - x0), Fraction(y2 - y1, x2 - x1)
    square = (second - first) / (x2 - x0)
    linear = first - square * (x0 + x1)
    constant = y0 - linear * x0 - square * x0 * x0
    if any(value.denominator != 1 for value in (square, linear, constant)):
        raise NotImplementedError("work that is no polynomial of the length with whole coefficients")
    return [int(constant), int(linear), int(square)]


def _operator(
    model: Any, place: tuple[str, str, str, int], seen: list[Any], held: set[str], lengths: tuple[int, int, int]
) -> dict[str, Any]:
    """One product as an operator: attention, a layer with its weight, or a polynomial."""
    path, kind, weight, again = place
    product = seen[0]
    found: dict[str, Any] = {"path": path, "name": path.rsplit(".", maxsplit=1)[-1] or "model"}
    forward = _fit([one.flops for one in seen], lengths)
    if kind == "attention":
        heads, kv_heads, qk, v, queries, keys = product.sizes
        mask = _mask_of([(one.sizes[4], one.sizes[5], one.pairs) for one in seen])
        if mask is not None and queries == keys:
            return found | {
                "name": "attention", "kind": "attention", "heads": heads, "kv_heads": kv_heads, "qk_dim": qk,
                "v_dim": v, **mask,
            }  # fmt: skip
        return found | {"kind": "product", "forward": forward, "backward": [2 * c for c in forward]}
    shared = weight in held or again > 0
    held.add(weight)
    parameter = model.get_parameter(weight) if weight else None
    if parameter is not None and kind == "product" and forward[0] == forward[2] == 0 and product.gradients == 2:
        inputs, outputs = product.sizes
        copies = parameter.shape[0] if parameter.dim() == 3 else 1
        active, rest = divmod(forward[1], 2 * inputs * outputs)
        if not rest and active <= copies and inputs * outputs * copies == parameter.numel():
            module = model.get_submodule(path)
            bias = _name_of(model, module.bias) if type(module).__name__ == "Linear" and module.bias is not None else ""
            held.add(bias)
            one = {"kind": "linear", "inputs": inputs, "outputs": outputs, "copies": copies, "active": active}
            stem = weight.rsplit(".", maxsplit=2)
            name = found["name"] if weight.startswith(f"{path}.weight") else stem[-1]
            return found | one | {"name": name, "bias": bool(bias), "weight": weight, "shared": shared}
    own = parameter.numel() if parameter is not None and not shared else 0
    backward = [product.gradients * c for c in forward]
    return found | {"kind": "product", "forward": forward, "backward": backward, "params": own}


def _name_of(model: Any, parameter: Any) -> str:
    """The name that a parameter goes by, which may be that of another module which shares it."""
    return str(next(name for name, one in model.named_parameters() if one is parameter))


def _mask_of(seen: list[tuple[int, int, int]]) -> dict[str, Any] | None:
    """The mask whose pairs were seen at every length, for a batch of one; None where none fits."""
    from mfu_planner.operators import ALL, CAUSAL, Mask, MaskKind

    if all(pairs == ALL.pairs(queries, keys) for queries, keys, pairs in seen):
        return {"mask": "all"}
    if all(pairs == CAUSAL.pairs(queries, keys) for queries, keys, pairs in seen):
        return {"mask": "causal"}
    for kind in (MaskKind.WINDOW, MaskKind.CHUNK, MaskKind.BAND):
        for size in range(1, _LONGEST):
            if all(pairs == Mask(kind, size).pairs(queries, keys) for queries, keys, pairs in seen):
                return {"mask": kind.value, "size": size}
    return None


def _rest(model: Any, held: set[str]) -> list[dict[str, Any]]:
    """Parameters that no product holds: tables, norms, scales."""
    import torch

    found = []
    for name, parameter in model.named_parameters():
        if name in held:
            continue
        path, _, last = name.rpartition(".")
        table = isinstance(model.get_submodule(path), torch.nn.Embedding)
        sizes = {"entries": parameter.shape[0], "width": parameter.shape[1]} if table else {"params": parameter.numel()}
        kind = "table" if table else "elementwise"
        found.append({"path": path, "name": f"{path.rsplit('.', maxsplit=1)[-1]}" + f"_{last}" * (not table),
                      "kind": kind, "weight": name, **sizes})  # fmt: skip
    return _with_tables(model, found)


def _with_tables(model: Any, operators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The token table under its usual name."""
    try:
        table = model.get_input_embeddings().weight
    except (AttributeError, NotImplementedError):
        return operators
    names = {name for name, parameter in model.named_parameters() if parameter is table}
    return [{**op, "name": "embed_tokens"} if op.get("weight") in names else op for op in operators]


def _grouped(operators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks of operators that repeat: the same list at several numbers of one place is one block with those layers."""
    places: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for op in operators:
        match = re.match(r"(.*?)\.(\d+)(?:\.|$)", op["path"])
        where = (match.group(1), int(match.group(2))) if match else (op["path"].partition(".")[0] or "model", -1)
        inner = op["path"][match.end() :] if match else op["path"]
        places.setdefault(where, []).append({**op, "path": inner})
    blocks: dict[tuple[str, str], dict[str, Any]] = {}
    for (place, number), held in places.items():
        plain = [{k: v for k, v in op.items() if k != "weight"} for op in held]
        key = (place, json.dumps(plain, sort_keys=True)) if number >= 0 else (place, "")
        block = blocks.setdefault(key, {"name": place, "layers": [], "operators": plain})
        if number >= 0:
            block["layers"].append(number)
    return list(blocks.values())
