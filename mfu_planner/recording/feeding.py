"""How a model is fed so that most of it runs, and the batches at which it is recorded and checked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mfu_planner.recording.building import parts_of
from mfu_planner.recording.inputs import BatchSizes, Recipe
from mfu_planner.recording.running import Pass, attend, record_pass, tries

_RECIPES = 4
"""Ways to feed a model that are compared; the first that reaches every module is taken."""
_SLOW = 1.5
"""Processor seconds of a small pass beyond which the lengths stay short: code that loops over positions."""
_LONGEST = 256
_IN_CHUNKS = ("chunk", "block", "bucket", "stride", "context_size")
_LONGEST_CHUNK = 1024
_KEPT_POSITIONS = 3
"""Rows of a position table that no position of a sequence has (RoBERTa's begin behind the padding's)."""


@dataclass(frozen=True, slots=True)
class Fed:
    """A model, how it is fed, and the sizes to record and to check."""

    model: Any
    recipe: Recipe
    points: tuple[BatchSizes, ...]
    checks: tuple[BatchSizes, ...]
    letters: frozenset[str]
    """BatchSizes beside the batch that the work may depend on."""


def fed_of(model: Any) -> Fed:
    """How a model is fed so that most of it runs, with sizes to record and to check."""
    attend(model, "eager")
    best: tuple[int, Recipe, float] | None = None
    for tried, (recipe, run) in enumerate(_timed(model)):
        idle = sum(p.numel() for p in _multiplying(model, idle_of(model, run[0].used)))
        if best is None or idle < best[0]:
            best = (idle, recipe, run[1])
        if not idle or tried + 1 >= _RECIPES:
            break
    if best is None:
        raise NotImplementedError("no inputs that the model takes")
    recipe, slow = best[1], best[2] > _SLOW
    letters = recipe.letters()
    if letters & {"i", "c"} and not _takes(model, recipe, 2):
        letters -= {"i", "c"}
    points, checks = _plan(model, recipe, letters, slow=slow)
    return Fed(model, recipe, points, checks, letters)


def _takes(model: Any, recipe: Recipe, images: int) -> bool:
    """Whether a model takes several images or sounds in one sequence."""
    sizes = _small(model, recipe, images)
    try:
        record_pass(model, recipe, sizes, backward=False)
    except Exception:  # noqa: BLE001 - a model's own code may fail in any way: then it takes one
        return False
    return sizes.s > _kept(recipe, images) or not sizes.s


def _timed(model: Any) -> Iterator[tuple[Recipe, tuple[Pass, float]]]:
    start = time.process_time()
    for recipe, run in tries(model, lambda recipe: _small(model, recipe)):
        yield recipe, (run, time.process_time() - start)
        start = time.process_time()


def _kept(recipe: Recipe, images: int) -> int:
    """Positions that images and sounds take."""
    return sum((count + 1) * images for _, count in recipe.places.values()) + (2 if recipe.places else 0)


def _small(model: Any, recipe: Recipe, images: int = 1) -> BatchSizes:
    longest = _positions(model) or 10**9
    letters = recipe.letters()
    return BatchSizes(
        b=1, s=min(24 + _kept(recipe, images), longest) if "s" in letters else 0, t=8 if "t" in letters else 0,
        i=images * ("i" in letters), c=images * ("c" in letters),
    )  # fmt: skip


def _plan(
    model: Any, recipe: Recipe, letters: frozenset[str], *, slow: bool
) -> tuple[tuple[BatchSizes, ...], tuple[BatchSizes, ...]]:
    """BatchSizes to fit and sizes to check at, no two of one ratio."""
    given = recipe.letters()
    more = 2 if letters & {"i", "c"} else 1

    def sizes(b: int, s: int = 0, t: int = 0, many: int = 1) -> BatchSizes:
        return BatchSizes(b, s, t, many * ("i" in given), many * ("c" in given))

    if not given & {"s", "t"}:
        return (sizes(1), sizes(2), *((sizes(1, many=2),) if more > 1 else ())), (sizes(3, many=more),)
    kept, most = _kept(recipe, more), _positions(model) or 10**9
    chunk = max(n for n in chunks_of(model.config, _IN_CHUNKS) if n <= _LONGEST_CHUNK)
    window = max(n for n in chunks_of(model.config, ("window",)) if n <= _LONGEST_CHUNK)
    span = min(40 if slow else max(_LONGEST, 4 * chunk, window), most - kept)
    if span < 8:
        raise NotImplementedError(f"only {most} positions beside {kept} of images")
    s = [(kept + max(2, round(span * share))) * ("s" in given) for share in (0.24, 0.52, 0.73, 0.89, 0.4, 1.0, 0.33)]
    t = [max(2, round(min(span, 64) * share)) * ("t" in given) for share in (0.3, 0.55, 0.8, 1.0, 0.45)]
    fit: tuple[tuple[int, int, int], ...]
    if "t" in given:
        fit = ((1, 0, 0), (1, 1, 1), (2, 2, 0), (1, 0, 2), (1, 3, 2), (2, 1, 0))
    else:
        fit = ((1, 0, 0), (1, 1, 0), (2, 2, 0), (1, 3, 0), (1, 6, 0))
    points = [sizes(b, s[n], t[m], more if k in (1, 4) else 1) for k, (b, n, m) in enumerate(fit)]
    return tuple(points), (sizes(2, s[5], t[3]), sizes(1, s[4], t[4], more))


def _positions(model: Any) -> int | None:
    """The longest sequence: what the config allows, less what some tables keep for padding."""
    from mfu_planner.questions.model import positions_of

    found = positions_of(model.config.get_text_config().to_dict()) or positions_of(model.config.to_dict())
    return None if found is None else max(1, found - _KEPT_POSITIONS)


def chunks_of(config: Any, words: Sequence[str] = (*_IN_CHUNKS, "window")) -> tuple[int, ...]:
    """Lengths in whose multiples the code may work, by the config's names and as is usual; then twice as long."""
    found = {
        value
        for part in parts_of(config)
        for key, field in vars(part).items()
        if any(word in key for word in words)
        for value in (field if isinstance(field, list | tuple) else (field,))
        if type(value) is int and 1 < value <= 4096
    }
    return tuple(sorted({*found, *(2 * n for n in found), 64}))


def idle_of(model: Any, used: frozenset[str]) -> list[str]:
    """Modules whose parameters no operation read."""
    alive = {id(model.get_parameter(name)) for name in used}
    idle = (name for name, p in model.named_parameters() if id(p) not in alive)
    return list(dict.fromkeys(name.rpartition(".")[0] for name in idle))


def working_of(model: Any, idle: Sequence[str]) -> list[str]:
    """Those of the modules that would multiply if they were called."""
    return [name for name in idle if any(True for _ in _multiplying(model, [name]))]


def _multiplying(model: Any, names: Sequence[str]) -> Iterator[Any]:
    import torch

    for name in names:
        module = model.get_submodule(name)
        kind = type(module).__name__
        if isinstance(module, torch.nn.Embedding) or "Norm" in kind:
            continue
        if kind.startswith(("Linear", "Conv", "NonDynamicallyQuantizable")) or kind.endswith(
            ("Experts", "Conv1D", "Linear")
        ):
            yield from module.parameters(recurse=False)
