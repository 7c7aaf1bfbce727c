"""Pre-training: torchtitan, fairseq and metaseq, Megatron's and NeMo's trackers, MaxText, nanochat, Composer."""

from __future__ import annotations

from mfu_planner.observe.logs.dialects.base import Dialect

TORCHTITAN = Dialect(
    name="torchtitan",
    about="``throughput(tps)`` is per device; model-parallel devices are divided out.",
    marks=(("throughput(tps)",), ("mfu(%)",), ("time_metrics/end_to_end(s)",)),
    keys={
        "step": ("step", ""),
        "_step": ("step", ""),
        "throughput(tps)": ("tokens_per_s_per_device", ""),  # model-parallel devices are divided out
        "wps": ("tokens_per_s_per_device", ""),
        "tflops": ("flops_per_s_per_device", "TFLOP/s"),
        "mfu(%)": ("mfu", "%"),
        "time_metrics/end_to_end(s)": ("step_time_s", "s"),
        "time_metrics/data_loading(s)": ("data_s", "s"),
    },
    warmup=2,
)

FAIRSEQ = Dialect(
    name="fairseq",
    about="``wps`` is target tokens/s of the whole job, ``wpb`` the tokens of an update, ``wall`` since the start.",
    marks=(("wps", "wpb"), ("wps", "ups", "num_updates")),
    keys={
        "num_updates": ("step", ""),
        "wps": ("tokens_per_s", ""),  # target tokens of the whole job
        "wpb": ("tokens_per_step", ""),
        "bsz": ("global_batch", ""),
        "ups": ("steps_per_s", ""),  # two digits; "wall" and "train_wall" count whole seconds of many updates
    },
    warmup=2,
    uneven=True,
)

MEGATRON = Dialect(
    name="megatron-tracker",
    about="``throughput`` is TFLOP/s per GPU, ``iteration-time`` in seconds.",
    marks=(("iteration-time",), ("throughput/tflops/device",), ("throughput/tflops_per_sec/device",)),
    keys={
        "step": ("step", ""),
        "_step": ("step", ""),
        "iteration-time": ("step_time_s", "s"),
        "throughput": ("flops_per_s_per_device", "TFLOP/s"),  # Megatron's name for TFLOP/s per device
        "throughput/tflops/device": ("flops_per_s_per_device", "TFLOP/s"),
        "throughput/tflops_per_sec/device": ("flops_per_s_per_device", "TFLOP/s"),
        "throughput/tokens/device": ("tokens_per_s_per_device", ""),
        "throughput/device/tokens_per_sec": ("tokens_per_s_per_device", ""),
        "throughput/tokens_per_sec": ("tokens_per_s", ""),
        "batch-size": ("global_batch", ""),
        "consumed-samples": ("samples_total", ""),
    },
    warmup=2,
)

NEMO = Dialect(
    name="nemo",
    about="``train_step_timing`` is seconds of a global step.",
    marks=(("train_step_timing in s",), ("train_step_timing",), ("train_step_timing in s", "global_step")),
    keys={
        "global_step": ("step", ""),
        "step": ("step", ""),
        "train_step_timing in s": ("step_time_s", "s"),
        "train_step_timing": ("step_time_s", "s"),
        "consumed_samples": ("samples_total", ""),
        "TFLOPS_per_GPU": ("flops_per_s_per_device", "TFLOP/s"),
        "tflops_per_sec_per_gpu": ("flops_per_s_per_device", "TFLOP/s"),
        "tokens_per_sec_per_gpu": ("tokens_per_s_per_device", ""),
    },
)

MAXTEXT = Dialect(
    name="maxtext",
    about="``perf/per_device_…`` rates are per device.",
    marks=(("perf/step_time_seconds",), ("perf/per_device_tflops_per_sec",)),
    keys={
        "step": ("step", ""),
        "perf/step_time_seconds": ("step_time_s", "s"),
        "perf/per_device_tflops_per_sec": ("flops_per_s_per_device", "TFLOP/s"),
        "perf/per_device_tokens_per_sec": ("tokens_per_s_per_device", ""),
    },
    warmup=2,
)

NANOCHAT = Dialect(
    name="nanochat",
    about="``train/tok_per_sec`` is of the whole job, ``train/mfu`` in percent.",
    marks=(("train/tok_per_sec", "train/dt"), ("tok_per_sec", "dt")),
    keys={
        "step": ("step", ""),
        "train/dt": ("step_time_s", "s"),
        "dt": ("step_time_s", "s"),
        "train/tok_per_sec": ("tokens_per_s", ""),
        "tok_per_sec": ("tokens_per_s", ""),
        "train/mfu": ("mfu", "%"),
        "mfu": ("mfu", "%"),
    },
    warmup=2,
)

T5X = Dialect(
    name="t5x",
    about="``timing/…_per_second`` is of the whole job, ``…_per_second_per_core`` of a device.",
    marks=(("timing/steps_per_second", "timing/seqs_per_second"), ("timing/seqs_per_second_per_core",)),
    keys={
        "step": ("step", ""),
        "timing/steps_per_second": ("steps_per_s", ""),
        "timing/seqs": ("global_batch", ""),
        "timing/seqs_per_second": ("samples_per_s", ""),
        "timing/target_tokens_per_second": ("tokens_per_s", ""),
        "timing/target_tokens_per_second_per_core": ("tokens_per_s_per_device", ""),
    },
    warmup=2,
)

EASYDEL = Dialect(
    name="easydel",
    about="``mlperf/step_time`` is seconds of a step, ``mlperf/execution_time`` those of its compiled function.",
    marks=(("mlperf/step_time",), ("mlperf/execution_time",)),
    keys={
        "step": ("step", ""),
        "mlperf/step_time": ("step_time_s", "s"),
        "mlperf/execution_time": ("step_time_s", "s"),
    },
    warmup=2,
)

DIALECTS = (T5X, EASYDEL, TORCHTITAN, FAIRSEQ, MEGATRON, NEMO, MAXTEXT, NANOCHAT)
