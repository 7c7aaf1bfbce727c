"""Fine-tuning: NeMo Automodel, Hugging Face's Trainer, LLaMA-Factory, torchtune."""

from __future__ import annotations

from mfu_planner.observe.logs.dialects.base import Dialect

AUTOMODEL = Dialect(
    name="nemo-automodel",
    about="``tps`` is of the whole job, ``tps_per_gpu`` per GPU; ``num_label_tokens`` is not the tokens of a step.",
    marks=(("tps", "tps_per_gpu"), ("tps", "num_label_tokens"), ("tps", "num_tokens_per_step")),
    keys={
        "step": ("step", ""),
        "timestamp": ("time", ""),
        "tps": ("tokens_per_s", ""),  # of the whole job
        "tps_per_gpu": ("tokens_per_s_per_device", ""),
        "num_tokens_per_step": ("tokens_per_step", ""),  # num_label_tokens leaves out what has no label
        "mfu": ("mfu", "%"),
    },
    warmup=2,
    uneven=True,
)

TORCHTUNE = Dialect(
    name="torchtune",
    about="``tokens_per_second_per_gpu``, real tokens.",
    marks=(("tokens_per_second_per_gpu",),),
    keys={
        "step": ("step", ""),
        "global_step": ("step", ""),
        "tokens_per_second_per_gpu": ("tokens_per_s_per_device", ""),
    },
    warmup=2,
)

DIALECTS = (AUTOMODEL, TORCHTUNE)
