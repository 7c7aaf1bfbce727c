"""A model's passes without memory or arithmetic: floats have shapes alone, whole numbers are real.

Masks, positions and routing are made of whole numbers: being real, they take the branches that they take in use.
Where a value of a float decides (the best experts of a router), the choice is spread evenly and noted as assumed.
Products of the backward pass are put to the account of the forward product whose gradient they make, by the number
that autograd gives to both.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from mfu_planner.recording.shapes import SHAPES
from mfu_planner.recording.unknown import INDEXING, WHOLE, answer, concrete, poisoned, spread_choice, tensors_in
from mfu_planner.recording.whole import WholeNumbers

_ATEN = torch.ops.aten
_CHOICES = (_ATEN.topk, _ATEN.sort, _ATEN.argsort, _ATEN.argmax, _ATEN.argmin, _ATEN.multinomial)
_PAIRS = {_ATEN.mm: 0, _ATEN.bmm: 0, _ATEN.addmm: 1, _ATEN.baddbmm: 1, _ATEN._grouped_mm: 0}
_CONVOLUTIONS = (_ATEN.convolution, _ATEN._convolution)
_FORMULAS = {
    **flop_registry,
    _ATEN.convolution_backward: lambda *args, **_: gradients_of_convolution(*map(_shape, args)),
}
"""What :class:`torch.utils.flop_counter.FlopCounterMode` counts an operation by, one of them mended."""
_SAME = (_ATEN._to_copy, _ATEN.index, _ATEN.clone, _ATEN.index_select, _ATEN.cat, _ATEN.stack)
"""Operations whose answer is still the parameter that went in."""
_LARGEST_REAL = 50_000_000
"""Elements of a tensor of whole numbers that is made for real."""


_LIKE = {
    _ATEN.zeros_like: 0, _ATEN.ones_like: 1, _ATEN.full_like: None, _ATEN.empty_like: 0,
    _ATEN.new_zeros: 0, _ATEN.new_ones: 1, _ATEN.new_full: None, _ATEN.new_empty: 0,
}  # fmt: skip
FILLING = {_ATEN.ones: 1, _ATEN.zeros: 0, _ATEN.full: None, **{p: v for p, v in _LIKE.items() if "empty" not in str(p)}}
"""Operations whose answer has one value throughout; None: the last argument."""
COMPARING = {
    _ATEN.eq: operator.eq, _ATEN.ne: operator.ne, _ATEN.gt: operator.gt, _ATEN.lt: operator.lt, _ATEN.ge: operator.ge,
    _ATEN.le: operator.le,
}  # fmt: skip


@dataclass(slots=True)
class Product:
    """One product of the forward pass."""

    path: str
    kind: str
    """product, convolution or attention; backward: of the backward pass alone."""
    flops: int
    backward: int = 0
    """FLOP of its gradients."""
    weight: str = ""
    """The parameter that is a factor, where one is."""
    sizes: tuple[int, ...] = ()
    """(inputs, outputs) of a product with a weight; of attention, see :mod:`mfu_planner.recording.attending`."""
    mask: Any = None
    """What is known of the pairs that an attention allows."""


class MetaRun(TorchDispatchMode):  # type: ignore[misc, unused-ignore]
    """Records the products of whatever runs under it, forward and backward."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.products: list[Product] = []
        self.assumed: Counter[str] = Counter()
        self.counted = 0
        """FLOP of all operations so far by torch's own formulas."""
        self.used: set[str] = set()
        """Parameters that some operation read."""
        self.pairs: dict[Any, tuple[int, Any]] = {}
        """Pairs that each mask allows, with the mask."""
        self._stack = [""]
        self._owners = {p.untyped_storage()._cdata: name for name, p in model.named_parameters()}
        self._kept: list[Any] = []
        self._whole = WholeNumbers()
        self._nodes: dict[int, Product] = {}
        self._paths: dict[int, str] = {}
        self._filled: dict[int, tuple[float, Any]] = {}
        """Floats that all have one value, by their storage."""
        self._hooks = [
            hook
            for name, module in model.named_modules()
            for hook in (
                module.register_forward_pre_hook(self._entering(name), prepend=True),
                module.register_forward_hook(self._leaving(name), always_call=True),
            )
        ]

    def __enter__(self) -> Any:
        """Begin to record."""
        self._whole.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        """End it."""
        super().__exit__(*error)
        self._whole.__exit__(*error)

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
        self._kept.clear()
        self._filled.clear()

    def owner(self, tensor: Any) -> str:
        """The parameter that a tensor is, or a view, copy or selection of; empty for any other."""
        return self._owners.get(tensor.untyped_storage()._cdata, "") if isinstance(tensor, torch.Tensor) else ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """One operation: whole numbers for real, floats as shapes."""
        del types
        kwargs = dict(kwargs or {})
        packet = func.overloadpacket
        tensors = tensors_in(args, kwargs)
        shapes = [t for t in tensors if t.is_meta]
        node = torch._C._current_autograd_node()
        if node is None:
            self.used.update(name for t in shapes if (name := self.owner(t)))
        early, args, kwargs = self._prepared(func, args, kwargs, tensors, shapes)
        if early is not None:
            return early[0]
        out = SHAPES.of(func, args, kwargs) if shapes else func(*args, **kwargs)
        if packet in FILLING:
            self._fill(packet, args, out)
        if not shapes:
            return out
        if packet in _FORMULAS:
            self.counted += int(_FORMULAS[packet](*args, **kwargs, out_val=out))
        if packet in _CHOICES or (packet in (_ATEN.max, _ATEN.min) and isinstance(out, tuple)):
            out = spread_choice(packet, args, kwargs, out, self)
        if node is None:
            self._forward(packet, args, out)
        else:
            self._backward(packet, args, out, node)
        return out

    def _prepared(
        self, func: Any, args: Any, kwargs: Any, tensors: list[Any], shapes: list[Any]
    ) -> tuple[tuple[Any] | None, Any, Any]:
        """An answer that needs no operation, or None, and the arguments with which the operation runs."""
        packet = func.overloadpacket
        if _is_meta(kwargs.get("device")) and not shapes and _is_whole(args, kwargs, packet):
            return None, args, {**kwargs, "device": "cpu"}
        if not shapes:
            return None, args, kwargs
        for made in (_whole_like(packet, args, kwargs), self._known(packet, args, kwargs)):
            if made is not None:
                return (made,), args, kwargs
        found = answer(packet, args, kwargs, shapes, self)
        if found is not None:
            return found, args, kwargs
        if poisoned(func, args):
            self.assumed["values written into known ones"] += 1
            return (args[0],), args, kwargs
        if len(shapes) < len(tensors) or packet in INDEXING:
            args, kwargs = concrete(packet, args, kwargs, self)
        return None, args, kwargs

    def _fill(self, packet: Any, args: Any, out: Any) -> None:
        """Remember that a tensor of floats holds one value throughout."""
        value = FILLING[packet] if FILLING[packet] is not None else args[-1]
        if isinstance(out, torch.Tensor) and out.is_meta and isinstance(value, int | float):
            self._filled[out.untyped_storage()._cdata] = (value, out)

    def _known(self, packet: Any, args: Any, kwargs: Any) -> Any:
        """Whole numbers out of floats that all have one value, such as a mask of ones; None for anything else."""
        if not self._filled or not isinstance(args[0], torch.Tensor) or not args[0].is_meta:
            return None
        storage = args[0].untyped_storage()._cdata
        if storage not in self._filled:
            return None
        value = self._filled[storage][0]
        if packet is _ATEN._to_copy and kwargs.get("dtype") in WHOLE:
            return torch.full(args[0].shape, value, dtype=kwargs["dtype"])
        if packet in COMPARING and isinstance(args[1], int | float):
            return torch.full(args[0].shape, bool(COMPARING[packet](value, args[1])))
        if str(packet).endswith("_") and packet is not _ATEN._to_copy:
            del self._filled[storage]  # something is written into it
        return None

    def _forward(self, packet: Any, args: Any, out: Any) -> None:
        number = torch._C._autograd._get_sequence_nr() - 1
        self._paths[number] = self.path
        if packet in _SAME:
            first = args[0][0] if isinstance(args[0], list | tuple) else args[0]
            if self.owner(first):
                self._owners.setdefault(out.untyped_storage()._cdata, self.owner(first))
                self._kept.append(out)  # a storage that is freed could be taken for another
        if packet in _PAIRS:
            left, right = args[_PAIRS[packet] :][:2]
            weight = self.owner(right) or self.owner(left)
            sizes = (right if self.owner(right) or not weight else left).shape[-2:]
            kind = "product"
        elif packet in _CONVOLUTIONS:
            left, right, weight, sizes, kind = args[0], args[1], self.owner(args[1]), (), "convolution"
        else:
            return
        made = Product(self.path, kind, _flops(packet, args, out), weight=weight, sizes=tuple(sizes))
        self.products.append(made)
        if torch.is_grad_enabled() and (left.requires_grad or right.requires_grad):
            self._nodes[number] = made

    def _backward(self, packet: Any, args: Any, out: Any, node: Any) -> None:
        flops = _flops(packet, args, out)
        if not flops:
            return
        number = node._sequence_nr()
        made = self._nodes.get(number)
        if made is None:
            made = self._nodes[number] = Product(self._paths.get(number, ""), "backward", 0)
            self.products.append(made)
        made.backward += flops


def _flops(packet: Any, args: Any, out: Any) -> int:
    """FLOP of one operation; 0 for all but products and convolutions."""
    if packet in _PAIRS:
        left, right = args[_PAIRS[packet] :][:2]
        return int(2 * math.prod(left.shape) * right.shape[-1])
    if packet in _CONVOLUTIONS:
        pixels, kernel, transposed = args[0], args[1], args[6]
        positions = math.prod((pixels if transposed else out).shape[2:]) * pixels.shape[0]
        return int(2 * positions * math.prod(kernel.shape))
    if packet is _ATEN.convolution_backward:
        return gradients_of_convolution(*map(_shape, args))
    return 0


def _shape(value: Any) -> Any:
    return value.shape if isinstance(value, torch.Tensor) else value


def gradients_of_convolution(gradient: Any, pixels: Any, kernel: Any, *rest: Any, **_: Any) -> int:
    """FLOP of a convolution's gradients: the forward work for each that is needed (torch's own errs for groups)."""
    positions = (pixels if rest[4] else gradient)[2:]
    forward = 2 * gradient[0] * math.prod(positions) * math.prod(kernel)
    return int(forward * (bool(rest[-1][0]) + bool(rest[-1][1])))


def _whole_like(packet: Any, args: Any, kwargs: Any) -> Any:
    """Whole numbers of a float's shape, made for real."""
    made = _LIKE
    if packet not in made or not isinstance(args[0], torch.Tensor):
        return None
    kind, device = kwargs.get("dtype") or args[0].dtype, kwargs.get("device")
    shape = args[0].shape if "like" in str(packet) else args[1]
    if kind not in WHOLE or math.prod(shape) > _LARGEST_REAL or not _is_meta(device or args[0].device):
        return None
    value = made[packet] if made[packet] is not None else args[-1]
    return torch.full(shape, value, dtype=kind) if not isinstance(value, torch.Tensor) else None


def _is_meta(device: Any) -> bool:
    return device is not None and torch.device(device).type == "meta"


def _is_whole(args: Any, kwargs: Any, packet: Any) -> bool:
    """Whether what is made holds whole numbers."""
    if kwargs.get("dtype") is not None:
        return kwargs["dtype"] in WHOLE
    if packet is _ATEN._to_copy:
        return args[0].dtype in WHOLE
    if packet in (_ATEN.tril_indices, _ATEN.triu_indices, _ATEN.randperm, _ATEN.randint):
        return True
    if packet is _ATEN.full and len(args) > 1:
        return isinstance(args[1], int)
    return packet is _ATEN.arange and all(isinstance(x, int) for x in args)
