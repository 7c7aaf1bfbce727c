"""``mfu-planner diagnose``."""

from __future__ import annotations

from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("diagnose")
def command(as_json: bool, files: tuple[str, ...] = (), **flags: Any) -> None:
    """Why the MFU is low, and what to change first: the gap, the causes, the gain of each fix.

    Takes whatever there is: a throughput, the layout, a log, a trace, a few answers.  FILE is a log or a trace, told
    by content.

    \b
    mfu-planner diagnose --model llama-3.1-8b --hardware h100-sxm --devices 64 \\
        --tokens-per-second-per-device 6000 --zero 3 --micro-batch 1 --compile --loader-workers 0
    mfu-planner diagnose train.log --model llama-3.1-8b --hardware h100-sxm --devices 64
    mfu-planner diagnose --trace rank0.json.gz
    """
    from mfu_planner.diagnosis import diagnose
    from mfu_planner.observe.traces.told import is_trace

    for file in files:
        kind = "trace" if is_trace(file) else "log"
        flags[kind] = (*flags.get(kind, ()), file)
    result = diagnose(**flags)
    from mfu_planner.diagnosis.render import render

    emit(result.as_json(), as_json, lambda console: render(result, console))
