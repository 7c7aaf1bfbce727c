"""``calibrate``: own measured steps in, a stack of one's own out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mfu_planner.calibrating.agreeing import agreeing, measured, merged
from mfu_planner.calibrating.reading import read_own
from mfu_planner.calibrating.result import CalibrationResult
from mfu_planner.calibrating.suggesting import suggestions
from mfu_planner.errors import InputError, nearest
from mfu_planner.fitting.fit import Calibration, calibrated
from mfu_planner.fitting.steps import NAMES, Floats
from mfu_planner.fitting.writing import factors, stack_file
from mfu_planner.machine.calibrated import stack_names
from mfu_planner.machine.multipliers import multipliers
from mfu_planner.machine.own_machine import read_machine

if TYPE_CHECKING:
    from mfu_planner.calibrating.reading import OwnRun

_BASE = "generic"
ENOUGH = 3
"""Runs from which on a calibration says most of what a few can say."""


def calibrate(
    *runs: Any, base: str | None = None, suggest: int | str = 1, output: str | Path | None = None, **flags: Any
) -> CalibrationResult:
    """Fit a few factors on a base stack to one's own measured steps.

    Parameters
    ----------
    runs
        Training logs of any known format, files of the Meter, folders (a Weights & Biases run), with the flags of
        ``predict`` in a YAML file beside each (of its name, or ``plan.yaml``); or CSV files in the format of the
        published runs.
    base
        The stack on file to begin with; generic where none is named.
    suggest
        How many runs to propose next.
    output
        Where ``stack.yaml`` is written, for ``--stack``.
    **flags
        Flags of ``predict`` that hold for every run; with ``machine`` the stack is for that machine file alone.

    Raises
    ------
    InputError
        A run that cannot be read, is not described, or runs that contradict each other.
    """
    from mfu_planner.units import parse_whole

    if not runs:
        raise InputError("runs", "nothing", "logs, or a CSV file of runs")
    name = base or _BASE
    if name not in stack_names():
        raise InputError("base", name, ", ".join(stack_names()), nearest(name, stack_names()))
    count = 0 if str(suggest) == "0" else parse_whole(suggest, "count", field="suggest")
    read, left = read_own(runs, name, flags)
    machine = None if flags.get("machine") is None else read_machine(flags["machine"]).digest
    own, odd = agreeing(merged(read), machine is not None)
    steps, seconds = measured(own)
    found = calibrated(steps, seconds, machine is not None)
    at_base, now = steps.log_seconds(np.stack([np.zeros(len(NAMES)), found.fit.logs]))
    warnings = [*left, *odd]
    if steps.count < ENOUGH:
        warnings.append(f"{steps.count} of one's own runs say little: three to five different ones say most")
    title = Path(output).stem if output is not None else "own-runs"
    content = {**stack_file(title, name, machine, found, steps), "runs": _runs(own, at_base, now, found)}
    return CalibrationResult(
        inputs={"runs": [str(run) for run in runs], "base": base, "suggest": count, **flags},
        warnings=tuple(warnings),
        name=title,
        base=name,
        constants={n: {**each, "meaning": multipliers()[n].meaning} for n, each in factors(found).items()},
        leave_one_out={"median": content["evidence"]["loo_median"], "rms": content["evidence"]["loo_rms"]},
        range=content["evidence"]["range"],
        suggested=tuple(suggestions(own, found, count)),
        runs=tuple(content["runs"]),
        stack=content,
        written=None if output is None else _written(content, output),
    )


def _runs(own: Sequence[OwnRun], at_base: Floats, now: Floats, found: Calibration) -> list[dict[str, Any]]:
    others = np.log([run.seconds for run in own]) + found.left_out if len(found.left_out) else [None] * len(own)
    return [
        {
            "run": run.name,
            "sha256": run.digest,
            "step_s": _short(run.seconds),
            "base_s": _short(np.exp(base)),
            "predicted_s": _short(np.exp(fitted)),
            "left_out_s": None if other is None else _short(np.exp(other)),
        }
        for run, base, fitted, other in zip(own, at_base, now, others, strict=True)
    ]


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")


def _written(content: Mapping[str, Any], output: str | Path) -> str:
    import yaml

    head = "# Written by mfu-planner calibrate; --stack takes it. Factors of time on the base stack.\n"
    text = head + yaml.safe_dump(dict(content), sort_keys=False, width=120, default_flow_style=None)
    try:
        Path(output).write_text(text, "utf-8")
    except OSError as error:
        raise InputError("output", str(output), f"a file that can be written ({error.strerror})") from None
    return str(output)
