"""The best layout that the search finds for the same run, as one more change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.errors import PlannerError
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfu_planner.diagnosis.bench import Bench

MANY = 512
"""Devices above which one degree stays as it is, so that the search takes no longer than the rest of the diagnosis."""
_KEPT = (
    "model",
    "config",
    "hardware",
    "machine",
    "dtype",
    "cluster",
    "stack",
    "attention_kernel",
    "compile",
    "optimizer",
    "etp",
    "seq_len",
)
_LAYOUT = (
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "zero",
    "zero_group",
    "sequence_parallel",
    "micro_batch",
    "recompute",
    "offload",
)


def searched(bench: Bench) -> Iterator[Change]:
    """The search's first layout, where it differs from the run's."""
    from mfu_planner.searching.search import search

    echo = bench.base.echo
    asked = {k: bench.flags[k] for k in _KEPT if bench.flags.get(k) is not None}
    asked |= {"devices": echo["devices"], "global_batch": echo["global_batch"], "top": 1}
    if echo["devices"] > MANY:
        kept = "ep" if echo["ep"] > 1 else "cp"
        asked |= {"space": "usual", kept: echo[kept]}
    try:
        best: dict[str, Any] = search(**asked)["layouts"][0]
    except PlannerError:
        return
    flags = {k: best.get(k) for k in _LAYOUT if (best.get(k) or None) != (echo.get(k) or None)}
    if flags:
        said = ", ".join(f"{k.replace('_', '-')} {v}" for k, v in flags.items() if v is not None)
        yield Change(
            f"the best layout of a search: {said}",
            "layout",
            {"dp": None, "recompute_share": None, **flags},
            effort="medium",
            risk="checkpoints to be resharded",
            names_cause=False,
        )
