"""What a training log says, as one frozen object."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, computed_field

from mfu_planner.answers.results import OnDevices, Shown
from mfu_planner.run.frozen import Frozen


class _Finite(Frozen):
    model_config = ConfigDict(allow_inf_nan=False)


class LogFinding(_Finite):
    """A coded observation: what is wrong or notable, how sure, and the numbers behind it."""

    code: str
    """Stable name, e.g. ``log/mfu-out-of-range``; also the anchor of its page in the docs."""
    severity: Literal["note", "warning", "error"]
    message: str
    evidence: dict[str, float | str | None] = Field(default_factory=dict)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """The message, under the name that every finding of a log has."""
        return self.message


class Reported(_Finite):
    """What the log itself claims; utilisations as fractions, TFLOP/s as the framework prints them."""

    mfu: float | None = None
    hfu: float | None = None
    tflops_per_device: float | None = None
    hardware_tflops_per_device: float | None = None


class DroppedStep(_Finite):
    """A logged step outside the steady window."""

    step: float | None
    reason: str
    step_time_s: float | None = None


class SteadyWindow(_Finite):
    """The records that the figures are averaged over."""

    first_step: float | None = None
    last_step: float | None = None
    records: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    """Reason → number of records."""
    rule: str = ""
    basis: str | None = None
    """The logged quantity whose scatter chose the window."""
    step_time_p10_s: float | None = None
    step_time_p90_s: float | None = None


class ImpliedPeak(_Finite):
    """The peak rate that the log's own TFLOP/s and MFU imply."""

    flops_per_s: float
    matches: tuple[str, ...] = ()
    """Known peaks within 1%, e.g. ``h100-sxm bf16``."""


class Phase(_Finite):
    """A part of a step that a framework times by itself: generation, log-probabilities, training, weight sync …"""

    name: str
    seconds_per_step: float
    share: float | None = None
    """Of the step; phases that run beside each other add up to more than the step."""
    tokens_per_step: float | None = None
    """Tokens that the policy runs over in it."""
    model_flops_per_token: float | None = None
    """Forward only in generation and log-probabilities."""
    mfu: float | None = None
    reported_mfu: float | None = None
    """As the log says it."""
    own_convention_mfu: float | None = None
    """By the convention of the framework that wrote the log."""


class DeviceGroup(_Finite):
    """Devices that do the same: all of them in turn, or trainers beside generators."""

    name: str
    devices: int | None = None
    idle_share: float
    """Of a step in which none of its phases runs."""
    how: str = ""
    """What it is computed from."""


class Segment(_Finite):
    """A run of steps between two restarts, or of one speed."""

    first_step: float | None = None
    last_step: float | None = None
    records: int = 0
    step_time_s: float | None = None
    tokens_per_s: float | None = None
    tokens_per_s_per_device: float | None = None
    devices: int | None = None
    why: str = ""
    """What began it: a restart, another number of devices, a new file."""


class LogReport(OnDevices, Shown, _Finite):
    """Throughput and MFU of a training log.

    Seconds, per second, fractions; ``None`` where the log and the user leave it unknown (then ``warnings`` says so).
    """

    schema_version: int = 1
    format: str
    files: tuple[str, ...] = ()
    steps: int
    """Logged steps (one rank's), sampled ones counted."""
    first_step: float | None = None
    last_step: float | None = None
    total_steps: float | None = None
    window: SteadyWindow = SteadyWindow()
    dropped: tuple[DroppedStep, ...] = ()
    """The first fifty; ``window.dropped`` counts all."""
    copies: int = 0
    """Lines of other ranks that repeat a step."""

    step_time_s: float | None = None
    tokens_per_step: float | None = None
    tokens_per_s: float | None = None
    tokens_per_s_per_device: float | None = None
    samples_per_s: float | None = None
    devices: int | None = None
    global_batch: float | None = None
    seq_len: float | None = None
    device_name: str | None = None
    tokens_done: float | None = None

    reported: Reported = Reported()
    mfu: float | None = None
    """Null where it cannot be or two sources disagree; then ``mfu_by_arithmetic`` holds what comes out."""
    hfu: float | None = None
    mfu_by_arithmetic: float | None = None
    mfu_source: str | None = None
    achieved_flops_per_s_per_device: float | None = None
    peak_flops_per_s: float | None = None
    convention: str | None = None
    flops_per_token: float | None = None
    implied_peak: ImpliedPeak | None = None
    data_wait_share: float | None = None
    """Waiting for input as a share of the step, where the log states it."""
    parts_s: dict[str, float] = Field(default_factory=dict)
    """Mean seconds of named parts of a step (forward, backward, all-reduce), where the log states them."""
    job: dict[str, float] = Field(default_factory=dict)
    """What the file says of the whole run: ``runtime_s``, ``steps``, rates; start-up and checkpoints included."""
    phases: tuple[Phase, ...] = ()
    device_groups: tuple[DeviceGroup, ...] = ()
    """Idle share of each group of devices, where the phases of a step are timed."""
    segments: tuple[Segment, ...] = ()
    """Where the log holds more than one; the figures above are of the last."""
    goodput: dict[str, float] = Field(default_factory=dict)
    """Cause → seconds of the wall clock from the first to the last time stamp; they add up to it."""
    origins: dict[str, str] = Field(default_factory=dict)
    """Field → ``given``, ``stated (…)`` or ``derived: …``."""

    remaining_tokens: float | None = None
    remaining_s: float | None = None
    remaining_device_hours: float | None = None
    remaining_cost_usd: float | None = None

    findings: tuple[LogFinding, ...] = ()
    warnings: tuple[str, ...] = ()
