"""Which layouts there are: the outer degrees one by one, the inner choices as axes of one array."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfu_planner.step.division import Division

AXES = ("zero", "zero_group", "offload", "ep", "vpp", "micro_batch", "recompute", "sequence_parallel")
"""Axes of the inner grid, in the order of the array's dimensions: what holds states first, what runs layers last, so
that sums of the two run through long stretches of memory."""

MOST_CONTEXT, MOST_MICRO_BATCH = 64, 512
LEAST_CONTEXT_TOKENS = 256
"""Tokens of a sequence that a rank of context parallelism keeps at least."""
USUAL_CONTEXT_TOKENS = 4096
"""The same in every published run with sequences enough for its devices."""
SCARCE_CONTEXT_TOKENS = 1024
"""The same where a batch has fewer sequences than there are devices for them: 8,192 tokens on CP 8 of MLPerf Training's
Llama 2 70B LoRA."""
ENDS = 2
"""Embedding and head, where they count as layers of a pipeline."""
MOST_NODE = 16
"""TP goes up to two scale-up domains, counted as no larger than this."""


@dataclass(frozen=True)
class Fineness:
    """How finely the inner choices are tried."""

    shares: int
    """Steps in which a part of the layers is recomputed; 1: all of them or none."""
    groups: float
    """Sizes of the sharding group at most, spread evenly by their logarithm; 0: all devices."""
    offload: bool
    said: str = ""
    """What is left out, in words."""


WHOLE = (
    Fineness(24, math.inf, True),
    Fineness(6, math.inf, True, "parts of the layers are recomputed in sixths"),
    Fineness(6, 6, True, "parts of the layers are recomputed in sixths, sharding groups are of six sizes"),
    Fineness(3, 3, True, "parts of the layers are recomputed in thirds, sharding groups are of three sizes"),
    Fineness(1, 2, True, "all layers or none are recomputed in full, sharding groups are of two sizes"),
)
"""The whole space, and what is tried of it where it is too large to be tried in a second or two."""
USUAL = Fineness(1, 0, False)
"""No sharding groups, no offload, no part recomputation."""


@dataclass(frozen=True)
class Outer:
    """Degrees that fix which devices talk to which."""

    tp: int
    pp: int
    cp: int
    dp: int


@dataclass(frozen=True)
class Inner:
    """Values along each inner axis for one outer choice; ``len`` of the grid is their product."""

    ep: tuple[int, ...]
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
def divisors(number: int, most: int | None = None) -> tuple[int, ...]:
    """Divisors in ascending order, up to ``most`` where that is given."""
    if most is not None and most * most < number:
        return tuple(n for n in range(1, most + 1) if number % n == 0)
    small = [n for n in range(1, math.isqrt(number) + 1) if number % n == 0]
    return tuple(n for n in sorted({*small, *(number // n for n in small)}) if most is None or n <= most)


def _spread(values: tuple[int, ...], most: float) -> tuple[int, ...]:
    """At most so many of some ascending values, the ends among them."""
    if len(values) <= most:
        return values
    last, parts = len(values) - 1, int(most) - 1
    return tuple(values[round(n * last / parts)] for n in range(parts + 1)) if parts > 0 else ()


def outer_layouts(division: Division, devices: int, global_batch: int, seq_len: int, node: int) -> Iterator[Outer]:
    """Every (tp, pp, cp, dp) that divides heads, layers, sequence and batch.

    TP goes up to twice the scale-up domain (of at most 16); CP up to 64 and only where each rank keeps 256
    tokens or more.
    """
    heads, layers = division.heads, division.layers
    most_tensor = min(heads, 2 * min(node, MOST_NODE))
    for tp in divisors(devices, most_tensor):
        if heads % tp:
            continue
        for pp in divisors(devices // tp, 1 if division.two_stacks else layers):
            for cp in divisors(devices // tp // pp, MOST_CONTEXT):
                if cp > 1 and (seq_len % (2 * cp) or seq_len // cp < LEAST_CONTEXT_TOKENS):
                    continue
                dp = devices // tp // pp // cp
                if global_batch % dp == 0:
                    yield Outer(tp, pp, cp, dp)


def widest(inner: Inner, division: Division, global_batch: int) -> Inner:
    """A grid with every micro-batch and degree of EP that any layout has."""
    return replace(inner, ep=divisors(max(1, division.experts)), micro_batch=divisors(global_batch, MOST_MICRO_BATCH))


def ends_dealt(layers: int, stages: int) -> bool:
    """Whether stages are equal with embedding and head counted as layers, and without are not.

    References
    ----------
    .. [1] NVIDIA/Megatron-LM, ``account_for_embedding_in_pipeline_split``, ``account_for_loss_in_pipeline_split``.
    """
    return stages > 1 and layers % stages > 0 and (layers + ENDS) % stages == 0


def usual_context(outer: Outer, global_batch: int, seq_len: int) -> bool:
    """Whether published runs use such context parallelism: its ranks keep 4,096 tokens or more, 1,024 where the batch
    has fewer sequences than there are devices for them."""
    scarce = outer.cp * outer.dp > global_batch
    return outer.cp == 1 or seq_len // outer.cp >= (SCARCE_CONTEXT_TOKENS if scarce else USUAL_CONTEXT_TOKENS)


def inner_grid(
    outer: Outer,
    division: Division,
    global_batch: int,
    fineness: Fineness,
    *,
    shared: int = 1,
    selective: bool = True,
    ends: bool = False,
) -> Inner:
    """The inner choices under one outer choice.

    Parameters
    ----------
    shared
        Devices that share an expert's matrices.
    selective
        Whether it differs from no recomputation (with fused attention a stack may have nothing to select).
    ends
        Whether embedding and head count as layers: chunks of a stage are equal, or a stage is one chunk.
    """
    per_pipeline = global_batch // outer.dp
    micro = divisors(per_pipeline, MOST_MICRO_BATCH)
    layers = int(division.layers) + (ENDS if ends else 0)
    chunks = (1,) if outer.pp == 1 or layers % outer.pp else divisors(layers // outer.pp)
    group = outer.dp * outer.cp
    groups = _spread(divisors(group)[1:-1], fineness.groups) if fineness.groups else ()
    return Inner(
        tuple(
            ep for ep in divisors(max(1, division.experts)) if group % ep == 0 and outer.tp * group % (ep * shared) == 0
        ),
        micro,
        chunks,
        (0, 1, 2, 3) if group > 1 else (0,),
        (0, *groups),
        (0.0, *((1.0,) if selective else ()), *(1.0 + n / fineness.shares for n in range(1, fineness.shares + 1))),
        (0, 1) if outer.tp > 1 else (0,),
        (0, 1) if fineness.offload else (0,),
    )
