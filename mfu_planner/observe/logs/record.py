"""One logged step in SI units, whatever framework printed it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Record:
    """What one logged step states; ``None`` where the log is silent.

    Rates without ``_per_device`` are of the whole job.  Times are in seconds, rates per second, FLOP/s in FLOP/s,
    ``mfu`` and ``hfu`` as fractions.
    """

    step: float | None = None
    time: float | None = None  # wall clock, seconds; only differences mean anything
    step_time_s: float | None = None
    steps_per_s: float | None = None
    tokens_per_s: float | None = None
    tokens_per_s_per_device: float | None = None
    samples_per_s: float | None = None
    samples_per_s_per_device: float | None = None
    flops_per_s: float | None = None
    flops_per_s_per_device: float | None = None
    hardware_flops_per_s_per_device: float | None = None
    mfu: float | None = None
    hfu: float | None = None
    global_batch: float | None = None
    tokens_per_step: float | None = None
    seq_len: float | None = None
    elapsed_s: float | None = None  # cumulative training time
    tokens_total: float | None = None
    samples_total: float | None = None
    data_s: float | None = None  # waiting for input, seconds per step
    phases: dict[str, float] | None = None  # seconds of named phases of the step
    evaluation: bool = False
    segment: int = 0  # grows where the text says that another run begins
    after: str = ""  # what the text speaks of since the record before: checkpoint, evaluation, start-up
    tag: str = ""  # the rank, pod or process that printed the line


#: Fields that are a speed, in the order in which they choose the steady window.
SPEEDS = (
    "step_time_s",
    "tokens_per_s",
    "tokens_per_s_per_device",
    "samples_per_s",
    "samples_per_s_per_device",
    "steps_per_s",
    "flops_per_s_per_device",
    "flops_per_s",
    "hardware_flops_per_s_per_device",
)
#: Fields that are averaged over the steady window.
AVERAGED = (*SPEEDS, "mfu", "hfu", "data_s")
#: Fields whose last value counts.
LAST = ("global_batch", "tokens_per_step", "seq_len")
