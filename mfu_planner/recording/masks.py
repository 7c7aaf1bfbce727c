"""An attention that was seen at several sizes, as the operator of the file: its streams, heads and mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfu_planner.operators import ALL, CAUSAL, Mask, MaskKind
from mfu_planner.recording.attending import Attended
from mfu_planner.recording.inputs import BatchSizes

_LONGEST_WINDOW = 1024
_STREAMS = {"s": "token", "t": "target", "i": "image", "c": "clip"}


def attention_of(
    seen: Sequence[Attended | None], points: Sequence[BatchSizes], ahead: Any, behind: Any
) -> dict[str, Any] | None:
    """The fields of an attention operator; None where it is none that the file can say."""
    pairs = [(p, one) for p, one in zip(points, seen, strict=True) if one is not None]
    if not pairs or len(ahead) != 1 or behind != tuple((letters, 2 * n) for letters, n in ahead):
        return None
    first = pairs[0][1]
    widths = (first.heads, first.kv_heads, first.qk_dim, first.v_dim)
    if any((one.heads, one.kv_heads, one.qk_dim, one.v_dim) != widths for _, one in pairs):
        return None
    sizes = dict(zip(("heads", "kv_heads", "qk_dim", "v_dim"), widths, strict=True))
    letters = ahead[0][0]
    if letters in ("b", "bi", "bc"):
        return _fixed(sizes, letters, pairs)
    if len(pairs) != len(points) or any(one.batch != p.b for p, one in pairs):
        return None
    queries, keys = (_along(name, pairs) for name in ("queries", "keys"))
    if queries is None or keys is None:
        return None
    mask = {"mask": "all"}
    if queries == keys and queries["factor"] == 1 and queries["of"] in ("token", "target"):
        mask = _mask_of([one for _, one in pairs]) or {}
        if not mask:
            return None
    plain = {"of": "token", "factor": 1}
    return sizes | mask | ({} if queries == keys == plain else {"rows": queries, "keys": keys})


def _fixed(sizes: dict[str, Any], letters: str, pairs: Sequence[tuple[BatchSizes, Attended]]) -> dict[str, Any] | None:
    """Attention inside elements of one size: images, windows, pooled vectors."""
    sizes = dict(sizes)
    each = {one.batch / p.of((1, letters)) for p, one in pairs}
    inner = {(one.queries, one.keys) for _, one in pairs}
    if len(each) == len(inner) == 1 and float(next(iter(each))).is_integer():
        times, (queries, keys) = int(next(iter(each))), next(iter(inner))
        stream = {"b": "sequence", "bi": "image", "bc": "clip"}[letters]
        rows = {"of": stream, "factor": times * queries}
        return sizes | {
            "mask": "all",
            "rows": rows,
            "keys": {"of": stream, "factor": times * keys},
            "unit_pairs": times * queries * keys,
        }
    return None


def _along(name: str, pairs: Sequence[tuple[BatchSizes, Attended]]) -> dict[str, Any] | None:
    """The stream that queries or keys are counted along."""
    values = [getattr(one, name) for _, one in pairs]
    for letter in "st":
        if all(
            getattr(p, letter) and value % getattr(p, letter) == 0 for (p, _), value in zip(pairs, values, strict=True)
        ):
            factors = {value // getattr(p, letter) for (p, _), value in zip(pairs, values, strict=True)}
            if len(factors) == 1:
                return {"of": _STREAMS[letter], "factor": factors.pop()}
    return {"of": "sequence", "factor": values[0]} if len(set(values)) == 1 else None


def _mask_of(seen: Sequence[Attended]) -> dict[str, Any] | None:
    """The mask whose pairs were seen at every length, a named window even beyond them; None: none fits."""

    def fits(mask: Mask) -> bool:
        return all(one.pairs == one.batch * mask.pairs(one.queries, one.keys) for one in seen)

    if fits(ALL):
        return {"mask": "all"}
    named = {one.window for one in seen}
    if len(named) == 1 and (window := named.pop()) and fits(Mask(MaskKind.WINDOW, window)):
        return {"mask": "window", "size": window}
    if fits(CAUSAL):
        return {"mask": "causal"}
    for kind in (MaskKind.WINDOW, MaskKind.CHUNK, MaskKind.BAND):
        for size in range(1, min(_LONGEST_WINDOW, max(one.keys for one in seen))):
            if fits(Mask(kind, size)):
                return {"mask": kind.value, "size": size}
    return None
