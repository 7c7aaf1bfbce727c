"""Shapes that an operation gives, remembered: layers repeat, and the rules behind them are slow Python."""

from __future__ import annotations

from typing import Any

import torch

_MOST = 200_000
"""Answers that are kept; beyond them all are forgotten."""
_PLAIN = (int, float, bool, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format)


class Shapes:
    """Answers of operations on tensors without values, by the shapes that went in."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._fresh: dict[Any, bool] = {}

    def of(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What the operation gives: new tensors of the shapes that it gave for such arguments before, or its answer."""
        key = self._key(func, args, kwargs)
        if key is None:
            return func(*args, **kwargs)
        made = self._known.get(key)
        if made is None:
            out = func(*args, **kwargs)
            if len(self._known) > _MOST:
                self._known.clear()
            self._known[key] = _described(out)
            return out
        if made is _UNLIKE:
            return func(*args, **kwargs)
        return _made(made)

    def _key(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The operation with the shapes of its arguments; None where its answer is no new tensor."""
        fresh = self._fresh.get(func)
        if fresh is None:
            schema = func._schema
            aliased = any(one.alias_info is not None for one in (*schema.arguments, *schema.returns))
            fresh = self._fresh[func] = not aliased and bool(schema.returns)
        if not fresh:
            return None
        try:
            return (func, *map(_seen, args), *((name, _seen(one)) for name, one in kwargs.items()))
        except TypeError:
            return None


def _seen(value: Any) -> Any:
    """An argument as far as the shape of the answer depends on it."""
    if isinstance(value, torch.Tensor):
        if not value.is_meta and value.dim():
            raise TypeError
        return (value.shape, value.stride(), value.dtype, value.is_meta)
    if isinstance(value, _PLAIN):
        return (type(value), value)
    if isinstance(value, list | tuple):
        return tuple(map(_seen, value))
    raise TypeError


class _Unlike:
    """Answers that no shape stands for."""


_UNLIKE = _Unlike()


def _described(out: Any) -> Any:
    if isinstance(out, torch.Tensor):
        plain = out.is_meta and out.layout is torch.strided and not out.dtype.is_complex and not out.storage_offset()
        return (out.shape, out.stride(), out.dtype) if plain else _UNLIKE
    if isinstance(out, list | tuple):
        found = [None if one is None else _described(one) for one in out]
        return _UNLIKE if _UNLIKE in found else (type(out), found)
    return _UNLIKE


def _made(made: Any) -> Any:
    if len(made) == 3:
        return torch.empty_strided(made[0], made[1], dtype=made[2], device="meta")
    return made[0](None if one is None else _made(one) for one in made[1])


SHAPES = Shapes()
"""Of the whole process."""
