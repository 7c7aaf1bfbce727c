"""``mfu-planner predict``."""

from __future__ import annotations

from typing import Any

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("predict")
def command(as_json: bool, **flags: Any) -> None:
    """Predict one training step: its time, its MFU, and where the rest of the peak goes.

    \b
    mfu-planner predict --model llama-3.1-8b --hardware h100-sxm --devices 64 --tp 2 --global-batch 256
    """
    from mfu_planner.answers.predict import predict

    result = predict(**flags)
    from mfu_planner.report.predict import render_predict

    emit(result, as_json, lambda console: render_predict(result, console))
