"""What each framework means by the metrics that it writes: a key is read by its framework's meaning, not by its name.

The same keys come as JSON lines, CSV columns, TensorBoard tags, dictionaries in a console or the summary of a tracker.
"""

from __future__ import annotations

import functools

from mfu_planner.observe.logs.dialects import fine_tuning, pretraining, reinforcement, vision
from mfu_planner.observe.logs.dialects.base import Dialect

#: The most specific first: the first whose marks a row has is the one.
DIALECTS: tuple[Dialect, ...] = (
    *reinforcement.DIALECTS,
    *fine_tuning.DIALECTS,
    *pretraining.DIALECTS,
    *vision.DIALECTS,
)


@functools.lru_cache(maxsize=1024)
def dialect_of(names: frozenset[str]) -> Dialect | None:
    """The framework that writes these metrics together, or ``None``.

    >>> dialect_of(frozenset({"tps", "tps_per_gpu", "step"})).name
    'nemo-automodel'
    """
    return next((d for d in DIALECTS if d.fits(names)), None)


def named(name: str) -> Dialect:
    """The dialect of a name."""
    return next(d for d in DIALECTS if d.name == name)


__all__ = ["DIALECTS", "Dialect", "dialect_of", "named"]
