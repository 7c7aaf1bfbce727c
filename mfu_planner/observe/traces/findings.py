"""What a person should notice in a trace report: coded findings with their numbers.

A share of the window is remarked on from ``NOTABLE`` upwards.  The thresholds decide only what is mentioned; no
reported number depends on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .report import Straggler, TraceFinding

if TYPE_CHECKING:
    from .report import Rank

NOTABLE = 0.05
"""Share of the window from which a part is worth a finding."""

_IDLE = {
    "host": "the device waits for the host: kernels are issued more slowly than they run (larger micro-batch, "
    "torch.compile, CUDA graphs, fused kernels)",
    "data": "the device waits for the next batch (more loader workers, prefetching, pinned memory, pre-tokenised data)",
    "synchronisation": "the host waits for the device and then has to fill its queue again (drop .item(), prints of "
    "tensors and synchronize() from the loop)",
    "allocation": "the device waits while the host allocates or frees its memory (expandable segments, less "
    "fragmentation)",
    "stream_wait": "queued kernels wait for another stream's event while nothing else runs",
    "launch_gap": "kernels that were asked for have yet to start: many short ones (CUDA graphs, fusion)",
    "unexplained": "the device is idle for no reason that the trace shows (profile the host's calls too)",
}


def findings(
    mean: dict[str, Any], ranks: list[Rank], last: Straggler | None, *, whole_us: bool, stacks: int
) -> list[TraceFinding]:
    """Findings of a report; the largest shares first, then what limits the reading.

    Parameters
    ----------
    mean
        ``window_s``, ``exposed_communication_s``, ``idle`` and ``breakdown`` of the report.
    ranks, last
        The ranks' records and the straggler.
    whole_us
        Device times are whole microseconds.
    stacks
        Python function events in the trace: the profiler recorded stacks.
    """
    window = mean["window_s"]
    found = [
        TraceFinding(
            code=f"trace/idle-{cause.replace('_', '-')}",
            severity="warning",
            message=f"{seconds / window:.1%} of the time {_IDLE[cause]}.",
            evidence={"seconds": seconds, "share": seconds / window},
        )
        for cause, seconds in mean["idle"].items()
        if seconds > 0 and seconds >= NOTABLE * window
    ]
    exposed, communication = mean["exposed_communication_s"], mean["communication_s"]
    if exposed > 0 and exposed >= NOTABLE * window:
        found.append(
            TraceFinding(
                code="trace/exposed-communication",
                severity="warning",
                message=f"{exposed / window:.1%} of the time only communication runs; "
                f"{1 - exposed / communication:.1%} of the communication is hidden behind computation.",
                evidence={"seconds": exposed, "share": exposed / window, "overlap": 1 - exposed / communication},
            )
        )
    minor = sum(mean["breakdown"][kind] for kind in ("normalization", "elementwise", "optimizer"))
    if minor > 0 and minor >= 2 * NOTABLE * window:
        found.append(
            TraceFinding(
                code="trace/memory-bound-kernels",
                severity="note",
                message=f"{minor / window:.1%} of the time goes to normalization, element-wise and optimizer kernels, "
                "which move memory rather than compute (fusion, torch.compile, a fused optimizer).",
                evidence={"seconds": minor, "share": minor / window},
            )
        )
    copies = mean["breakdown"]["memcpy"] + mean["breakdown"]["memset"]
    if copies > 0 and copies >= NOTABLE * window:
        found.append(
            TraceFinding(
                code="trace/exposed-copies",
                severity="warning",
                message=f"{copies / window:.1%} of the time only copies run (pinned memory, non_blocking copies).",
                evidence={"seconds": copies, "share": copies / window},
            )
        )
    found.sort(key=lambda f: -float(f.evidence["seconds"]))
    if last is not None and late(last, window) is not None:
        slower = last.compute_s / last.median_compute_s - 1 if last.median_compute_s else 0.0
        found.append(
            TraceFinding(
                code="trace/straggler",
                severity="warning",
                message=f"rank {late(last, window)} arrives last at the collectives: "
                f"the others wait {last.waited_for_s / window:.1%} of the time; its computation takes {slower:+.1%} "
                "against the median.",
                evidence={"waited_for_s": last.waited_for_s, "compute_against_median": slower, "ranks": len(ranks)},
            )
        )
    if whole_us:
        found.append(
            TraceFinding(
                code="trace/whole-microseconds",
                severity="note",
                message="times are whole microseconds: each gap between kernels may be off by one.",
                evidence={"activities": sum(r.activities for r in ranks)},
            )
        )
    if stacks:
        found.append(
            TraceFinding(
                code="trace/profiler-stacks",
                severity="note",
                message="the profiler recorded Python stacks, which slow the host: idle time from the host is "
                "overstated (with_stack=False).",
                evidence={"python_functions": stacks},
            )
        )
    return found


def late(last: Straggler | None, window_s: float) -> int | str | None:
    """The rank (its file, where it states none) whose late arrival costs the others a notable share of the window."""
    if last is None or window_s <= 0 or last.waited_for_s <= NOTABLE * window_s:
        return None
    return last.rank if last.rank is not None else last.file
