"""nanotron: ``iteration: 1 / 100 | … | elapsed_time_per_iteration_ms: 11.5K | tokens_per_sec: 22.8K``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys


@register
class Nanotron(Format):
    """Every number is cut to three digits and may carry K, M, G (milliseconds too)."""

    name = "nanotron"
    weight = 0.97
    hints = ("iteration:",)
    mark = re.compile(r"iteration: {0,4}\d+ ?/ ?\d+ \|[^\n]{0,200}?(?:elapsed_)?time_per_iteration_ms: ")
    keys = Keys({
        "iteration": ("step", ""),
        "consumed_tokens": ("tokens_total", ""),
        "elapsed_time_per_iteration_ms": ("step_time_s", "ms"),
        "time_per_iteration_ms": ("step_time_s", "ms"),
        "tokens_per_sec": ("tokens_per_s", ""),
        "tokens_per_sec_per_gpu": ("tokens_per_s_per_device", ""),
        "global_batch_size": ("global_batch", ""),
        "model_tflops_per_gpu": ("flops_per_s_per_device", "TFLOP/s"),
        "hardware_tflops_per_gpu": ("hardware_flops_per_s_per_device", "TFLOP/s"),
        "mfu": ("mfu", "%"),
        "hfu": ("hfu", "%"),
    })  # fmt: skip
    warmup = 2
