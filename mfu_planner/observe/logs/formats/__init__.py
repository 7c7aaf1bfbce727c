"""The log formats, one small file each: a new format is a new file here, whose class registers itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from mfu_planner.observe.logs.formats.base import REGISTRY, Format


@functools.cache
def all_formats() -> tuple[type[Format], ...]:
    """Every format in this folder, the most specific first."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return tuple(sorted(REGISTRY, key=lambda f: (-f.weight, f.name)))


def best_format(
    text: str, above: float = 0.0, without: frozenset[type[Format]] = frozenset()
) -> tuple[type[Format], float] | None:
    """The format that fits a stretch of text best, with its score in 0–1, or ``None`` when none scores above ``above``.

    The score is the format's weight (how surely its mark means this framework) times a share that grows with the number
    of marks found.
    """
    best: tuple[type[Format], float] | None = None
    for kind in all_formats():
        floor = above if best is None else best[1]
        if kind not in without and kind.weight > floor and (score := kind.score(text)) > floor:
            best = kind, score
    return best
