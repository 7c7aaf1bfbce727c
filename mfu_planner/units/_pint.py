"""The slow road: any unit that the registry can spell. Imports pint, so it is itself imported only when needed."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pint

from mfu_planner.units._dimensions import DIMENSIONS, Dimension

_OPTIONAL = ("usd_per_device_hour",)


@functools.cache
def registry() -> pint.UnitRegistry[Any]:
    """The project's unit registry (bytes, FLOP, tokens, devices, USD)."""
    return pint.UnitRegistry(str(Path(__file__).parent / "registry.txt"), autoconvert_to_preferred=False)


def factor(unit: str, wanted: Dimension) -> float | None:
    """How many canonical units one ``unit`` is; None when the dimension differs or the unit is unknown."""
    parsed = _unit(unit)
    if parsed is None:
        return None
    canonical = _unit(wanted.canonical)
    quantity = registry().Quantity(1.0, parsed)
    if wanted.name in _OPTIONAL and quantity.is_compatible_with("usd/second"):
        quantity = quantity / registry().Quantity(1.0, "device")
    if canonical is None or quantity.dimensionality != canonical.dimensionality:
        return None
    if wanted.name == "frequency" and "hertz" not in str(parsed):
        return None
    return float(quantity.to(canonical).magnitude)


def describe(unit: str) -> str | None:
    """The dimension of ``unit`` in words; None when the registry does not know it."""
    parsed = _unit(unit)
    if parsed is None:
        return None
    for dimension in DIMENSIONS.values():
        canonical = _unit(dimension.canonical)
        if canonical is not None and parsed.dimensionality == canonical.dimensionality:
            return dimension.words
    return str(parsed.dimensionality)


def _unit(text: str) -> Any:
    if not text:
        return registry().dimensionless
    if any(c not in _ALLOWED and not c.isalpha() for c in text):
        return None
    try:
        return registry().parse_units(text.replace(" ", "*"))
    except Exception:  # noqa: BLE001  pint lets tokenizer, syntax and attribute errors through for odd text
        return None


_ALLOWED = frozenset(" */()^_0123456789-")
