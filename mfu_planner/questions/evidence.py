"""Questions on what was seen of a run: log, trace, diagnose."""

from typing import Annotated, Any, ClassVar, Literal

from mfu_planner.questions.ask import Ask
from mfu_planner.questions.layout_parts import LayoutPart, NetworkPart, PlacePart, StackPart
from mfu_planner.questions.layouts import Layouted
from mfu_planner.questions.parts import BatchPart, HardwarePart, MoneyPart, ObservedPart, PricePart, WayPart
from mfu_planner.questions.runs import Run


class Logged(Run, BatchPart, PricePart):
    """What a log may not say, and where the run is to end: what log and watch share."""

    target_tokens: Annotated[float | None, Ask("token", "Target tokens", "2T", "Run")] = None
    """Tokens to reach: gives the remaining time, device-hours and cost."""
    tokens_done: Annotated[float | None, Ask("token", "Tokens done", "500B", "Run")] = None
    """Tokens trained so far, where the log does not say."""


class LogQuestion(Logged):
    """Throughput and MFU from a training log."""

    command: ClassVar[str] = "log"
    files: Annotated[tuple[str, ...], Ask("path", "File", "train.log", "Evidence", many=True, argument=True)] = ()
    """A log, a folder (a Weights & Biases run, say), or '-' for stdin; several files are parts of one run."""
    column: Annotated[tuple[str, ...], Ask("path", "Columns", "time=step_seconds", "Evidence", many=True)] = ()
    """For CSV and JSON lines: time, time_ms, tokens, total_tokens, elapsed, step, … is the column NAME."""
    recompute: Annotated[
        Literal["none", "selective", "full"] | None, Ask("choice", "Recomputation", "selective", "Layout")
    ] = None
    """Activation recomputation in the backward pass: known, it gives the HFU."""


class WatchQuestion(Logged):
    """A running job: MFU, expected finish and cost, alarms."""

    command: ClassVar[str] = "watch"
    files: Annotated[
        tuple[str, ...], Ask("path", "FILE|FOLDER|-- COMMAND", "train.log", "Evidence", many=True, argument=True)
    ] = ()
    """A log that grows, a folder of the logs of several jobs; behind -- a command to run."""
    every: Annotated[str, Ask("path", "Pause", "1m", "Answer")] = "1m"
    """Time between looks. Default: 1m."""
    rounds: Annotated[int | None, Ask("count", "Looks", "10", "Answer")] = None
    """End after this many looks. Empty: never."""
    predicted_mfu: Annotated[float | None, Ask("fraction", "Predicted MFU", "45%", "Observed")] = None
    """What `mfu-planner predict` says of the layout: a slower job raises an alarm."""
    prometheus: Annotated[str | None, Ask("name", "Prometheus", ":9464", "Answer")] = None
    """Serve the numbers for Prometheus at HOST:PORT; ':9464' is this machine alone."""
    textfile: Annotated[str | None, Ask("path", "Text file", "mfu.prom", "Answer")] = None
    """Write them for the node exporter's textfile collector at every look."""
    otel: Annotated[bool, Ask("flag", "OpenTelemetry", "", "Answer")] = False
    """Export over OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT says."""


class TraceQuestion(Run, BatchPart):
    """Where the time of a profiler trace went."""

    command: ClassVar[str] = "trace"
    files: Annotated[
        tuple[str, ...], Ask("path", "File", "rank0.json", "Evidence", many=True, argument=True, required=True)
    ] = ()
    """Chrome traces of torch.profiler or JAX, SQLite exports of Nsight Systems; a folder is several ranks."""
    window: Annotated[Literal["gpu", "steps"], Ask("choice", "Window", "steps", "Evidence")] = "gpu"
    """gpu: first to last device activity; steps: first to last profiler step."""
    step: Annotated[Any, Ask("path", "Step", "5:8", "Evidence")] = None
    """One profiler step (5) or a range (5:8) in place of a window."""
    top: Annotated[int, Ask("count or none", "Kernels", "5", "Answer")] = 5
    """Kernels shown per class. Default: 5."""
    jobs: Annotated[int | None, Ask("count", "Jobs", "4", "Evidence")] = None
    """Processes that read the ranks side by side."""
    scheduler: Annotated[str | None, Ask("name", "Scheduler", "tcp://head:8786", "Evidence")] = None
    """Address of a Dask scheduler whose workers see the files."""
    step_time: Annotated[float | None, Ask("time", "Step time", "5.2s", "Observed", bare=False)] = None
    """Of one optimizer step, where the trace does not show its steps."""


class DiagnoseQuestion(Run, BatchPart, ObservedPart, LayoutPart, PlacePart, NetworkPart, StackPart, MoneyPart, WayPart):
    """Why the MFU is low and what to change first."""

    command: ClassVar[str] = "diagnose"
    files: Annotated[tuple[str, ...], Ask("path", "File", "train.log", "Evidence", many=True, argument=True)] = ()
    """Logs and traces, told by content."""
    log: Annotated[Any, Ask("path", "Log", "train.log", "Evidence", many=True)] = None
    """A training log (as for `mfu-planner log`)."""
    trace: Annotated[Any, Ask("path", "Trace", "rank0.json.gz", "Evidence", many=True)] = None
    """A profiler trace, one file a rank."""
    mfu: Annotated[float | None, Ask("claim", "MFU", "40%", "Observed")] = None
    """The observed MFU, where no rate is known; one above 100% is explained."""
    padding: Annotated[float | None, Ask("fraction", "Padding", "30%", "Evidence")] = None
    """Share of the computed tokens that are padding; rates count the real ones."""
    gpu_utilisation: Annotated[
        float | None, Ask("fraction", "GPU utilisation", "60%", "Evidence", aliases=("gpu_utilization",))
    ] = None
    """What the driver shows (nvidia-smi), such as 60%: share of the time with any kernel."""
    loader_workers: Annotated[
        int | None, Ask("count or none", "Loader workers", "8", "Evidence", aliases=("num_workers",))
    ] = None
    """Processes per rank that load data; 0: the training process itself."""
    node_network: Annotated[
        float | None, Ask("byte_per_s", "Network of a node", "'100 Gb/s'", "Network", limits=(1e6, 1e14), bare=False)
    ] = None
    """Between nodes, of a whole node in one direction, such as '100 Gb/s'; --nic is one device's share of it."""
    recompute_modules: Annotated[str | None, Ask("names", "Recomputed modules", "core_attn,mlp", "Evidence")] = None
    """Which modules are computed again: core_attn, attention, mlp, moe, layernorm, …; in place of --recompute."""
    cores_per_loader: Annotated[float | None, Ask("number", "Cores per loader", "0.5", "Evidence")] = None
    """CPU cores that each loader process has for itself; 0.5: two share one."""
    sample_time: Annotated[float | None, Ask("time", "Time per sample", "20ms", "Evidence", bare=False)] = None
    """Of one loader process, to read and prepare one sequence or image."""
    sample_size: Annotated[float | None, Ask("byte", "Size of a sample", "'110 kB'", "Evidence", bare=False)] = None
    """Of one sequence or image as it is stored."""
    loader_wait: Annotated[Any, Ask("share or time", "Wait for data", "20%", "Evidence")] = None
    """Per step: a share (20%) or seconds (0.3s), where the log says it."""
    fused_optimizer: Annotated[
        bool | None, Ask("flag", "Fused optimizer", "", "Evidence", off="no-fused-optimizer")
    ] = None
    """Whether the optimizer is one kernel."""
    slowest_rank: Annotated[
        float | None, Ask("number", "Slowest rank", "1.15", "Evidence", limits=(1.0, float("inf")))
    ] = None
    """Its compute time ÷ the median's, such as 1.15."""
    framework: Annotated[str | None, Ask("name", "Framework", "megatron-lm", "Evidence")] = None
    """Whose kernels and overlap are assumed: megatron-lm, torchtitan, nanotron, nemo, maxtext, pytorch, …"""
    search: Annotated[bool, Ask("flag", "Search", "", "Answer", off="no-search")] = True
    """Look for a better layout too (about a second)."""
    apply: Annotated[Any, Ask("names", "Apply", "1,3", "Answer", many=True)] = None
    """Numbers of actions to take together, as the answer lists them: one prediction of the changed run."""


class CalibrateQuestion(Layouted, HardwarePart, PlacePart):
    """A stack of one's own, from a few measured steps."""

    command: ClassVar[str] = "calibrate"
    runs: Annotated[
        tuple[str, ...], Ask("path", "Runs", "run1.jsonl", "Evidence", many=True, argument=True, required=True)
    ] = ()
    """Logs, files of the Meter, folders, each with its flags in NAME.yaml or plan.yaml beside it; CSV files of runs."""
    base: Annotated[str | None, Ask("name", "Base stack", "megatron-2026", "Evidence")] = None
    """The stack on file to begin with. Empty: generic."""
    suggest: Annotated[int | None, Ask("count or none", "Suggestions", "3", "Answer")] = None
    """How many runs to propose next. Empty: 1."""
