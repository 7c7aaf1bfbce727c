"""Products that were seen, as operators of the file, with the parameters that no product holds, by layer."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from mfu_planner.recording.fitting import Fitter
from mfu_planner.recording.inputs import BatchSizes
from mfu_planner.recording.masks import attention_of
from mfu_planner.recording.running import Pass

Key = tuple[str, str, str, int]
"""Path, kind, weight, which of the calls."""
_EXPERT = re.compile(r"(experts?)\.\d+(?=\.)")
_ROWS = {"bs": "token", "bt": "target", "b": "sequence", "bi": "image", "bc": "clip"}


class NeedsBackwardError(NotImplementedError):
    """Gradients that are no fixed multiple of the forward work, so that they must be seen at every size."""


class UnevenError(NotImplementedError):
    """Work that is no short polynomial of the sizes."""


def blocks_of(model: Any, passes: Sequence[Pass], points: Sequence[BatchSizes], fitter: Fitter) -> list[dict[str, Any]]:
    """The products of all passes as operators, with the parameters that no product holds, by place.

    Raises
    ------
    UnevenError
        Work that no sum of products of sizes gives.
    NeedsBackwardError
        The backward pass of some sizes was left out, and it does not follow from the forward pass.
    """
    seen = [_by_key(run) for run in passes]
    single = {key for key in {k for places in seen for k in places} if all(len(p.get(key, ())) <= 1 for p in seen)}
    values: dict[Key, list[list[Any]]] = {}
    for n, places in enumerate(seen):
        for key, products in places.items():
            values.setdefault(key, [[] for _ in seen])[n] = products
    held: set[str] = set()
    operators = []
    back = [run.backward for run in passes]
    for key, products in values.items():
        operators += _operators(model, key, products, held, fitter, points, back, alone=key in single)
    return _grouped(operators + _rest(model, held))


def _by_key(run: Pass) -> dict[Key, list[Any]]:
    """Products by place; calls of one weight or attention are told apart where a module is called a few times."""
    found: dict[Key, list[Any]] = defaultdict(list)
    times: Counter[tuple[str, str, str]] = Counter()
    calls: Counter[tuple[str, str, str]] = Counter((p.path, p.kind, p.weight) for p in run.products)
    for product in run.products:
        name = (product.path, product.kind, product.weight)
        apart = (product.weight or product.kind == "attention") and calls[name] <= 8 and "experts" not in product.path
        path, weight = (_EXPERT.sub(r"\1.*", text) for text in (product.path, product.weight))
        found[path, product.kind, weight, times[name] if apart else 0].append(product)
        times[name] += 1
    return found


def _operators(
    model: Any, key: Key, products: list[list[Any]], held: set[str], fitter: Fitter, points: Sequence[BatchSizes],
    back: list[bool], *, alone: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    path, kind, weight, again = key
    found: dict[str, Any] = {"path": path, "name": _last(path)}
    forward = [sum(p.flops for p in run) for run in products]
    ahead, behind = fitter.fit(forward), fitter.fit(_backward(forward, products, back))
    if ahead is None or behind is None:
        raise UnevenError(f"work that is no polynomial of the sizes, in {path or 'the model'} ({kind})")
    if not (ahead[0] or behind[0]):
        return []
    if kind == "attention" and alone:
        one = attention_of([run[0].mask if run else None for run in products], points, ahead[0], behind[0])
        if one is not None:
            return [found | {"name": "attention", "kind": "attention"} | one]
    names = _weights(model, weight)
    shared = bool(names) and (again > 0 or names[0] in held or _is_table(model, names[0]))
    linear = _linear(model, key, names, products, ahead, behind) if names and kind == "product" else None
    if not shared:
        held.update(names)
    if linear is not None:
        bias = linear.pop("bias_name")
        linear["bias"] = linear["bias"] and bias not in held  # a layer that is called again has its bias once
        held.add(bias)
        return [found | linear | {"weight": weight, "shared": shared}]
    own = 0 if shared else sum(model.get_parameter(name).numel() for name in names)
    made = [found | {"kind": "product", **one, "params": 0} for one in _products(ahead, behind)]
    made[0]["params"] = own
    return made


def _backward(forward: list[int], products: list[list[Any]], back: list[bool]) -> list[int]:
    """FLOP of the gradients at every size: as seen, or the same multiple of the forward work as where they were."""
    seen = [sum(p.backward for p in run) for run in products]
    if all(back):
        return seen
    known = [(f, b) for f, b, was in zip(forward, seen, back, strict=True) if was and (f or b)]
    ratios = {Fraction(b, f) if f else None for f, b in known}
    if None in ratios or len(ratios) != 1:
        raise NeedsBackwardError(f"gradients that are no multiple of the forward work: {ratios}")
    ratio = ratios.pop() or Fraction(0)
    return [int(f * ratio) for f in forward]


def _products(ahead: tuple[Any, int], behind: tuple[Any, int]) -> list[dict[str, Any]]:
    """Both passes as the file has them: two operators where they count in other chunks."""
    pair = [{"forward": dict(ahead[0]), "backward": {}, "chunk": ahead[1]}]
    if ahead[1] == behind[1] or not (ahead[0] and behind[0]):
        pair[0] |= {"backward": dict(behind[0]), "chunk": max(ahead[1], behind[1])}
    else:
        pair.append({"forward": {}, "backward": dict(behind[0]), "chunk": behind[1]})
    return [{k: v for k, v in one.items() if v or k != "chunk"} for one in pair]


def _linear(
    model: Any, key: Key, names: list[str], products: list[list[Any]], ahead: tuple[Any, int], behind: tuple[Any, int]
) -> dict[str, Any] | None:
    """A layer with its weight: rows along one stream, each gradient as much as forward; None: another thing."""
    path, _, weight, _ = key
    if len(ahead[0]) != 1 or ahead[1] or ahead[0][0][0] not in _ROWS:
        return None
    letters, per_row = ahead[0][0]
    gradients = next((g for g in (2, 1) if behind == (((letters, g * per_row),), 0)), 0)
    sizes = {p.sizes for run in products for p in run}
    if not gradients or len(sizes) != 1:
        return None
    inputs, outputs = next(iter(sizes))
    parameter = model.get_parameter(names[0])
    copies = len(names) if len(names) > 1 else parameter.shape[0] if parameter.dim() == 3 else 1
    active, rest = divmod(per_row, 2 * inputs * outputs)
    numel = parameter.numel() * len(names)
    if rest or inputs * outputs * copies != numel or (copies > 1 and active > copies):
        return None
    module = model.get_submodule(path) if "*" not in path else None
    bias = _bias(model, module)
    name = _last(path) if weight == f"{path}.weight" else _last(weight.removesuffix(".weight"))
    rows = {"of": _ROWS[letters], "factor": active if copies == 1 else 1}
    made = {"name": name, "kind": "linear", "inputs": inputs, "outputs": outputs, "copies": copies, "bias": bool(bias),
            "active": active if copies > 1 else 1, "bias_name": bias}  # fmt: skip
    return (
        made
        | ({} if rows == {"of": "token", "factor": 1} else {"rows": rows})
        | ({} if gradients == 2 else {"input_grad": False})
    )


def _bias(model: Any, module: Any) -> str:
    """The name of a linear layer's bias."""
    bias = getattr(module, "bias", None) if type(module).__name__ == "Linear" else None
    return "" if bias is None else str(next((name for name, one in model.named_parameters() if one is bias), ""))


def _weights(model: Any, weight: str) -> list[str]:
    """The parameters of a name, several where a star stands for the experts' numbers."""
    if "*" not in weight:
        return [weight] if weight else []
    pattern = re.compile(re.escape(weight).replace(r"\*", r"\d+"))
    return [name for name, _ in model.named_parameters() if pattern.fullmatch(name)]


def _is_table(model: Any, weight: str) -> bool:
    """Whether a weight is a table of vectors first of all, as a tied head's is."""
    import torch

    return isinstance(model.get_submodule(weight.rpartition(".")[0]), torch.nn.Embedding)


def _rest(model: Any, held: set[str]) -> list[dict[str, Any]]:
    """Parameters that no product holds: tables, norms, scales."""
    try:
        table = model.get_input_embeddings().weight
    except (AttributeError, NotImplementedError):
        table = None
    found = []
    for name, parameter in model.named_parameters():
        if name in held:
            continue
        path, _, last = name.rpartition(".")
        if _is_table(model, name):
            called = "embed_tokens" if parameter is table else _last(path)
            sizes = {"kind": "table", "entries": parameter.shape[0], "width": parameter.shape[1]}
        else:
            called, sizes = f"{_last(path)}_{last}", {"kind": "elementwise", "params": parameter.numel()}
        found.append({"path": path, "name": called, **sizes})
    return found


def _last(path: str) -> str:
    return path.rsplit(".", maxsplit=1)[-1] or "model"


def _grouped(operators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks of operators that repeat: the same list at several numbers of one place is one block with those layers."""
    places: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for op in operators:
        match = re.match(r"(.*?)\.(\d+)(?:\.|$)", op["path"])
        where = (match.group(1), int(match.group(2))) if match else (op["path"].partition(".")[0] or "model", -1)
        inner = op["path"][match.end() :] if match else op["path"]
        places.setdefault(where, []).append({**op, "path": inner})
    blocks: dict[tuple[str, str], dict[str, Any]] = {}
    for (place, layer), held in places.items():
        plain = [{k: v for k, v in op.items() if k != "weight"} for op in held]
        key = (place, json.dumps(plain, sort_keys=True)) if layer >= 0 else (place, "")
        block = blocks.setdefault(key, {"name": place, "layers": [], "operators": plain})
        if layer >= 0:
            block["layers"].append(layer)
    return list(blocks.values())
