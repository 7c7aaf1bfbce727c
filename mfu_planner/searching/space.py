"""Which layouts there are: the outer degrees one by one, the inner choices as axes of one array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfu_planner.step.division import Division

AXES = ("micro_batch", "vpp", "zero", "zero_group", "recompute", "sequence_parallel", "offload")
"""Axes of the inner grid, in the order of the array's dimensions."""

MOST_CONTEXT, MOST_MICRO_BATCH = 64, 512
LEAST_CONTEXT_TOKENS = 256
"""Tokens of a sequence that a rank of context parallelism keeps at least."""
MOST_NODE = 16
"""TP goes up to two scale-up domains, counted as no larger than this."""
SHARES = 24
"""Steps in which a part of the layers is recomputed."""


@dataclass(frozen=True)
class Outer:
    """Degrees that fix which devices talk to which."""

    tp: int
    pp: int
    cp: int
    ep: int
    dp: int


@dataclass(frozen=True)
class Inner:
    """Values along each inner axis for one outer choice; ``len`` of the grid is their product."""

    micro_batch: tuple[int, ...]
    vpp: tuple[int, ...]
    zero: tuple[int, ...]
    zero_group: tuple[int, ...]
    recompute: tuple[float, ...]
    """0 none, 1 selective, 1 + share: that share of the layers in full."""
    sequence_parallel: tuple[int, ...]
    offload: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(len(getattr(self, name)) for name in AXES)

    @property
    def size(self) -> int:
        """Layouts in the grid."""
        total = 1
        for length in self.shape:
            total *= length
        return total


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """Divisors in ascending order."""
    small = [n for n in range(1, int(number**0.5) + 1) if number % n == 0]
    return tuple(sorted({*small, *(number // n for n in small)}))


def outer_layouts(division: Division, devices: int, global_batch: int, seq_len: int, node: int) -> Iterator[Outer]:
    """Every (tp, pp, cp, ep, dp) that divides heads, layers, sequence, experts and batch.

    TP goes up to twice the scale-up domain (of at most 16); CP up to 64 and only where each rank keeps 256
    tokens or more.
    """
    heads, experts, layers = division.heads, division.experts, division.layers
    most_tensor = min(heads, 2 * min(node, MOST_NODE))
    for tp in divisors(devices):
        if tp > most_tensor or heads % tp:
            continue
        for pp in divisors(devices // tp):
            if pp > layers or (pp > 1 and division.two_stacks):
                break
            for cp in divisors(devices // tp // pp):
                if cp > MOST_CONTEXT or (cp > 1 and (seq_len % (2 * cp) or seq_len // cp < LEAST_CONTEXT_TOKENS)):
                    continue
                dp = devices // tp // pp // cp
                if global_batch % dp:
                    continue
                for ep in divisors(dp * cp) if experts else (1,):
                    if experts % ep == 0 or not experts:
                        yield Outer(tp, pp, cp, ep, dp)


def inner_grid(outer: Outer, division: Division, global_batch: int, *, whole: bool, selective: bool = True) -> Inner:
    """The inner choices under one outer choice.

    ``whole`` adds sharding groups, optimizer offload and recomputation of a part of the layers; ``selective``:
    whether it
    differs from no recomputation (with fused attention a stack may have nothing to select).
    """
    per_pipeline = global_batch // outer.dp
    micro = tuple(m for m in divisors(per_pipeline) if m <= MOST_MICRO_BATCH)
    layers = max(1, division.layers // outer.pp)
    chunks = divisors(layers) if outer.pp > 1 else (1,)
    group = outer.dp * outer.cp
    groups = (0, *(d for d in divisors(group) if 1 < d < group)) if whole else (0,)
    shares = tuple(1.0 + n / SHARES for n in range(1, SHARES + 1)) if whole else (2.0,)
    return Inner(
        micro,
        chunks,
        (0, 1, 2, 3) if group > 1 else (0,),
        groups,
        (0.0, *((1.0,) if selective else ()), *shares),
        (0, 1) if outer.tp > 1 else (0,),
        (0, 1) if whole else (0,),
    )
