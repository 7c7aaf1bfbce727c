"""From the gap and the what-ifs to causes in order, each with a confidence, and the measurement that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.knowledge import knowledge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mfu_planner.diagnosis.effects import Effect
    from mfu_planner.diagnosis.evidence import Measured
    from mfu_planner.diagnosis.gap import Gap
    from mfu_planner.diagnosis.given import Answers

NOTABLE = 0.02
"""Share from which a cause is worth a finding."""
CLOSE = 1.5
"""Two causes whose shares differ by less than this factor fit equally."""
_RANK = {"measured": 2, "predicted": 1, "inferred": 0}
CONFIDENCE = {"measured": "high", "predicted": "medium", "inferred": "low"}


@dataclass(frozen=True)
class Ranked:
    """A cause and the share of the time that a fix of it could give back."""

    cause: str
    share: float
    basis: str
    best: Effect | None = None
    """The what-if that shows it."""

    @property
    def confidence(self) -> str:
        """high, medium or low."""
        return CONFIDENCE[self.basis]


def measured_losses(gap: Gap, measured: Measured) -> dict[str, float]:
    """Cause → share that was measured."""
    found: dict[str, float] = {}
    for part, evidence in measured.parts.items():
        cause = gap.causes.get(part, evidence.belongs)
        found[cause] = found.get(cause, 0.0) + max(gap.shares.get(part, 0.0), 0.0)
    return found


def _proves(effect: Effect) -> bool:
    """Whether a what-if speaks of causes."""
    return effect.change.names_cause and effect.basis == "predicted"


def rank(gap: Gap, measured: Measured, effects: Sequence[Effect], suspects: Mapping[str, float]) -> list[Ranked]:
    """Causes by what fixing them gives back, largest first.

    A measured loss counts by the share that its usual fix removes, a predicted one by the best what-if, a suspected
    one by its weight times the unexplained time; where several speak of one cause, the largest does.
    """
    removed = knowledge()["removed"]
    best: dict[str, Ranked] = {}

    def offer(candidate: Ranked) -> None:
        held = best.get(candidate.cause)
        if held is None or candidate.share > held.share:
            basis = candidate.basis if held is None or _RANK[candidate.basis] >= _RANK[held.basis] else held.basis
            best[candidate.cause] = Ranked(
                candidate.cause, candidate.share, basis, candidate.best or (held.best if held else None)
            )

    for cause, share in measured_losses(gap, measured).items():
        offer(Ranked(cause, float(removed.get(cause, 0.5)) * share, "measured"))
    if measured.goodput is not None and measured.goodput < 1:
        offer(Ranked("goodput", float(removed["goodput"]) * (1 - measured.goodput), "measured"))
    for effect in effects:
        if not _proves(effect):
            continue
        worth = 0.5 if effect.fits is False else 1.0  # a cause all the same, though this is no cure
        for cause, share in effect.by_cause.items():
            if cause == "cpu":  # the model's fixed cost of a step is a fitted remainder: half a proof
                share *= 0.5
            if cause != "unexplained" and min(share, effect.saves) > 0:
                offer(Ranked(cause, worth * min(share, effect.saves), "predicted", effect))
    for cause, share in suspects.items():
        held = best.get(cause)
        if held is not None and held.basis == "measured" and held.share >= share:
            continue
        total = share + (held.share if held and held.basis == "predicted" else 0.0)
        basis = "inferred" if held is None or held.share < share else held.basis
        best[cause] = Ranked(cause, total, basis, held.best if held else None)
    return sorted((r for r in best.values() if r.share > 0), key=lambda r: -r.share)


def _loader_weight(workers: int, p: Mapping[str, float]) -> float:
    if workers <= 1:
        return p["one_loader_worker"] if workers else p["no_loader_workers"]
    return p["many_loader_workers"] if workers >= 4 else 1.0


def weights(
    answers: Answers, measured: Measured, *, devices: int, node: int, compiled: bool | None
) -> tuple[dict[str, float], dict[str, float]]:
    """(weights of causes that leave the device idle, of those that keep it busy), after the answers."""
    p = knowledge()["priors"]
    idle, busy = dict(p["idle"]), dict(p["busy"])
    workers = answers.loader_workers
    if workers is not None:
        idle["data-loading"] *= _loader_weight(workers, p)
    if measured.loader_is_idle or "input" in measured.parts:
        idle["data-loading"] *= p["loader_wait_small"]
    if compiled is False:
        idle["kernel-launch"] *= p["eager"]
        busy["kernels"] *= p["eager"]
    elif compiled:
        idle["kernel-launch"] *= p["compiled"]
    if devices == 1:
        busy["communication"], busy["stragglers"] = 0.0, 0.0
    elif devices <= node:
        busy["communication"] *= p["single_node_communication"]
    elif devices >= p["large_job_devices"]:
        busy["stragglers"] *= p["large_job_stragglers"]
    if "stragglers" in measured.parts or answers.slowest_rank is not None:
        busy["stragglers"] = 0.0
    return idle, busy


_MEMORY = "time 50 steps on one batch kept in memory: if they are faster it is the loader"
_DOUBLE = "double the micro-batch: if the step time hardly grows, launches set it"
_ONE_NODE = "run the same micro-batch on one node: what goes away is communication"
_DECIDING = (
    (
        "data-loading",
        "communication",
        f"{_MEMORY}; if not, the network (a log alone cannot tell slow storage from a slow network)",
    ),
    ("data-loading", "cpu", f"{_MEMORY}, else the host"),
    ("data-loading", "kernel-launch", f"{_MEMORY}, else launches"),
    ("data-loading", "kernels", _MEMORY),
    ("data-loading", "memory-bound", _MEMORY),
    (
        "data-loading",
        "stragglers",
        "time 50 steps on one batch kept in memory on every rank: if they are faster it is a loader",
    ),
    ("cpu", "kernel-launch", "trace 5 steps: many short gaps between kernels are launches, few long ones are the host"),
    ("cpu", "communication", "trace 5 steps: an idle device is the host, a device inside collectives is communication"),
    (
        "kernel-launch",
        "communication",
        "trace 5 steps: gaps between kernels are launches, collectives alone communication",
    ),
    ("kernel-launch", "kernels", _DOUBLE),
    ("kernel-launch", "memory-bound", _DOUBLE),
    (
        "communication",
        "stragglers",
        "log each rank's compute time without collectives: one slow rank is a straggler, equal ranks mean the network "
        "(nccl-tests gives its rate)",
    ),
    ("communication", "kernels", _ONE_NODE),
    ("communication", "memory-bound", _ONE_NODE),
    (
        "communication",
        "pipeline-bubble",
        "double the micro-batches per step: the bubble's share halves, communication's stays",
    ),
    ("communication", "recomputation", "run two layers on one device with and without recomputation"),
    ("kernels", "stragglers", "log each rank's compute time without collectives, and each device's clock"),
    ("kernels", "recomputation", "run a few layers on one device with and without recomputation"),
)
DECIDING = {frozenset((a, b)): text for a, b, text in _DECIDING}
"""Two causes → the measurement that tells them apart."""
TRACE = "trace 5 steps (torch.profiler, or the JAX profiler) on one rank and give the file to --trace"


def deciding(first: Ranked, second: Ranked) -> str | None:
    """The measurement that tells the two first causes apart; none where the first is clear."""
    if first.basis == "measured" and (second.basis == "measured" or second.share * CLOSE < first.share):
        return None
    if first.basis != "inferred" and second.share * CLOSE < first.share:
        return None
    return DECIDING.get(frozenset((first.cause, second.cause)), TRACE)
