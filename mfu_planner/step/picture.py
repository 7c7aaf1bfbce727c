"""The pipeline schedule as a picture: which stage does what and when, under (interleaved) 1F1B."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mfu_planner.errors import InputError

_BACKWARD = 2.0
"""A backward pass in units of a forward pass: twice its products."""
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Slot:
    """One pass of one micro-batch through one chunk of one stage."""

    stage: int
    chunk: int
    micro_batch: int
    forward: bool
    start: float
    """In units of one forward pass of a whole stage."""
    end: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every pass, and what share of the step the stages wait."""

    stages: int
    micro_batches: int
    virtual: int
    slots: tuple[Slot, ...]
    length: float
    """Of the step, in units of one forward pass of a whole stage."""
    bubble: float
    """Idle time relative to busy time: (p − 1) / (v m) for equal stages."""


@lru_cache(maxsize=64)
def schedule(stages: int, micro_batches: int, virtual: int = 1) -> Schedule:
    """Play one step of (interleaved) 1F1B with equal stages.

    Parameters
    ----------
    stages, micro_batches, virtual : pipeline stages, micro-batches of one step, chunks per stage.  Interleaving
        (``virtual`` above 1) needs micro-batches in multiples of the stages.

    Raises
    ------
    InputError
        A number below 1, no multiple, or more passes than a picture can hold.

    References
    ----------
    Narayanan et al. 2021, arXiv:2104.04473, section 2.2 and figure 4.
    """
    for name, value in (("pp", stages), ("micro-batches", micro_batches), ("vpp", virtual)):
        if value < 1:
            raise InputError(name, value, "a whole number of at least 1")
    if virtual > 1 and micro_batches % stages:
        raise InputError("vpp", virtual, f"1, or micro-batches ({micro_batches}) in a multiple of the {stages} stages")
    if stages * micro_batches * virtual * 2 > _MOST:
        raise InputError("pp", stages, "a schedule small enough to draw: fewer stages or micro-batches")
    slots = _play(stages, micro_batches, virtual)
    length = max(s.end for s in slots)
    busy = micro_batches * (1 + _BACKWARD)
    return Schedule(stages, micro_batches, virtual, tuple(slots), length, length / busy - 1)


def _order(stage: int, stages: int, micro_batches: int, virtual: int) -> list[tuple[bool, int, int]]:
    """What a stage does in turn, as (forward, chunk, micro-batch): warm-up, one forward one backward, cool-down."""
    total = micro_batches * virtual
    ahead = stages - stage - 1
    warm = min(total, ahead * 2 + (virtual - 1) * stages if virtual > 1 else ahead)
    forwards = [_unit(k, stages, virtual) for k in range(total)]
    backwards = [(virtual - 1 - chunk, batch) for chunk, batch in forwards]
    turns = [(True, *unit) for unit in forwards[:warm]]
    for k in range(total - warm):
        turns += [(True, *forwards[warm + k]), (False, *backwards[k])]
    return turns + [(False, *unit) for unit in backwards[total - warm :]]


def _unit(k: int, stages: int, virtual: int) -> tuple[int, int]:
    """(chunk, micro-batch) of a stage's k-th forward pass: micro-batches go through the chunks in groups."""
    if virtual == 1:
        return 0, k
    return (k % (stages * virtual)) // stages, k // (stages * virtual) * stages + k % stages


def _play(stages: int, micro_batches: int, virtual: int) -> list[Slot]:
    turns = [_order(s, stages, micro_batches, virtual) for s in range(stages)]
    done: dict[tuple[bool, int, int], float] = {}
    at, clock, slots = [0] * stages, [0.0] * stages, []
    last = stages * virtual - 1
    remaining = sum(map(len, turns))
    while remaining:
        before = remaining
        for s in range(stages):
            while at[s] < len(turns[s]):
                forward, chunk, batch = turns[s][at[s]]
                depth = chunk * stages + s
                needs = (True, depth - 1, batch) if forward else (False, depth + 1, batch)
                if not forward and depth == last:
                    needs = (True, depth, batch)
                ready = 0.0 if forward and depth == 0 else done.get(needs)
                if ready is None:
                    break
                start = max(clock[s], ready)
                end = start + (1.0 if forward else _BACKWARD) / virtual
                done[forward, depth, batch] = clock[s] = end
                slots.append(Slot(s, chunk, batch, forward, start, end))
                at[s] += 1
                remaining -= 1
        assert remaining < before, "the schedule waits for itself"
    return slots
