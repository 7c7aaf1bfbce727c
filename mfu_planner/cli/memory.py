"""``mfu-planner memory``."""

from __future__ import annotations

from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("memory")
def command(as_json: bool, **flags: Any) -> None:
    """Bytes on the fullest device of a layout, by kind: does it fit?

    \b
    mfu-planner memory --model llama-3.1-70b --hardware h100-sxm --devices 64 --tp 8 --global-batch 64
    """
    from mfu_planner.answers.memory import memory

    result = memory(**flags)
    from mfu_planner.report.memory import render_memory

    emit(result, as_json, lambda console: render_memory(result, console))
