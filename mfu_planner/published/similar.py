"""What similar published runs reached: a range of MFU, from an index that is read in a millisecond.

The index (``published_runs/mfu_index.json``) holds one entry for each model, hardware, job size and source: the best
layout's MFU, all under one convention and against the dense peak of the run's own number format.  Whoever plans a run
tunes its layout too; a sweep's bad layouts say nothing about that.

``python -m mfu_planner.backtesting.index --write`` writes the index anew; without
``--write`` it says whether it is fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

CONVENTION = "full"
"""The convention that all entries of the index are counted under."""

FEWEST = 3
"""Fewer runs than this say nothing."""

MIXTURE = 1.3
"""A model with more than this many times its active parameters is a mixture of experts."""

_WIDENING = ((2.0, 4.0), (2.0, None), (4.0, None), (10.0, None))
"""(factor in parameters, factor in devices) within which runs are similar, tried in turn; None: any."""

_FORMATS = {"fp16": "bf16", "tf32": "tf32"}


@dataclass(frozen=True, slots=True)
class Similar:
    """MFU of similar published runs: a low, a typical and a high figure (0–1)."""

    low: float
    """The 10th percentile (the least, for fewer than ten runs)."""
    typical: float
    """The median."""
    high: float
    """The 90th percentile (the greatest, for fewer than ten runs)."""
    n: int
    """How many runs (each the best layout of its kind)."""
    basis: str
    """Which runs: size, hardware, number format, convention."""
    links: tuple[str, ...]
    """Where the runs are published."""
    convention: str
    """How all of them are counted."""
    values: tuple[float, ...]
    """Every run's MFU, ascending."""

    def counted_as(self, convention: str, factor: float) -> Similar:
        """The same runs under another convention, whose work per token is ``factor`` times that of this one."""
        if factor == 1:
            return self
        return replace(
            self,
            low=self.low * factor,
            typical=self.typical * factor,
            high=self.high * factor,
            values=tuple(v * factor for v in self.values),
            basis=self.basis.replace(f"convention {self.convention}", f"convention {convention}"),
            convention=convention,
        )

    def share_below(self, mfu: float) -> float:
        """Share of the runs that reached less than ``mfu`` (counted under the same convention)."""
        return sum(v < mfu for v in self.values) / self.n


@lru_cache(maxsize=1)
def index() -> dict[str, Any]:
    """The index as it stands on disk."""
    from mfu_planner.facts import shipped_json

    found: dict[str, Any] = shipped_json("published_runs", "mfu_index.json")
    return found


def is_mixture(params: int, active_params: int) -> bool:
    """Whether a model is a mixture of experts: far more parameters than one token uses."""
    return params > MIXTURE * active_params


def similar_runs(
    params: int, hardware_id: str, devices: int | None = None, dtype: str = "bf16", *, mixture: bool = False
) -> Similar | None:
    """Published runs of about this size on this hardware; None where fewer than three are on file.

    Parameters
    ----------
    params
        Active parameters.
    hardware_id
        A catalogue id.
    devices
        Job size: runs within four times it are preferred.
    dtype
        Number format of the matrix products; 16-bit formats are one kind.
    mixture
        Whether the model is a mixture of experts (see ``is_mixture``): these reach less than dense models.
    """
    kind = _FORMATS.get(dtype, dtype)
    entries = [e for e in index()["runs"] if (e["hardware"], e["dtype"], e["mixture"]) == (hardware_id, kind, mixture)]
    for size_factor, devices_factor in _WIDENING:
        if devices is None and devices_factor is not None:
            continue
        found = [
            e
            for e in entries
            if _within(e["params"], params, size_factor)
            and (devices_factor is None or _within(e["devices"], devices, devices_factor))
        ]
        if len(found) >= FEWEST:
            of = f"{hardware_id}, {kind}{', mixtures' if mixture else ''}"
            return _summary(found, of, size_factor, devices_factor)
    return None


def _within(value: float | None, centre: float | None, factor: float) -> bool:
    return bool(value and centre) and centre / factor <= value <= centre * factor  # type: ignore[operator]


def _summary(found: Sequence[dict[str, Any]], of: str, size_factor: float, devices_factor: float | None) -> Similar:
    values = sorted(e["mfu"] for e in found)
    few = len(values) < 10
    job = "" if devices_factor is None else f", within {devices_factor:g}× of the job's devices"
    by_source: dict[str, int] = {}
    for e in found:
        by_source[e["source"]] = by_source.get(e["source"], 0) + 1
    sources = sorted(by_source, key=lambda name: -by_source[name])
    urls = index()["sources"]
    return Similar(
        low=values[0] if few else quantile(values, 0.1),
        typical=quantile(values, 0.5),
        high=values[-1] if few else quantile(values, 0.9),
        n=len(values),
        basis=(f"{of}, within {size_factor:g}× of the parameters{job}; best layout of each, convention {CONVENTION}"),
        links=tuple(dict.fromkeys(urls[name] for name in sources)),
        convention=CONVENTION,
        values=tuple(values),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of ascending values, by linear interpolation."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
