"""What was counted of a model is counted once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfu_planner.architectures.model import Architecture
    from mfu_planner.operators import Workload

_REMEMBERED = 512
_PLAIN = (int, float, str, bool, type(None), tuple)


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what a function said of the architectures asked about last, known by identity, and a plain workload."""
    held: OrderedDict[Any, tuple[Any, Any]] = OrderedDict()

    @wraps(function)
    def asked(architecture: Architecture, work: Workload, *rest: Any) -> Any:
        values = (work.batch, work.seq_len, work.target_seq_len, work.images, work.clips, *rest)
        if not all(type(v) in _PLAIN for v in values):
            return function(architecture, work, *rest)
        key = (id(architecture), work.allowed_pairs_only, work.documents, *values)
        known = held.get(key)
        if known is not None:
            with suppress(KeyError):  # another thread may have dropped it
                held.move_to_end(key)
            return known[1]
        found = function(architecture, work, *rest)
        held[key] = (architecture, found)
        if len(held) > _REMEMBERED:
            held.popitem(last=False)
        return found

    return asked
