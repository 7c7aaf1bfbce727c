"""Computer vision: MMEngine and MMCV, Detectron2."""

from __future__ import annotations

from mfu_planner.observe.logs.dialects.base import Dialect

DETECTRON2 = Dialect(
    name="detectron2",
    about="``time`` is seconds of an iteration, the median of the last twenty; ``eta_seconds`` is no duration.",
    marks=(("iteration", "time", "eta_seconds"), ("iteration", "time", "data_time"),
           ("iteration", "time", "total_loss")),
    keys={
        "iteration": ("step", ""),
        "time": ("step_time_s", "s"),  # seconds of an iteration, the median of the last twenty
        "data_time": ("data_s", "s"),
    },
    warmup=2,
)  # fmt: skip

MMENGINE = Dialect(
    name="mmengine",
    about="``time`` is seconds of an iteration, the mean of the interval; ``data_time`` the loader's part.",
    marks=(("time", "data_time", "iter"), ("time", "data_time", "step"), ("time", "data_time", "epoch")),
    keys={
        "step": ("step", ""),
        "iter": ("step", ""),
        "time": ("step_time_s", "s"),  # seconds of an iteration, mean of the interval
        "data_time": ("data_s", "s"),
    },
)

DIALECTS = (DETECTRON2, MMENGINE)
