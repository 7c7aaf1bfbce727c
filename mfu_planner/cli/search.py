"""``mfu-planner search``."""

from __future__ import annotations

import sys
from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("search")
def command(as_json: bool, **flags: Any) -> None:
    """The best parallel layouts of a model: every one is evaluated; flags that are given stay fixed.

    \b
    mfu-planner search --model gpt-3-175b --hardware a100-sxm-80gb --devices 1024 --global-batch 1536 --seq-len 2048
    mfu-planner search --model llama-3.1-70b --cluster aws-p5,aws-p6-b200 --devices 256,512 --global-batch 1024 \\
        --tokens 2T --rank cost --deadline 60d
    """
    from mfu_planner.searching.search import search

    result = search(progress=_progress(), **flags)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    from mfu_planner.report.search import render_search

    emit(result, as_json, lambda console: render_search(result, console))


def _progress() -> Any:
    """A counter on a terminal's stderr, nothing elsewhere."""
    if not sys.stderr.isatty():
        return None
    return lambda done: print(f"\r{done:,} layouts", end="", file=sys.stderr, flush=True)
