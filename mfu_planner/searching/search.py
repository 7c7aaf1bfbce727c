"""The best layouts of a model on a cluster (or several), and why the obvious one lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer, nearest
from mfu_planner.questions.flags import whole
from mfu_planner.questions.layouts import SearchQuestion
from mfu_planner.questions.question import asks, under_own_names
from mfu_planner.questions.request import FLAGS
from mfu_planner.searching.cases import Grid, SearchPlace, around, grids, places_of
from mfu_planner.searching.evaluate import evaluate
from mfu_planner.searching.outcome import (
    best_of_each_first,
    degrees_first,
    distinct,
    doubted,
    obvious,
    pareto,
    place_of,
    ranked,
    row_of,
)
from mfu_planner.searching.rank import Best
from mfu_planner.searching.result import SearchResult
from mfu_planner.units import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RANKS = ("time", "cost", "devices")
OWN = (
    "devices", "hardware", "cluster", "rank", "top", "space", "tokens", "deadline", "goodput",
    "price", "provider", "term", "region", "as_of",
)  # fmt: skip


def search(progress: Callable[[int], None] | None = None, **given: Any) -> SearchResult:
    """Search TP × PP × VPP × DP × CP × EP × ZeRO × micro-batch × recomputation.

    Parameters
    ----------
    progress
        Called with the number of layouts looked at so far.
    **given
        The flags of ``mfu-planner search``: model, hardware or clusters, devices (one number or a list), global batch,
        sequence length; ``rank`` (time, cost, devices), ``top``, ``space`` (usual, whole), ``tokens``, ``deadline``,
        ``price``; a layout flag that is given stays fixed.

    Raises
    ------
    NoAnswer
        No layout fits.
    """
    explain, start = given.pop("explain", False), time.perf_counter()
    given = under_own_names(SearchQuestion, given)
    for name, asked in asks(SearchQuestion).items():
        if asked.ask.unit in ("flag", "date") and given.get(name) is not None:
            asked.read(given[name])
    rank, top, whole = _manner(given)
    places = list(places_of(given))
    bests = {id(place): Best(max(top, 50), top) for place in places}
    tried, left_out = grids(places, given, whole)
    evaluated, feasible = _try(tried, bests, progress)
    if left_out:
        near = [
            grid
            for place in places
            for grid in around(place, given, dict.fromkeys(found.degrees for found in bests[id(place)].ranked()))
        ]
        more = _try(near, bests, None)
        evaluated, feasible = evaluated + more[0], feasible + more[1]
    kept = [(place, found) for place in places for found in bests[id(place)].ranked()]
    if not evaluated:
        raise NoAnswer(
            "search: no layout divides these devices, this batch and the model's heads and layers as is asked; another "
            "number of devices, a batch that more of them divide, or fewer fixed flags would"
        )
    if not kept:
        raise NoAnswer(
            f"search: none of {evaluated:,} layouts fits into the memory that a framework can allocate; more devices, "
            "a smaller batch or sequence, or devices with more memory would"
        )
    rows = [row_of(place, found, price, given) for place, found in kept for price in place.prices]
    rows, heads = best_of_each_first(degrees_first(distinct(ranked(rows, rank, given))))
    shown = rows[: max(top, heads)]
    result = SearchResult(
        inputs={name: value for name, value in given.items() if value is not None},
        **_devices(places),
        evaluated=evaluated,
        feasible=feasible,
        elapsed_s=time.perf_counter() - start,
        rank=rank,
        layouts=tuple(shown),
        pareto=tuple(i for i in pareto(rows) if i < len(shown)),
        obvious=obvious(place_of(rows[0], places), rows[0], given),
        warnings=tuple(doubted(rows, given)),
        assumptions=(*_assumptions(places), *([_coarsely(left_out)] if left_out else ())),
    )
    return explained(result) if explain else result


def _try(tried: Iterable[Grid], bests: dict[int, Best], progress: Callable[[int], None] | None) -> tuple[int, int]:
    """Offer every layout of some grids to their place's best; (layouts, those that fit)."""
    evaluated = feasible = 0
    for place, outer, inner in tried:
        seconds, held, allowed = evaluate(outer, inner, place)
        fits = allowed & (held <= place.case.machine.usable_bytes)
        evaluated += inner.size
        feasible += int(fits.sum())
        bests[id(place)].offer(seconds, held, fits, outer, inner, place.devices, place.place, place.usual(outer))
        if progress is not None:
            progress(evaluated)
    return evaluated, feasible


def _coarsely(left_out: str) -> str:
    return f"the space is large: {left_out}, but around the best rows all are tried; flags that are given narrow it"


def explained(result: SearchResult) -> SearchResult:
    """The answer with the formulas of its best row's step and memory."""
    from mfu_planner.answers.predict import predict

    how = predict(**result.layouts[0]["question"], explain=True)
    return result.model_copy(update={"steps": how.steps, "sensitivities": how.sensitivities, "sources": how.sources})


def _devices(places: list[SearchPlace]) -> dict[str, Any]:
    """What one device is, where every case has the same kind."""
    first, *others = (place.device_facts for place in places)
    keys = ("device_is", "counted_as") if any(o != first for o in others) else tuple(first)
    return {k: first[k] for k in keys if k in first and all(o.get(k) == first[k] for o in others)}


def _manner(given: dict[str, Any]) -> tuple[str, int, bool]:
    unknown = [name for name in given if name not in (*FLAGS, *OWN)]
    if unknown:
        raise InputError(unknown[0], given[unknown[0]], "a known flag", nearest(unknown[0], (*FLAGS, *OWN)))
    rank = str(given.get("rank") or "time")
    if rank not in RANKS:
        raise InputError("rank", rank, ", ".join(RANKS), nearest(rank, RANKS))
    space = str(given.get("space") or "whole")
    if space not in ("usual", "whole"):
        raise InputError("space", space, "usual or whole")
    if given.get("goodput") is not None:
        parse(given["goodput"], "fraction", field="goodput")
    top = whole(given, "top") or 10
    return rank, top, space == "whole"


def _assumptions(places: list[SearchPlace]) -> list[str]:
    said = [
        "a layout fits when its peak is at most what a framework can allocate of the device's memory (usable_bytes)",
        "interleaved pipelines only where the stages divide the micro-batches and the layers (with embedding and loss "
        "counted as layers where only that makes stages equal); degrees divide heads, sequence and batch",
        "each choice of degrees once, then its variants and what published runs do not do: fewer than 4,096 tokens of "
        "a sequence a device under context parallelism, states in host memory; flags ask for it",
    ]
    said += dict.fromkeys(each for p in places for each in p.said)
    said += dict.fromkeys(price.said for p in places for price in p.prices if price.said)
    return said
