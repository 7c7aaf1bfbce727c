"""What is answered where a model's code asks for the value of a float that has none, and what is then assumed."""

from __future__ import annotations

import math
from typing import Any

import torch

_ATEN = torch.ops.aten
WHOLE = frozenset({torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool})
"""Kinds of numbers whose values are real."""
BALANCED = "balanced routing"
"""What a spread choice assumes: the one assumption that leaves a recording exact."""
INDEXING = (_ATEN.index, _ATEN.index_put, _ATEN.index_put_, _ATEN._unsafe_index, _ATEN._index_put_impl_)
"""Operations that take whole numbers or masks as places."""
_IMAGES = 4
"""Dimensions of a batch of images."""
_MOST_CHOICES = 20_000_000


def tensors_in(args: Any, kwargs: Any) -> list[Any]:
    """The tensors among an operation's arguments, which stand in lists of one level at most."""
    found = []
    for value in (*args, *kwargs.values()):
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [one for one in value if isinstance(one, torch.Tensor)]
    return found


class PlacesError(ValueError):
    """Features that are put in the place of tokens, and tokens that are kept for them, differ in number."""

    def __init__(self, tokens: int, features: int) -> None:
        super().__init__(f"{tokens} tokens stand for {features} features")
        self.features = features


def answer(packet: Any, args: Any, kwargs: Any, shapes: list[Any], run: Any) -> tuple[Any] | None:
    """An answer to a question about the values of floats; None where nothing is asked."""
    first = shapes[0]
    if packet is _ATEN._local_scalar_dense:
        run.assumed["a value of a tensor"] += 1
        return (False if first.dtype is torch.bool else 0 if first.dtype in WHOLE else 0.5,)
    if packet in (_ATEN.eq, _ATEN.ne) and first.dim() >= _IMAGES and first.dtype not in WHOLE and len(shapes) == 1:
        return (torch.full(first.shape, packet is _ATEN.ne),)  # images are none of the empty ones that fill a batch
    if packet is _ATEN.equal:
        run.assumed["a comparison of tensors"] += 1
        return (False,)
    if packet is _ATEN.is_nonzero:
        run.assumed["a value of a tensor"] += 1
        return (False,)
    if packet is _ATEN.nonzero:
        run.assumed["a mask of values"] += 1
        return (torch.ones(first.shape).nonzero(),)
    if packet is _ATEN.masked_select and first.is_meta:
        run.assumed["a mask of values"] += 1
        return (torch.empty((args[0].numel(),), dtype=args[0].dtype, device="meta"),)
    if packet in (_ATEN._unique2, _ATEN.unique_consecutive, _ATEN.unique_dim):
        run.assumed["values that all differ"] += 1
        count = torch.arange(args[0].numel())
        return ((count, count, torch.ones_like(count)),)
    if packet is _ATEN.bincount or packet is _ATEN.histc:
        raise NotImplementedError(f"{packet} of values that are not known, in {run.path}")
    if packet is _ATEN._to_copy and kwargs.get("device") is not None and torch.device(kwargs["device"]).type != "meta":
        kind = kwargs.get("dtype") or args[0].dtype
        if kind in WHOLE:
            run.assumed["values taken off the device"] += 1
            return (torch.zeros(args[0].shape, dtype=kind),)
        return (torch.empty_like(args[0], dtype=kind),)  # floats stay shapes wherever they are sent
    return None


def poisoned(func: Any, args: Any) -> bool:
    """Whether unknown values are written into a tensor of known ones."""
    if not func._schema.is_mutable or not args or not isinstance(args[0], torch.Tensor):
        return False
    return not args[0].is_meta and func.overloadpacket is not _ATEN._index_put_impl_


def concrete(packet: Any, args: Any, kwargs: Any, run: Any) -> tuple[Any, Any]:
    """The same arguments, real tensors by their shapes; masks as indices first."""
    if packet in (_ATEN.masked_scatter, _ATEN.masked_scatter_) and not args[1].is_meta:
        places = int(args[1].expand(args[0].shape).sum()) // args[0].shape[-1]
        features = args[2].numel() // args[2].shape[-1]
        if places != features:
            raise PlacesError(places, features)
    if packet in INDEXING:
        found: list[Any] = []
        for index in args[1]:
            if isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8):
                if index.is_meta:
                    run.assumed["a mask of values"] += 1
                    index = torch.ones(index.shape, dtype=torch.bool)
                found.extend(index.nonzero().unbind(1))
            else:
                found.append(index)
        args = (args[0], found, *args[2:])

    def shape_of(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)([shape_of(one) for one in value])
        real = isinstance(value, torch.Tensor) and not value.is_meta and value.dim() > 0
        return torch.empty_like(value, device="meta") if real else value

    if packet is _ATEN.repeat_interleave:
        return args, kwargs
    return tuple(shape_of(one) for one in args), {name: shape_of(one) for name, one in kwargs.items()}


def spread_choice(packet: Any, args: Any, kwargs: Any, out: Any, run: Any) -> Any:
    """Choices spread evenly over what there is to choose from."""
    run.assumed[BALANCED] += 1
    several = isinstance(out, tuple | list)
    chosen = out[1] if several else out
    if math.prod(chosen.shape) > _MOST_CHOICES:
        return out
    place = 2 if packet is _ATEN.topk else 1
    named = packet in (_ATEN.topk, _ATEN.argmax, _ATEN.argmin, _ATEN.max, _ATEN.min)
    last = kwargs.get("dim", args[place] if named and len(args) > place else -1)
    last = last if isinstance(last, int) and not isinstance(last, bool) else -1
    if packet in (_ATEN.sort, _ATEN.argsort):
        last = next((x for x in args[1:] if isinstance(x, int) and not isinstance(x, bool)), kwargs.get("dim", -1))
    among = max(args[0].shape[last] if args[0].dim() else 1, 1)
    along = last % max(chosen.dim(), 1)
    if chosen.dim() == args[0].dim() and along != chosen.dim() - 1:
        line = torch.arange(chosen.shape[along]) % among
        spread = line.reshape([-1 if i == along else 1 for i in range(chosen.dim())]).expand(chosen.shape).contiguous()
    else:
        spread = (torch.arange(math.prod(chosen.shape)) % among).reshape(chosen.shape)
    return (out[0], spread) if several else spread
