"""How far a predicted step time is to be trusted: errors on sources that no fit saw, by what is known of the case.

``calibration/ranges.yaml`` holds the method's numbers (written by ``calibration/fit_ranges.py``): the range of a case
like the published runs, a factor for each thing that is not known, for each doubling beyond what was seen, and, of a
stack without runs on such devices, for each halving of the predicted MFU: the less of a step is kernels that are
measured, the more of it is host and network that nobody measured there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.machine.calibrated import FORMAT_BYTES, calibration, generation, product_block
from mfu_planner.step.flops import training_flops

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mfu_planner.machine.own_stack import OwnStack
    from mfu_planner.step.case import Case

SIZES = ("parameters", "devices", "seq_len")
"""Sizes beyond whose published span a range widens."""
DOUBTS = {
    "no_runs": "no published run of this stack is on file",
    "other_device": "the stack's published runs are of other devices or number formats",
    "unlike": "no published run of this stack on such devices has about its parameters, devices and length",
    "one_source": "one source alone published runs of this stack on such devices",
    "assumed_stack": "the stack is assumed: --stack names it",
    "unmeasured_device": "matrix products of this device were not measured",
    "other_format": "runs in this number format are rare",
    "samples": "the model reads samples, not tokens",
    "adapters": "parts of the model are frozen",
}
"""What may not be known, in words."""
LIKE = 1.0
"""Doublings within which a size is like another."""
GENERIC = "generic"
"""The stack of which nothing is known."""
_UNSEEN = frozenset({"no_runs", "other_device"})
"""Doubts of a stack that has no run on such devices."""
_USUAL = ("bf16", "fp16", "fp8", "fp4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a range depends on."""

    stack: str
    named: bool
    """Whether the question names the stack."""
    device: str
    dtype: str
    params: float
    devices: float
    seq_len: float
    mfu: float
    """Predicted, under the convention that fits the model."""
    samples: bool = False
    adapters: bool = False
    own: OwnStack | None = None
    measured: bool = False
    """Whether the question brings a machine file: what was measured on the device itself."""

    @property
    def sizes(self) -> dict[str, float]:
        """The sizes of :data:`SIZES`."""
        return dict(zip(SIZES, (self.params, self.devices, self.seq_len), strict=True))

    @property
    def place(self) -> list[float]:
        """Base-two logarithms of the sizes; published runs are held by whole ones."""
        return [math.log2(size) for size in self.sizes.values()]


@dataclass(frozen=True, slots=True)
class Reach:
    """Factors around a step time, and what they rest on."""

    low: float
    high: float
    basis: str


def known_of(case: Case, seconds: float) -> Known:
    """What a range depends on, of a case that a question was read into and the seconds of its predicted step."""
    given, echo = case.said.given, case.said.echo
    flops = training_flops(case.architecture, case.work, case.division.convention)
    return Known(
        stack=case.stack.name,
        named=given.get("stack") is not None,
        device=str(echo["hardware"]),
        dtype=str(echo["dtype"]),
        params=float(case.division.params),
        devices=float(case.devices),
        seq_len=float(case.work.seq_len),
        mfu=float(flops) / (seconds * float(case.devices) * case.machine.peak_flops_per_s),
        samples=case.architecture.work_unit != "token",
        adapters=bool(given.get("lora_rank") or given.get("freeze")),
        own=case.said.own,
        measured=given.get("machine") is not None,
    )


@lru_cache(maxsize=4096)
def reach_on_file(known: Known) -> Reach:
    """The range of a case by all that is on file, see :func:`reach`; remembered."""
    return reach(known)


def reach(known: Known, ranges: Mapping[str, Any] | None = None, left_out: str | None = None) -> Reach:
    """The range of a case, as factors of its step time.

    ``ranges``, ``left_out``: fitted without a source, and that source, whose runs count as never seen.
    """
    held = calibration()["ranges"] if ranges is None else ranges
    own = known.own.evidence if known.own is not None else None
    if known.own is not None and own is not None:
        low, high = -math.log(own.range.low), math.log(own.range.high)
        spans = {"parameters": own.params, "devices": own.devices, "seq_len": own.seq_len}
        wider = _beyond(known, spans, held)
        basis = f"{known.own.name}, calibrated on {own.runs} own runs: each left out in turn"
    else:
        low, high = float(held["low"]), float(held["high"])
        missing, spans = unknown(known, held["seen"], left_out)
        wider = {DOUBTS[name]: float(held["wider"][name]) for name in missing}
        wider |= _beyond(known, spans, held)
        if below := halvings(known, missing, held):
            reason = f"a predicted MFU of {known.mfu:.0%} rests on how long a step waits, which no such run shows"
            wider[reason] = float(held["slow"]) ** below
        basis = f"four in five published runs of {held['sources']} sources, each predicted by fits that never saw it"
    factor = math.prod(wider.values())
    said = "; ".join(f"{reason} (× {each:.2g})" for reason, each in wider.items() if each >= 1.005)
    basis = f"{basis}. Wider: {said}" if said else basis
    return Reach(math.exp(-low * factor), math.exp(high * factor), basis)


def unknown(
    known: Known, seen: Mapping[str, Any], left_out: str | None = None
) -> tuple[tuple[str, ...], dict[str, list[float]]]:
    """(names of :data:`DOUBTS` that hold, span of each size in the published runs nearest in kind)."""
    of_stack = {kind: _others(runs, left_out) for kind, runs in seen.get(known.stack, {}).items()}
    sources = of_stack.get(kind_of(known.device, known.dtype), {})
    nothing = known.stack == GENERIC or not any(of_stack.values())
    at = known.place
    holds = {
        "no_runs": nothing,
        "other_device": not nothing and not sources,
        "unlike": bool(sources) and not any(_near(at, place) for places in sources.values() for place in places),
        "one_source": len(sources) == 1,
        "assumed_stack": not known.named,
        "unmeasured_device": product_block(known.device) is None and not known.measured,
        "other_format": known.dtype not in _USUAL,
        "samples": known.samples,
        "adapters": known.adapters,
    }
    spans = _spans(sources.values()) if sources else _everywhere(seen, left_out)
    return tuple(name for name, true in holds.items() if true), spans


def _spans(sources: Iterable[Any]) -> dict[str, list[float]]:
    """Smallest and largest of each size among the runs of some sources; empty without runs."""
    places = [place for each in sources for place in each]
    return {
        n: [2.0 ** min(p[i] for p in places), 2.0 ** max(p[i] for p in places)] for i, n in enumerate(SIZES) if places
    }


_EVERYWHERE: dict[str | None, tuple[Mapping[str, Any], dict[str, list[float]]]] = {}


def _everywhere(seen: Mapping[str, Any], left_out: str | None) -> dict[str, list[float]]:
    """The spans of all published runs, remembered for the runs that were asked about last."""
    known = _EVERYWHERE.get(left_out)
    if known is None or known[0] is not seen:
        every = (_others(runs, left_out) for kinds in seen.values() for runs in kinds.values())
        known = _EVERYWHERE[left_out] = seen, _spans(places for runs in every for places in runs.values())
    return known[1]


def _near(at: Sequence[float], place: Sequence[float]) -> bool:
    return all(abs(a - b) <= LIKE for a, b in zip(at, place, strict=True))


def doublings(known: Known, spans: Mapping[str, Any], most: float) -> dict[str, float]:
    """How many doublings each size lies beyond its span, at most ``most``."""
    found = {}
    for name, size in known.sizes.items():
        low, high = spans.get(name, (size, size))
        found[name] = min(most, max(0.0, math.log2(low / size), math.log2(size / high)))
    return found


def halvings(known: Known, missing: Iterable[str], held: Mapping[str, Any]) -> float:
    """How many halvings the MFU lies below the usual one, where no run of the stack on such devices shows why."""
    if _UNSEEN.isdisjoint(missing):
        return 0.0
    return min(float(held["most_doublings"]), max(0.0, math.log2(float(held["usual_mfu"]) / known.mfu)))


@cache
def kind_of(device: str, dtype: str) -> str:
    """Generation and width of format, as the published runs are grouped."""
    return f"{generation(device)} {'narrow' if FORMAT_BYTES.get(dtype, 2.0) < FORMAT_BYTES['bf16'] else 'wide'}"


def _others(runs: Mapping[str, Any], left_out: str | None) -> dict[str, Any]:
    return {source: box for source, box in runs.items() if source != left_out}


def _beyond(known: Known, spans: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, float]:
    names = {"parameters": "parameters", "devices": "devices", "seq_len": "tokens of length"}
    found = {}
    for name, count in doublings(known, spans, float(held["most_doublings"])).items():
        if count:
            low, high = spans[name]
            seen = f"{names[name]} beyond those of such runs ({low:,.4g} to {high:,.4g})"
            found[seen] = float(held["beyond"][name]) ** count
    return found
