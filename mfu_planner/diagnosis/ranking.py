"""From the gap and the what-ifs to causes in order, each with a confidence: evidence before suspicion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mfu_planner.diagnosis.knowledge import knowledge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mfu_planner.diagnosis.effects import Effect
    from mfu_planner.diagnosis.evidence import Measured
    from mfu_planner.diagnosis.gap import Gap

NOTABLE = 0.02
"""Share from which a cause is worth a finding."""
MEASURED = 0.1
"""Measured share from which a cause stands before a rest that no prediction says is lost."""
CLOSE = 1.5
"""Two causes whose shares differ by less than this factor fit equally."""
CONFIDENCE = {"measured": "high", "predicted": "medium", "implied": "low", "unexplained": "low"}
_RANK = {"measured": 2, "predicted": 1, "implied": 1, "unexplained": 0}
HALF_PROVEN = "cpu"
"""The model's fixed cost of a step is a fitted remainder: half a proof."""


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


def clear(causes: Sequence[Ranked]) -> bool:
    """Whether the first cause stands out."""
    return len(causes) == 1 or causes[0].share > CLOSE * causes[1].share


def confidence(causes: Sequence[Ranked], gap: Gap) -> str:
    """Of the first cause: a predicted one that others, or what is not explained, come close to is a guess."""
    if not causes or (causes[0].basis == "predicted" and (not clear(causes) or causes[0].share < gap.unexplained)):
        return "low"
    return causes[0].confidence


def given_back(gap: Gap, measured: Measured) -> dict[str, float]:
    """Cause → share that the usual fix removes of what was measured."""
    removed = knowledge()["removed"]
    found: dict[str, float] = {}
    for part, evidence in measured.parts.items():
        cause = gap.causes.get(part, evidence.belongs)
        worth = float(removed.get(part, removed.get(cause, 0.5)))
        found[cause] = found.get(cause, 0.0) + worth * max(gap.shares.get(part, 0.0), 0.0)
    if measured.goodput is not None and measured.goodput < 1:
        found["goodput"] = float(removed["goodput"]) * (1 - measured.goodput)
    return found


def implied(gap: Gap) -> dict[str, float]:
    """Cause → share that the model, the framework or an idle device imply."""
    found: dict[str, float] = {}
    for part, basis in gap.basis.items():
        if basis == "implied" and gap.causes[part] != "unexplained":
            found[gap.causes[part]] = found.get(gap.causes[part], 0.0) + gap.shares[part]
    return found


def unexplained(gap: Gap) -> float:
    """Share that nothing explains and that lies beyond the model's own error, idle time without a reason included."""
    idle = gap.shares.get("device_idle", 0.0) if gap.causes.get("device_idle") == "unexplained" else 0.0
    return idle + (gap.unexplained if gap.beyond or gap.ratio is None else 0.0)


def rank(gap: Gap, measured: Measured, effects: Sequence[Effect], *, doubted: str = "") -> list[Ranked]:
    """Causes by what fixing them gives back, largest first.

    A measured loss counts by the share that its usual fix removes, a predicted one by the best what-if, an implied one
    by its share; what nothing explains stands first where it is larger than what anything known could give back.

    Parameters
    ----------
    doubted
        The cause that rests on a reading of something which was not given.
    """
    best: dict[str, Ranked] = {}

    def offer(candidate: Ranked) -> None:
        held = best.get(candidate.cause)
        if held is None or candidate.share > held.share:
            basis = candidate.basis if held is None or _RANK[candidate.basis] >= _RANK[held.basis] else held.basis
            best[candidate.cause] = Ranked(
                candidate.cause, candidate.share, basis, candidate.best or (held.best if held else None)
            )

    for cause, share in given_back(gap, measured).items():
        offer(Ranked(cause, share, "measured"))
    for effect in effects:
        if effect.change.names_cause and effect.basis == "predicted":
            _offer_effect(effect, offer)
    for cause, share in implied(gap).items():
        held = best.get(cause)
        if held is None or held.basis != "measured" or held.share < share:
            more = held.share if held is not None and held.basis == "predicted" else 0.0
            best[cause] = Ranked(cause, share + more, "implied", held.best if held else None)
    if doubted in best:
        best[doubted] = replace(best[doubted], basis="implied")
    most = 1 - gap.useful if gap.useful < 1 else 1.0
    offered = (replace(r, share=min(r.share, most)) for r in best.values() if r.share > 0)
    ordered = sorted(offered, key=lambda r: -r.share)
    return _with_unexplained(ordered, unexplained(gap), predicted=gap.ratio is not None)


def _offer_effect(effect: Effect, offer: Callable[[Ranked], None]) -> None:
    worth = 0.5 if effect.fits is False else 1.0  # a cause all the same, though this is no cure
    for cause, share in effect.by_cause.items():
        half = cause == HALF_PROVEN
        if cause == "unexplained" or min(share, effect.saves) <= 0 or (half and effect.kind != "fix"):
            continue
        given_back = worth * min(0.5 * share if half else share, effect.saves)
        offer(Ranked(cause, given_back, "implied" if half else "predicted", effect))


def _with_unexplained(ordered: list[Ranked], share: float, *, predicted: bool) -> list[Ranked]:
    """The causes with what nothing explains: in front where nothing known weighs as much.

    Without a prediction nobody knows what of the rest is lost at all: a measured loss stands before it.
    """
    if share < NOTABLE:
        return ordered
    known = ordered[0] if ordered else None
    heavy = known is not None and known.share >= share * (0.5 if known.basis == "measured" else 1.0)
    if known is not None and known.basis == "measured" and not predicted:
        heavy = heavy or known.share >= MEASURED
    nothing = Ranked("unexplained", share, "unexplained")
    return [ordered[0], nothing, *ordered[1:]] if heavy else [nothing, *ordered]


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
    if first.basis == "predicted" and second.share * CLOSE < first.share:
        return None
    return DECIDING.get(frozenset((first.cause, second.cause)), TRACE)
