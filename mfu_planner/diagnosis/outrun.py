"""Runs that are faster than their description allows: what was not said of them is not what was assumed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.knowledge import knowledge

if TYPE_CHECKING:
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.gap import Gap

_DEGREES = ("tp", "pp", "ep")


def outrun(run: Described, gap: Gap) -> Described:
    """The run with the sentence that its settings do not describe it, where its batch or layout was assumed and they
    would take far longer: beyond the low end of the model's range by its own error on rows that no fit saw.
    """
    if run.bench is None or run.impossible or gap.ratio is None:
        return run
    if gap.ratio >= run.bench.base.low / float(knowledge()["model_error"]):
        return run
    flags = run.bench.flags
    degrees = [name for name in _DEGREES if name not in flags] if int(run.bench.base.echo["devices"]) > 1 else []
    if "global_batch" not in run.assumed and len(degrees) < len(_DEGREES):
        return run
    unsaid = ", ".join(f"--{name.replace('_', '-')}" for name in (*reversed(run.assumed), *degrees))
    said = f"the settings assumed would take {1 / gap.ratio:.1f} times the observed time"
    return replace(run, impossible=said, outrun=True, check=f"look up what was not said: {unsaid}")
