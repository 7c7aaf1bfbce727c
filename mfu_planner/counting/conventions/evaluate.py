"""Training FLOP per work unit under a convention."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from functools import cache
from typing import Any

from mfu_planner.architectures.model import Architecture
from mfu_planner.counting.conventions.catalogue import MAIN, OTHERS
from mfu_planner.counting.conventions.definition import SWITCHES, Convention
from mfu_planner.counting.conventions.parts import contributions
from mfu_planner.counting.remembered import remembered
from mfu_planner.errors import InputError, nearest
from mfu_planner.numeric import Number
from mfu_planner.operators import Workload


@cache
def _all() -> dict[str, Convention]:
    return {c.name: c for c in (*MAIN, *OTHERS)}


def names(*, versions: bool = False) -> tuple[str, ...]:
    """The names of the conventions; with ``versions``, older versions and further sources too."""
    return tuple(_all()) if versions else tuple(c.name for c in MAIN)


def convention(name: str, **switches: Any) -> Convention:
    """A convention by name, with some of its switches set otherwise where asked.

    Raises
    ------
    InputError
        An unknown name (with the nearest ones).
    """
    found = _all().get(name.strip().lower().replace("_", "-"))
    if found is None:
        accepted = f"one of {', '.join(names(versions=True))}"
        raise InputError("convention", name, accepted, nearest(name, names(versions=True)))
    return replace(found, **{k: _switch(k, v) for k, v in switches.items()}) if switches else found


def _switch(name: str, value: Any) -> Any:
    """The value of a switch, from its name in a fact file (``pairs: none``, ``passes: 2``) where it is one."""
    if isinstance(value, str) and name in SWITCHES:
        try:
            return SWITCHES[name][value.upper().replace(" ", "_")]
        except KeyError:
            accepted = ", ".join(member.name.lower() for member in SWITCHES[name])
            raise InputError(f"convention: {name}", value, accepted) from None
    if name in {"passes", "attention_passes"}:
        return Fraction(value)
    known = [f.name for f in fields(Convention)]
    if name not in known:
        raise InputError("convention", name, "a switch of a convention", nearest(name, known))
    return value


def work_units(architecture: Architecture, work: Workload) -> Number:
    """What a per-unit figure divides by: tokens (source and target together), or samples."""
    if architecture.work_unit == "sample":
        return work.batch
    return work.batch * (work.seq_len + work.target_seq_len)


def why_not(convention: Convention, architecture: Architecture) -> str | None:
    """The reason why a convention says nothing about an architecture; None where it does."""
    if architecture.work_unit == "sample" and not convention.samples:
        return f"{convention.name} counts FLOP per token of a language model; this model works on samples"
    if architecture.encoder_decoder and not convention.encoder_decoders:
        return f"{convention.name} takes every token through every layer; source and target take different ones here"
    return None


def batch_flops(
    convention: Convention, architecture: Architecture, work: Workload, *, tensor_parallel: int = 1
) -> Number:
    """Training FLOP of one batch under a convention (exact for ints; float64 for arrays)."""
    parts = contributions(convention, architecture, work, tensor_parallel=tensor_parallel)
    return sum(part.flops for part in parts)


def per_unit(flops: Number, units: Number) -> Number:
    """``flops / units``: an int or a Fraction for ints, float64 for arrays."""
    if isinstance(flops, int | Fraction) and isinstance(units, int):
        exact = Fraction(flops) / units
        return exact.numerator if exact.denominator == 1 else exact
    return flops / units


def flops_per_unit(
    architecture: Architecture, work: Workload, convention: Convention | str, *, tensor_parallel: int = 1
) -> Number:
    """Training FLOP (forward + backward) per work unit (token or sample) under a convention.

    Parameters
    ----------
    architecture, work
        The model and one batch; ints give an exact int or Fraction, float64 arrays an array.
    convention
        A name or a definition.
    tensor_parallel
        Tensor-parallel size: Megatron-LM pads the vocabulary to a multiple of 128 times it.

    Raises
    ------
    InputError
        Where the convention says nothing about this architecture.
    """
    chosen = _resolve(convention)
    if reason := why_not(chosen, architecture):
        raise InputError("convention", chosen.name, f"full or causal for {architecture.name}: {reason}")
    flops = batch_flops(chosen, architecture, work, tensor_parallel=tensor_parallel)
    return per_unit(flops, work_units(architecture, work))


def by_convention(
    architecture: Architecture, work: Workload, *, versions: bool = False, tensor_parallel: int = 1
) -> dict[str, Number | None]:
    """Training FLOP per work unit under every convention; None where one says nothing (see ``why_not``)."""
    return dict(_by_convention(architecture, work, versions, tensor_parallel))


@remembered
def _by_convention(
    architecture: Architecture, work: Workload, versions: bool, tensor_parallel: int
) -> dict[str, Number | None]:
    return {
        name: None
        if why_not(_all()[name], architecture)
        else flops_per_unit(architecture, work, name, tensor_parallel=tensor_parallel)
        for name in names(versions=versions)
    }


def _resolve(chosen: Convention | str) -> Convention:
    return convention(chosen) if isinstance(chosen, str) else chosen
