"""Facts that were not given and decide: the reading of them that explains the observation is taken, and said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.bench import Bench, bench_of
from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.errors import PlannerError
from mfu_planner.machine.eager import is_known

if TYPE_CHECKING:
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.observing import Observed

SLOW = 1.1
"""Observed ÷ predicted from which a run's speed asks for another reading of what was not said."""
BETTER = 0.1
"""How much nearer (in the logarithm) another reading must come to be taken."""
EXPLAINS = 0.35
"""Share of the distance (in the logarithm) that an unusual reading may leave."""
NEAR = 1.6
"""Observed ÷ predicted, or its inverse, that a reading may leave."""
CRAMPED = 0.15
"""Share of the device's memory from which people recompute: a toy model never."""


@dataclass(frozen=True)
class Unsaid:
    """Another reading of something that was not given."""

    flags: dict[str, Any]
    cause: str
    """What it makes the cause."""
    question: str
    """What to look up, and the flag that says it."""
    words: str
    """The reading."""
    likely: bool = False
    """Whether it is as usual as the default: then it need not lie outside the model's range to be taken."""
    compiled: bool | None = None


def settled(run: Described, seen: Observed) -> Described:
    """The run with the reading that explains what was observed, where the default does not."""
    if run.bench is None or not seen.device_s_per_token or (seen.mfu or 0) >= 1:
        return run
    base = run.bench.base
    observed = seen.device_s_per_token * (1 - seen.padding)
    ratio = observed / base.per_token
    if ratio < SLOW:
        return run
    best: tuple[float, Unsaid, Bench] | None = None
    for reading in readings(run, seen):
        if best is not None and reading.cause == "communication":
            break  # some network or other explains any time: only where nothing else does
        if not reading.likely and ratio <= max(base.high, float(knowledge()["model_error"])):
            continue
        try:
            bench = bench_of({**run.bench.flags, **reading.flags}, run.bench.own)
        except PlannerError:
            continue
        other = observed / bench.base.per_token
        off = abs(math.log(other))
        most = math.log(ratio) - BETTER if reading.likely else EXPLAINS * math.log(ratio)
        if off < min(most, math.log(NEAR)) and (best is None or off < best[0] - BETTER):
            best = (off, reading, bench)
    if best is None:
        return run
    _off, reading, bench = best
    slower = f"{ratio:.2f} times the expected one without"
    said = f"{reading.words} assumed: it was not said, and explains the observed time ({slower})"
    return replace(
        run,
        bench=bench,
        compiled=run.compiled if reading.compiled is None else reading.compiled,
        assumptions=(
            *(a for a in run.assumptions if not (reading.compiled is False and a.startswith("compiled"))),
            said,
        ),
        assumed=tuple(name for name in run.assumed if name not in reading.flags),
        reading=reading,
        without=ratio,
    )


def readings(run: Described, seen: Observed) -> Iterator[Unsaid]:
    """Other readings of what was not said, the most usual first."""
    assert run.bench is not None
    e, flags = run.bench.base.echo, run.bench.flags
    if seen.answers.compiled is None and is_known(run.bench.case.stack.name):
        yield Unsaid(
            {"compile": False},
            "kernels",
            "whether the blocks are compiled (torch.compile): --compile or --eager",
            "an eager run",
            likely=True,
            compiled=False,
        )
    if e["pp"] > 1 and "global_batch" in run.assumed:
        few = e["dp"] * e["micro_batch"]
        yield Unsaid(
            {"global_batch": few},
            "pipeline-bubble",
            "the global batch, or the accumulation steps: --global-batch",
            f"a global batch of {few}, one micro-batch in the pipeline,",
        )
    cramped = run.bench.base.memory_bytes > CRAMPED * (run.bench.case.machine.memory_bytes or math.inf)
    if "recompute" in run.assumed and e["recompute"] != "full" and cramped:
        yield Unsaid(
            {"recompute": "full"},
            "recomputation",
            "what is recomputed (activation checkpointing): --recompute",
            "full recomputation",
        )
    if "attention_kernel" in run.assumed and e["attention_kernel"] == "fused" and e["stack"] == "generic":
        yield Unsaid(
            {"attention_kernel": "unfused"},
            "kernels",
            "the attention implementation: --attention-kernel",
            "unfused attention",
        )
    node = run.bench.case.machine.node_devices
    stated = any(name in flags for name in ("nic", "fabric", "cluster", "machine"))
    if e["devices"] > node and not stated and not e["offload"] and e["ep"] == 1:
        for name, gigabits in knowledge()["slow_networks"]["gigabits"].items():
            yield Unsaid(
                {"nic": f"{gigabits / 8 / node!r} GB/s"},
                "communication",
                "the network between nodes, measured by nccl-tests on two of them: --nic",
                f"{name} between nodes",
            )
