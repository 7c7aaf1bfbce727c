"""Measurements that would decide where nothing known explains the time: one or two, the most telling first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.effects import Effect
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.diagnosis.describe import Described
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.loading import Loader
    from mfu_planner.diagnosis.observing import Observed

MOST = 2
"""Measurements that are named."""
USUAL_NODE = 8
"""Devices of a node, where nothing says."""
HOST = ("data-loading", "cpu", "kernel-launch")
ALL = (*HOST, "communication", "kernels", "memory-bound", "stragglers")
_TRACE = "trace 5 steps (torch.profiler, or the JAX profiler) on one rank and give the file to --trace"


def measurements(seen: Observed, run: Described, gap: Gap, loader: Loader, share: float) -> list[Effect]:
    """What to measure first, with what finding the cause could give back at most.

    Parameters
    ----------
    share
        Share of the time that is not explained.
    """
    found: list[Effect] = []
    for text, tells in _all(seen, run, loader):
        cause = "" if run.reading is None else run.reading.cause
        change = Change(text, f"measure-{len(found)}", cause=cause, kind="measure")
        most = min(share, 1 - gap.useful, _reach(seen, run) or 1.0)
        found.append(Effect(change, most, {}, None, 1.0, "unexplained", tells=tells))
        if len(found) == MOST:
            break
    return found


def _all(seen: Observed, run: Described, loader: Loader) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(what to do, causes that it tells apart), the most telling first."""
    if run.reading is not None:
        yield f"look up {run.reading.question}: it decides", (run.reading.cause,)
        return
    if run.impossible:
        yield run.check, ("offload", "communication", "memory-bound")
    if run.outrun:
        return
    yield from _batch(run)
    if seen.given.get("offload"):
        yield (
            "time the optimizer's step apart from forward and backward (DeepSpeed: wall_clock_breakdown): most of the "
            "time there is the host's update and the way to it",
            ("offload",),
        )
    devices, node = _places(seen, run)
    if devices <= node:
        yield from _clock(seen, run)
    used = seen.answers.gpu_utilisation
    busy = used is not None and used >= 0.9
    if (loader.suspect or loader.plausible) and not busy:
        yield (
            "time 50 steps on one batch kept in memory: if they are faster, it is the loader (tokenising or decoding "
            "on the fly, storage)",
            ("data-loading",),
        )
    if used is not None and not busy:
        gaps = "long gaps before a step are the loader, waits inside it the host (.item()), many short ones launches"
        yield f"{_TRACE}: {gaps}", HOST
        return
    if devices > node:
        where = "on one node" if devices > 8 else "on one device"
        yield (
            f"run the same micro-batch {where}, and nccl-tests over all of them: if the small run is as fast as "
            "expected, it is the network, whose rate --nic takes",
            ("communication", "stragglers"),
        )
    yield (
        f"{_TRACE}: an idle device is the loader or the host, collectives the network, long kernels the implementation",
        ALL,
    )


def _places(seen: Observed, run: Described) -> tuple[int, int]:
    """Devices of the job and of a node, as far as they are known."""
    if run.bench:
        return int(run.bench.base.echo["devices"]), int(run.bench.case.machine.node_devices)
    devices = seen.measurement.devices if seen.measurement else None
    return int(devices or 0), int(seen.given.get("devices_per_node") or USUAL_NODE)


def _reach(seen: Observed, run: Described) -> float:
    """Share of the time that an answer could save: what a reading explains, or what similar runs reach."""
    if run.reading is not None and run.without:
        return 1.0 - 1.0 / run.without
    verdict = seen.measurement.verdict if seen.measurement else None
    if run.bench is not None or verdict is None or not verdict.similar_typical or not seen.mfu:
        return 1.0
    return max(0.0, 1.0 - seen.mfu / verdict.similar_typical)


def _batch(run: Described) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A pipeline whose batch is not known has any bubble."""
    if run.bench is not None and int(run.bench.base.echo["pp"]) > 1 and "global_batch" in run.assumed:
        yield (
            "look up the global batch, or the accumulation steps (--global-batch): the pipeline's bubble rests on it",
            ("pipeline-bubble",),
        )


def _clock(seen: Observed, run: Described) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A rate in tokens and a batch say how long a step takes: what the clock says otherwise is padding."""
    given = seen.given
    rated = "tokens_per_second" in given or "tokens_per_second_per_device" in given
    if not rated or "global_batch" not in given or "step_time" in given or run.bench is None:
        return
    if "packed" in given or seen.answers.padding is not None or run.bench.request.model.work_unit != "token":
        return
    e = run.bench.base.echo
    if seen.device_s_per_token is None or not str(given["global_batch"]).isdecimal():
        return
    seconds = e["seq_len"] * int(given["global_batch"]) * seen.device_s_per_token / e["devices"]
    yield (
        f"time one step by the clock: at the stated rate a batch of {given['global_batch']} × {e['seq_len']:,} tokens "
        f"takes {seconds:.3g} s; if a step takes less, the rest of it is padding (--step-time, --padding), and packing "
        "cures it",
        ("padding",),
    )
