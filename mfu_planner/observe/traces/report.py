"""What reading a trace gives: frozen records in SI units."""

from __future__ import annotations

from typing import Literal

from mfu_planner.answers.results import Shown
from mfu_planner.run.frozen import Frozen


class TraceFinding(Frozen):
    """Something worth knowing about the trace, with its evidence."""

    code: str
    """Stable name, such as ``trace/exposed-communication``."""
    severity: Literal["note", "warning", "error"]
    message: str
    """One sentence for people."""
    evidence: dict[str, float | int | str]
    """The numbers that it rests on (seconds, fractions)."""


class Kernel(Frozen):
    """All activities of one name."""

    name: str
    kind: str
    """Its class: matrix, attention, optimizer, normalization, elementwise, other, communication, memcpy or memset."""
    count: int
    seconds: float
    """Sum of durations; on several streams they may overlap."""
    share_of_window: float


class TraceStep(Frozen):
    """One profiler step: what the device did between the step's start and end on the host."""

    step: int
    rank: int | None
    seconds: float
    busy_s: float
    compute_s: float
    communication_s: float
    exposed_communication_s: float
    idle_s: float


class Rank(Frozen):
    """One device of one trace."""

    file: str
    rank: int | None
    device: str | None
    device_index: str
    window_s: float
    busy_s: float
    compute_s: float
    communication_s: float
    exposed_communication_s: float
    memory_s: float
    idle_s: float
    idle: dict[str, float]
    breakdown: dict[str, float]
    activities: int


class Straggler(Frozen):
    """The rank that the others wait for inside collectives."""

    rank: int | None
    file: str
    waited_for_s: float
    """What the mean of the other ranks lost by arriving earlier at matched collectives."""
    compute_s: float
    median_compute_s: float
    waits_s: dict[str, float]
    """Per rank (or file), the time in collectives beyond the shortest participant's."""
    collectives: int
    """Matched collectives."""


class Waterfall(Frozen):
    """One part of a measured step."""

    name: str
    seconds: float
    share: float
    measured: bool
    """False for the ideal time, which is computed from the model's FLOPs and the device's peak."""


class TraceReport(Shown):
    """Where a profiler trace's time went.

    Times are seconds.  With several ranks every time is the mean over the ranks, so that the sums still hold:
    ``window_s = busy_s + idle_s`` and ``busy_s = compute_s + exposed_communication_s + exposed_memory_s``.
    """

    schema_version: int = 1
    files: tuple[str, ...]
    window: str
    """Which time was measured, in words."""
    window_s: float
    busy_s: float
    """Time in which any kernel, copy or set ran."""
    compute_s: float
    """Union of the kernels that are not communication."""
    communication_s: float
    """Union of the communication kernels."""
    exposed_communication_s: float
    """Communication during which no other kernel ran."""
    overlap: float | None
    """Hidden share of the communication; null where there is none."""
    exposed_memory_s: float
    """Copies and sets during which no kernel ran."""
    idle_s: float
    idle: dict[str, float]
    """Idle seconds by cause."""
    breakdown: dict[str, float]
    """Every moment of the window charged to one class, computation first: adds up to ``window_s``."""
    memcpy: dict[str, float]
    """Seconds of copies by direction (HtoD, DtoH, DtoD, PtoP)."""
    device: str | None
    world_size: int | None
    backend: str | None
    step_time_s: float | None
    """Mean profiler step, or mean distance of optimizer steps."""
    steps: tuple[TraceStep, ...]
    kernels: tuple[Kernel, ...]
    """The longest activities of each class, of the first file."""
    ranks: tuple[Rank, ...]
    straggler: Straggler | None
    late_rank: int | str | None
    """The rank (or file) that the others notably wait for inside collectives; None where none stands out."""
    mfu: float | None
    peak_flops_per_s: float | None
    flops_per_token: float | None
    convention: str | None
    tokens_per_s_per_device: float | None
    waterfall: tuple[Waterfall, ...]
    events: int
    clock_resolution_s: float
    """The coarsest step that the file's timestamps can express."""
    findings: tuple[TraceFinding, ...]
    warnings: tuple[str, ...]
