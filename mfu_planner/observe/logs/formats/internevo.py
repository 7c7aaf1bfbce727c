"""InternEvo / InternLM: ``tflops=189.3,step=5,…,tgs (tokens/gpu/second)=4262.67``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys


@register
class InternEvo(Format):
    """Rates are per device; ``tgs_avg`` and the like are running means and are left alone."""

    name = "internevo"
    weight = 0.98
    hints = ("tgs (tokens/gpu/second)", "tgs(tokens/gpu/second)")
    mark = re.compile(r"\bstep[=:] ?\d+[^\n]{0,300}?tgs ?\(tokens/gpu/second\)[=:]")
    keys = Keys({
        "step": ("step", ""),
        "tflops": ("flops_per_s_per_device", "TFLOP/s"),
        "tgs (tokens/gpu/second)": ("tokens_per_s_per_device", ""),
        "num_consumed_tokens": ("tokens_total", ""),
    })  # fmt: skip
    warmup = 1
