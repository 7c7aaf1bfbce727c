"""Numbers for people: ``15.6T tokens``, ``54.3 days``, ``989.4 TFLOP/s``."""

from __future__ import annotations

_STEPS = ((24, "Y"), (21, "Z"), (18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k"))
_RATE_UNITS = {
    "flop": "FLOP",
    "flop_per_s": "FLOP/s",
    "flop_per_s_per_device": "FLOP/s per device",
    "byte": "B",
    "byte_per_s": "B/s",
    "power": "W",
    "frequency": "Hz",
}
_COUNT_UNITS = {
    "count": "",
    "token": " tokens",
    "device": " devices",
    "token_per_s": " tokens/s",
    "token_per_s_per_device": " tokens/s per device",
}


def format_value(value: float, dimension: str, digits: int = 4) -> str:
    """Show a value (in the dimension's canonical unit) for people, with ``digits`` significant digits."""
    if dimension in _RATE_UNITS:
        number, prefix = _prefixed(value)
        return f"{_digits(number, digits)} {prefix}{_RATE_UNITS[dimension]}"
    if dimension in _COUNT_UNITS:
        return f"{_count(value, digits)}{_COUNT_UNITS[dimension]}"
    if dimension == "fraction":
        return f"{_digits(100 * value, digits)}%"
    if dimension == "usd":
        return f"${_count(value, digits)}"
    if dimension == "usd_per_device_hour":
        return f"${value:,.2f} per device-hour"
    if dimension == "usd_per_kwh":
        return f"${value:,.3f}/kWh"
    if dimension == "time":
        return _time(value, digits)
    if dimension == "device_time":
        return f"{_count(value / _seconds('hour'), digits)} device-hours"
    if dimension == "energy":
        number, prefix = _prefixed(value / _seconds("hour"))
        return f"{_digits(number, digits)} {prefix}Wh"
    raise KeyError(dimension)


def _seconds(unit: str) -> float:
    from mfu_planner.units._parse import everyday

    return everyday()["time"][unit]


def _prefixed(value: float) -> tuple[float, str]:
    for power, letter in _STEPS:
        if abs(value) >= 10.0**power:
            return value / 10.0**power, letter
    return value, ""


def _count(value: float, digits: int) -> str:
    for power, letter in ((12, "T"), (9, "B"), (6, "M")):
        if abs(value) >= 10.0**power:
            return f"{_digits(value / 10.0**power, digits)}{letter}"
    return _digits(value, digits)


def _time(value: float, digits: int) -> str:
    for unit in ("day", "hour", "minute"):
        if value >= 2 * _seconds(unit):
            return f"{_digits(value / _seconds(unit), digits)} {unit}s"
    if value >= 1 or value == 0:
        return f"{_digits(value, digits)} s"
    if value >= _seconds("ms"):
        return f"{_digits(value / _seconds('ms'), digits)} ms"
    return f"{_digits(value / _seconds('us'), digits)} µs"


def _digits(value: float, digits: int) -> str:
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}"
