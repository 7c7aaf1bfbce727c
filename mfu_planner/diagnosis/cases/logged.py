"""Small logs of each kind, whose cause is known by construction."""

from __future__ import annotations

import json
from collections.abc import Callable

from mfu_planner.diagnosis.cases.outcome import Outcome

RUN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "seq_len": 8192, "zero": 3, "micro_batch": 1,
       "recompute": "none", "search": False}  # fmt: skip
STEPS = range(1, 13)


def loader() -> str:
    """The meter's file: a step of 8 s, of which 2.8 s wait for data."""
    head = {"mfu_planner_meter": 1, "devices": 64, "flops_per_token": 5.8e10, "peak_flops_per_s": 9.894e14, "rank": 0}
    step = {"step_time_s": 8.0, "data_time_s": 2.8, "tokens_per_step": 2097152, "mfu": 0.24}
    lines = [head, *({"step": n, **step, "total_tokens": 2097152 * n, "timestamp": 1e9 + 8.0 * n} for n in STEPS)]
    return "".join(json.dumps(line) + "\n" for line in lines)


def exchange() -> str:
    """Megatron-DeepSpeed's timers: 2.4 of 7 s in the gradient all-reduce after the backward pass."""
    timers = "fwd: 1400.00 | bwd: 5200.00 | bwd_inner: 2800.00 | bwd_allreduce: 2400.00 | step: 120.00"
    return "".join(
        f"[2030-01-01 00:{7 * n // 60:02d}:{7 * n % 60:02d},100][I][megatron/training_log:402:training_log]  "
        f"iteration= {n}/ 90 | consumed_samples= {n * 256} | elapsed_time_per_iteration_ms=7000.0 | "
        "global_batch_size= 256 | actual_seqlen= 8192 | samples_per_second=36.571 | "
        "tokens_per_gpu_per_second_tgs=4681.1 |\n"
        f"[2030-01-01 00:{7 * n // 60:02d}:{7 * n % 60:02d},300] [INFO] [logging.py:107:log_dist] [Rank 0] "
        f"time (ms) | {timers}\n"
        for n in STEPS
    )


def outside() -> str:
    """OLMo-core: steps at 9,000 tokens/s per device, 5,000 over the whole run."""
    return "".join(
        f"[2030-01-01 00:{n:02d}:00] INFO olmo_core.train [step={n}/900,epoch=1]\n"
        "    throughput/device/TPS=9,000\n    throughput/device/TPS (actual avg)=5,000\n"
        for n in STEPS
    )


KINDS: dict[str, tuple[str, Callable[[], str]]] = {
    "log-loader": ("data-loading", loader),
    "log-exchange": ("communication", exchange),
    "log-outside-steps": ("goodput", outside),
}


def outcomes() -> list[Outcome]:
    """Diagnose each log with the run's settings."""
    from mfu_planner.diagnosis import diagnose

    return [
        Outcome(name, "log", "held out", cause, diagnose(log=write(), **RUN).first_cause or "")
        for name, (cause, write) in KINDS.items()
    ]
