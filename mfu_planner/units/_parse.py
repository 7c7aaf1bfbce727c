"""Text or number to a float in the canonical unit of a dimension."""

from __future__ import annotations

import functools
import json
import math
import numbers
from pathlib import Path

from mfu_planner.errors import InputError, nearest
from mfu_planner.units._dimensions import DIMENSIONS, Dimension
from mfu_planner.units._text import one_spelling, scaled, split_number, split_suffix

_MONEY = ("usd", "usd_per_device_hour", "usd_per_kwh")
_SHELL = "quote it ('$2M'): a shell turns a bare $2M into M"
# A rate of one device may be said with or without "per device"; a rate of the job may not be said per device.
_SAID_WITHOUT_DEVICE = {"flop_per_s_per_device": "flop_per_s", "token_per_s_per_device": "token_per_s"}


_PLAIN = 2**31
"""A whole number from one up to it means the same as any count."""
_MOST = 10**18
"""No count of a run is larger; beyond it the products of counts leave the range of numbers."""

_LEAST = 1e-100
"""No quantity of a run is smaller; one over it, or its square, leaves the range of numbers."""
_PERCENT = 100
"""A fraction given as a number up to it was likely meant in percent: said as the nearest answer, never assumed."""


def parse(text: str | float, dimension: str, *, field: str, bare_unit: str | None = None) -> float:
    """Read a quantity.

    Parameters
    ----------
    text : what the user gave: ``'15.6T'``, ``'2.5 $/h'``, ``'80 GiB'``, or a number.
    dimension : a key of :data:`DIMENSIONS`.
    field : the flag or key it was given for, named in the error.
    bare_unit : the unit of a number without one; the dimension's canonical unit when left out.

    Returns
    -------
    float
        In the dimension's canonical unit: SI, except USD per device-hour and USD per kWh.

    Raises
    ------
    InputError
        Not a number, a wrong dimension (both are named), negative, not finite, or senselessly zero.
    """
    wanted = DIMENSIONS[dimension]
    if isinstance(text, str):
        value = _from_text(text, wanted, field, bare_unit)
    elif isinstance(text, numbers.Real) and not isinstance(text, bool):
        value = _number(text, field, wanted) * _factor(bare_unit or "", wanted, text, field)
    else:
        raise InputError(field, text, _accepted(wanted))
    return _sensible(value, wanted, text, field)


def parse_whole(text: str | float, dimension: str, *, field: str) -> int:
    """Like :func:`parse`, for counts that must be whole; an int, exact."""
    if type(text) is int and 0 < text <= _PLAIN:
        return text
    value = parse(text, dimension, field=field)
    if value != int(value):
        raise InputError(field, text, f"a whole number: {DIMENSIONS[dimension].words}")
    if value > _MOST:
        raise InputError(field, text, f"{DIMENSIONS[dimension].words} of at most 10^18")
    return int(value)


def _from_text(text: str, wanted: Dimension, field: str, bare_unit: str | None) -> float:
    body = text.strip()
    money = wanted.name in _MONEY
    if money:
        for sign in ("US$", "USD", "$"):
            if body.upper().startswith(sign):
                body = body[len(sign) :].strip()
                if "usd" not in one_spelling(body).lower():
                    body = _with_dollar(body)
                break
        else:
            _refuse_shell_leftover(body, text, wanted, field)
    parts = split_number(body)
    if parts is None:
        raise InputError(field, text, _accepted(wanted) + (f"; {_SHELL}" if money else ""))
    number, rest = parts
    power, rest = split_suffix(rest) if wanted.counted else (0, rest)
    unit = one_spelling(rest)
    return scaled(number, power) * _factor(unit or bare_unit or "", wanted, text, field)


def _with_dollar(body: str) -> str:
    """Move a leading dollar behind the number: ``2.5/h`` → ``2.5 USD/h``, ``2M`` → ``2M USD``."""
    parts = split_number(body)
    if parts is None:
        return body
    power, unit = split_suffix(parts[1])
    return f"{scaled(parts[0], power)!r} USD{unit.strip()}"


def _refuse_shell_leftover(body: str, text: str, wanted: Dimension, field: str) -> None:
    headless = not body or body[0] in ".,/" or (len(body) == 1 and not body.isdigit())
    if headless or body.upper() in ("0M", "0K", "0B"):
        raise InputError(field, text, f"{_accepted(wanted)}; {_SHELL}")


@functools.cache
def everyday() -> dict[str, dict[str, float]]:
    """The generated table: dimension → unit text → factor to the canonical unit."""
    table: dict[str, dict[str, float]] = json.loads((Path(__file__).parent / "everyday.json").read_text("utf-8"))
    return table


def _factor(unit: str, wanted: Dimension, given: object, field: str) -> float:
    if not unit:
        return 1.0
    tables = everyday()
    names = (wanted.name, _SAID_WITHOUT_DEVICE.get(wanted.name, wanted.name))
    for name in names:
        if unit in tables[name]:
            return tables[name][unit]
    others = [d for d, table in tables.items() if unit in table]
    if others:
        raise _wrong(unit, DIMENSIONS[others[0]].words, wanted, given, field)
    from mfu_planner.units import _pint

    for name in names:
        factor = _pint.factor(unit, DIMENSIONS[name])
        if factor is not None:
            return factor
    said = _pint.describe(unit)
    if said is not None:
        raise _wrong(unit, said, wanted, given, field)
    hints = nearest(unit, tables[wanted.name])
    raise InputError(field, given, f"{_accepted(wanted)} (the unit {unit!r} is not known)", hints)


def _wrong(unit: str, said: str, wanted: Dimension, given: object, field: str) -> InputError:
    return InputError(field, given, f"{_accepted(wanted)}; {unit!r} is {said}")


def _accepted(wanted: Dimension) -> str:
    return f"{wanted.words}, such as {wanted.example}"


def _number(value: numbers.Real, field: str, wanted: Dimension) -> float:
    try:
        return float(value)
    except OverflowError:
        raise InputError(field, value, f"{_accepted(wanted)}, finite") from None


def _sensible(value: float, wanted: Dimension, given: object, field: str) -> float:
    if not math.isfinite(value):
        raise InputError(field, given, f"{_accepted(wanted)}, finite")
    if value < 0 or (value == 0 and not wanted.zero):
        raise InputError(field, given, f"{_accepted(wanted)}, {'not negative' if wanted.zero else 'above zero'}")
    if 0 < value < _LEAST:
        raise InputError(field, given, f"{_accepted(wanted)}, not nearly zero")
    if wanted.name == "fraction" and value > 1:
        raise InputError(field, given, _accepted(wanted), [f"{value:g}%"] if value <= _PERCENT else [])
    if wanted.whole and value != int(value):
        raise InputError(field, given, _accepted(wanted))
    return value
