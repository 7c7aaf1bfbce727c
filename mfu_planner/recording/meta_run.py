"""A model's forward pass without memory or arithmetic: floats have shapes alone, whole numbers are real.

Masks, positions and routing are made of whole numbers: being real, they take the branches that they take in use.
Where a value of a float decides (the best experts of a router), the choice is spread evenly and noted as assumed.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

_ATEN = torch.ops.aten
_WHOLE = frozenset({torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool})
_CHOICES = (_ATEN.topk, _ATEN.sort, _ATEN.argsort, _ATEN.argmax, _ATEN.argmin)
_PRODUCTS = (_ATEN.mm, _ATEN.addmm, _ATEN.bmm, _ATEN.baddbmm)


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the forward pass."""

    path: str
    kind: str
    """product, convolution or attention."""
    flops: int
    gradients: int
    """How many of its factors need a gradient: each costs what the forward product does."""
    weight: str = ""
    """The parameter that is a factor, where one is."""
    sizes: tuple[int, ...] = ()
    """(inputs, outputs) of a product with a weight; (heads, key heads, size of keys, of values) of attention."""
    pairs: int = 0
    """(query, key) pairs of an attention that its mask allows, summed over the batch; -1: not known."""


class MetaRun(TorchDispatchMode):  # type: ignore[misc, unused-ignore]
    """Records the products of whatever runs under it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.products: list[Product] = []
        self.assumed: Counter[str] = Counter()
        self.used: set[str] = set()
        """Parameters that some operation read."""
        self._stack = [""]
        self._owners = {p.untyped_storage()._cdata: name for name, p in model.named_parameters()}
        self._kept: list[Any] = []
        self._hooks = [
            hook
            for name, module in model.named_modules()
            for hook in (
                module.register_forward_pre_hook(self._entering(name), prepend=True),
                module.register_forward_hook(self._leaving(name), always_call=True),
            )
        ]

    def _entering(self, name: str) -> Any:
        def enter(*_: Any) -> None:
            self._stack.append(name)

        return enter

    def _leaving(self, name: str) -> Any:
        def leave(*_: Any) -> None:
            if len(self._stack) > 1 and self._stack[-1] == name:
                self._stack.pop()

        return leave

    @property
    def path(self) -> str:
        """The module that runs."""
        return self._stack[-1]

    def close(self) -> None:
        """Take the hooks off the model."""
        for hook in self._hooks:
            hook.remove()

    def owner(self, tensor: Any) -> str:
        """The parameter that a tensor is, or a view, copy or selection of; empty for any other."""
        return self._owners.get(tensor.untyped_storage()._cdata, "") if isinstance(tensor, torch.Tensor) else ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operation: whole numbers for real, floats as shapes."""
        del types
        kwargs = dict(kwargs or {})
        packet = func.overloadpacket
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        shapes = [t for t in tensors if t.is_meta]
        self.used.update(name for t in shapes if (name := self.owner(t)))
        if not shapes and _is_meta(kwargs.get("device")) and _is_whole(args, kwargs, packet):
            kwargs["device"] = "cpu"
        if shapes:
            answer = self._unknowable(packet, args, kwargs, shapes)
            if answer is not None:
                return answer[0]
            args, kwargs = self._on_meta(packet, args, kwargs)
        out = func(*args, **kwargs)
        if shapes and packet in _CHOICES:
            out = self._spread(packet, args, kwargs, out)
        if shapes:
            self._note(packet, args, out)
        return out

    def _unknowable(self, packet: Any, args: Any, kwargs: Any, shapes: list[Any]) -> tuple[Any] | None:
        """An answer to a question about the values of floats."""
        if packet is _ATEN._local_scalar_dense:
            self.assumed["a value of a tensor"] += 1
            return (False if shapes[0].dtype is torch.bool else 0 if shapes[0].dtype in _WHOLE else 0.5,)
        if packet is _ATEN.equal:
            self.assumed["a comparison of tensors"] += 1
            return (False,)
        if packet in (_ATEN.nonzero, _ATEN.bincount, _ATEN.masked_select, _ATEN.unique_consecutive, _ATEN._unique2):
            raise NotImplementedError(f"{packet} of values that are not known, in {self.path}")
        if packet is _ATEN._to_copy and kwargs.get("device") is not None and not _is_meta(kwargs["device"]):
            return (torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype),)
        return None

    def _on_meta(self, packet: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The same arguments, real tensors by their shapes; masks as indices first."""
        if packet in (_ATEN.index, _ATEN.index_put, _ATEN.index_put_, _ATEN._unsafe_index):
            found: list[Any] = []
            for index in args[1]:
                if isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8):
                    if index.is_meta:
                        self.assumed["a mask of values"] += 1
                        index = torch.ones(index.shape, dtype=torch.bool)
                    found.extend(index.nonzero().unbind(1))
                else:
                    found.append(index)
            args = (args[0], found, *args[2:])

        def shape_of(value: Any) -> Any:
            real = isinstance(value, torch.Tensor) and not value.is_meta and value.dim() > 0
            return torch.empty_like(value, device="meta") if real else value

        return tree_map(shape_of, args), tree_map(shape_of, kwargs)

    def _spread(self, packet: Any, args: Any, kwargs: Any, out: Any) -> Any:
        """Choices spread evenly over what there is to choose from."""
        self.assumed["balanced routing"] += 1
        several = isinstance(out, tuple | list)
        chosen = out[1] if several else out
        last = kwargs.get("dim", args[2] if packet is _ATEN.topk and len(args) > 2 else -1)
        among = args[0].shape[last if isinstance(last, int) and not isinstance(last, bool) else -1]
        spread = (torch.arange(math.prod(chosen.shape)) % max(among, 1)).reshape(chosen.shape)
        return (out[0], spread) if several else spread

    def _note(self, packet: Any, args: Any, out: Any) -> None:
        if packet in (_ATEN._to_copy, _ATEN.index, _ATEN.clone, _ATEN.index_select) and self.owner(args[0]):
            self._owners.setdefault(out.untyped_storage()._cdata, self.owner(args[0]))
            self._kept.append(out)  # a storage that is freed could be taken for another
        if packet in _PRODUCTS:
            left, right = args[-2:] if packet in (_ATEN.mm, _ATEN.bmm) else args[1:3]
            flops = 2 * math.prod(left.shape) * right.shape[-1]
            weight = self.owner(right) or self.owner(left)
            inputs, outputs = (right if self.owner(right) or not weight else left).shape[-2:]
            self._add("product", flops, (left, right), weight, (inputs, outputs))
        elif packet in (_ATEN.convolution, _ATEN._convolution):
            pixels, kernel, transposed = args[0], args[1], args[6]
            positions = math.prod((pixels if transposed else out).shape[2:]) * pixels.shape[0]
            self._add("convolution", 2 * positions * math.prod(kernel.shape), (pixels, kernel), self.owner(kernel), ())

    def _add(self, kind: str, flops: int, factors: Any, weight: str, sizes: tuple[int, ...]) -> None:
        needs = sum(bool(t.requires_grad) for t in factors)
        self.products.append(Product(self.path, kind, flops, needs, weight, sizes))


def _is_meta(device: Any) -> bool:
    return device is not None and torch.device(device).type == "meta"


def _is_whole(args: Any, kwargs: Any, packet: Any) -> bool:
    """Whether what is made holds whole numbers."""
    if kwargs.get("dtype") is not None:
        return kwargs["dtype"] in _WHOLE
    return packet is _ATEN.arange and all(isinstance(x, int) for x in args)
