"""Meta Lingua: ``step: 10 acc: 0 loss: 10.2 … flops: 4.20e+14 wps: 5.10e+04 iter: 1.23 data: 0.0012``."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.keys import Keys


@register
class Lingua(Format):
    """``wps`` is per device, ``flops`` FLOP/s of one device, ``iter`` and ``data`` seconds of a micro-batch step."""

    name = "lingua"
    weight = 0.95
    hints = ("wps:",)
    mark = re.compile(r"\bstep: {0,4}\d+ {1,4}acc: [^\n]{1,200}?\bwps: {0,4}[\d.]+")
    keys = Keys({
        "step": ("step", ""),
        "wps": ("tokens_per_s_per_device", ""),
        "flops": ("flops_per_s_per_device", ""),
    })  # fmt: skip
    warmup = 2
