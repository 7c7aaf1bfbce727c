"""What the user gave, sorted: what was observed, how the run is laid out, answers, files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfu_planner.errors import InputError, nearest

FILES = ("log", "trace")
ANSWERS = (
    "gpu_utilisation",
    "loader_workers",
    "loader_wait",
    "compile",
    "eager",
    "fused_optimizer",
    "slowest_rank",
    "framework",
    "stack",
    "goodput",
    "search",
)
OBSERVED = (
    "tokens_per_second",
    "tokens_per_second_per_device",
    "step_time",
    "flops_per_second_per_device",
    "tokens",
    "device_hours",
    "reported_mfu",
    "mfu",
)
SUBJECT = (
    "model",
    "config",
    "params",
    "active_params",
    "seq_len",
    "target_seq_len",
    "image_size",
    "hardware",
    "peak",
    "dtype",
    "peak_dtype",
    "sparse",
    "convention",
    "devices",
    "global_batch",
    "recompute",
    "attention_kernel",
)
LAYOUT = (
    "cluster",
    "tp",
    "pp",
    "vpp",
    "cp",
    "ep",
    "dp",
    "micro_batch",
    "zero",
    "zero_group",
    "sequence_parallel",
    "recompute_share",
    "optimizer",
    "offload",
)
MONEY = ("price", "provider", "term", "region", "as_of")
"""What a device-hour costs: for the cost of the gap."""
KNOWN = (*FILES, *ANSWERS, *OBSERVED, *SUBJECT, *LAYOUT, *MONEY)
"""Everything that ``diagnose`` takes."""
SPELLINGS = {"gpu_utilization": "gpu_utilisation"}


@dataclass(frozen=True)
class Answers:
    """What the user knows without measuring a trace; none is "not said"."""

    gpu_utilisation: float | None = None
    """As the driver's tool shows it: share of the time with any kernel on the device."""
    loader_workers: int | None = None
    loader_wait: float | None = None
    """Share of a step, or seconds (then ``loader_wait_s``)."""
    loader_wait_s: float | None = None
    compiled: bool | None = None
    fused_optimizer: bool | None = None
    slowest_rank: float | None = None
    """Time of the slowest rank's own computation over the median rank's."""
    framework: str | None = None
    stack: str | None = None
    goodput: float | None = None


def sorted_given(given: dict[str, Any]) -> dict[str, Any]:
    """What was given, empty values left out.

    Raises
    ------
    InputError
        An unknown name.
    """
    given = {SPELLINGS.get(name, name): value for name, value in given.items()}
    for name in given:
        if name not in KNOWN:
            raise InputError(name.replace("_", "-"), given[name], "a known flag", nearest(name, KNOWN))
    return {name: value for name, value in given.items() if value is not None and value != ()}


def read_answers(given: dict[str, Any]) -> Answers:
    """The answers, checked.

    Raises
    ------
    InputError
        A value that makes no sense.
    """
    from mfu_planner.diagnosis.knowledge import framework_stack, knowledge
    from mfu_planner.units import parse

    compiled = given.get("compile")
    if given.get("eager"):
        if compiled:
            raise InputError("eager", True, "one of --compile and --eager")
        compiled = False
    framework = given.get("framework")
    if framework is not None and framework_stack(str(framework)) is None:
        known = tuple(knowledge()["framework_stacks"])
        raise InputError("framework", framework, ", ".join(known), nearest(str(framework), known))
    wait, seconds = _wait(given.get("loader_wait"))
    utilisation = given.get("gpu_utilisation")
    goodput = given.get("goodput")
    slowest = given.get("slowest_rank")
    if slowest is not None:
        slowest = parse(slowest, "count", field="slowest-rank")
        if slowest < 1:
            raise InputError(
                "slowest-rank", slowest, "slowest rank's compute time ÷ the median's, at least 1, such as 1.15"
            )
    return Answers(
        None if utilisation is None else parse(utilisation, "fraction", field="gpu-utilisation"),
        _workers(given.get("loader_workers")),
        wait,
        seconds,
        None if compiled is None else bool(compiled),
        given.get("fused_optimizer"),
        slowest,
        None if framework is None else str(framework),
        None if given.get("stack") is None else str(given["stack"]),
        None if goodput is None else parse(goodput, "fraction", field="goodput"),
    )


def _workers(value: Any) -> int | None:
    """Loader processes per training process; zero loads in the training process itself."""
    from mfu_planner.units import parse_whole

    if value is None or str(value).strip() == "0":
        return None if value is None else 0
    return parse_whole(value, "count", field="loader-workers")


def _wait(value: Any) -> tuple[float | None, float | None]:
    """(share, seconds) of a loader's wait: ``20%``, ``0.2`` or ``0.3s``."""
    from mfu_planner.units import parse

    if value is None:
        return None, None
    if str(value).strip() in ("0", "0.0", "0%", "0s"):
        return 0.0, None
    if isinstance(value, str) and not value.strip().endswith("%") and value.strip()[-1:].isalpha():
        return None, parse(value, "time", field="loader-wait")
    share = parse(value, "fraction", field="loader-wait")
    if share >= 1:
        raise InputError("loader-wait", value, "a share of the step below 100%, or seconds such as 0.3s")
    return share, None
