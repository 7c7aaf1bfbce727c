"""Generates ``everyday.json``: the spellings people type, with the factor that the registry gives for each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from mfu_planner.units._dimensions import DIMENSIONS
from mfu_planner.units._text import one_spelling

PATH = Path(__file__).parent / "everyday.json"

_RATE_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
_DEVICES = ("device", "devices", "GPU", "GPUs", "gpu", "gpus")
_SECONDS = ("s", "sec", "second")
_HOURS = ("h", "hr", "hour")
_PER_DEVICE = ("/device", "/GPU", "/gpu")


def spellings() -> dict[str, list[tuple[str, str]]]:
    """For each dimension: (what people type, the registry's expression for it)."""
    out: dict[str, list[tuple[str, str]]] = {name: [] for name in DIMENSIONS}

    def add(dimension: str, typed: str, expression: str | None = None) -> None:
        out[dimension].append((one_spelling(typed), expression or typed))

    for p in _RATE_PREFIXES:
        for typed in ("FLOP", "FLOPs", "flop", "flops"):
            add("flop", p + typed, f"{p}FLOP")
            for s in _SECONDS:
                add("flop_per_s", f"{p}{typed}/{s}", f"{p}FLOP/second")
        for typed in ("FLOPS", "FLOPs", "Flops", "flops", "Flop/s", "OPS", "OP/s", "FLOPs/s"):
            add("flop_per_s", p + typed, f"{p}FLOP/second")
            for d in _PER_DEVICE:
                add("flop_per_s_per_device", p + typed + d, f"{p}FLOP/second/device")
        for s, d in itertools.product(_SECONDS, _PER_DEVICE):
            add("flop_per_s_per_device", f"{p}FLOP/{s}{d}", f"{p}FLOP/second/device")
            add("flop_per_s_per_device", f"{p}FLOP{d}/{s}", f"{p}FLOP/second/device")
    for typed in ("token", "tokens", "tok", "toks"):
        add("token", typed, "token")
        for s in _SECONDS:
            add("token_per_s", f"{typed}/{s}", "token/second")
            for d in _PER_DEVICE:
                add("token_per_s_per_device", f"{typed}/{s}{d}", "token/second/device")
                add("token_per_s_per_device", f"{typed}{d}/{s}", "token/second/device")
        for unit in ("day", "hour", "h", "min"):
            add("token_per_s", f"{typed}/{unit}")
    for typed in _DEVICES:
        add("device", typed, "device")
        for prefix, (unit, expression) in itertools.product(("", "k", "M"), _time_words()):
            if unit in ("h", "hr", "hour", "hours", "day", "days", "year", "years", "s", "second", "seconds"):
                add("device_time", f"{prefix}{typed} {unit}", f"{prefix}device*{expression}")
        add("device_time", f"{typed}h", "device*hour")
    for typed in ("USD", "usd", "dollar", "dollars"):
        add("usd", typed, "usd")
        for h in _HOURS:
            add("usd_per_device_hour", f"{typed}/{h}", "usd/device/hour")
            for d in _PER_DEVICE:
                add("usd_per_device_hour", f"{typed}{d}/{h}", "usd/device/hour")
                add("usd_per_device_hour", f"{typed}/{h}{d}", "usd/device/hour")
                add("usd_per_device_hour", f"{typed}{d} {h}", "usd/device/hour")
                add("usd_per_device_hour", f"{typed}/({d[1:]} {h})", "usd/device/hour")
                add("usd_per_device_hour", f"{typed}{d}{h}", "usd/device/hour")
        add("usd_per_kwh", f"{typed}/kWh", "usd/kilowatt_hour")
        add("usd_per_kwh", f"{typed}/MWh", "usd/megawatt_hour")
    for h in _HOURS:
        add("usd_per_device_hour", f"/{h}", "usd/device/hour")
    for typed, expression in _time_words():
        add("time", typed, expression)
    for p in ("", "k", "K", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"):
        add("byte", f"{p}B")
        for s in _SECONDS:
            add("byte_per_s", f"{p}B/{s}")
        add("byte_per_s", f"{p}Bps", f"{p}B/second")
    for p in ("k", "m", "g", "t", "ki", "mi", "gi", "ti"):
        add("byte", f"{p}b", f"{p.capitalize() if p != 'k' else 'k'}B")
    for typed in ("byte", "bytes"):
        add("byte", typed, "byte")
        add("byte_per_s", f"{typed}/s", "byte/second")
    for p in ("", "k", "M", "G", "T"):
        add("byte_per_s", f"{p}b/s", f"{p}bit/second")
        add("byte_per_s", f"{p}bps", f"{p}bit/second")
        add("byte_per_s", f"{p}bit/s", f"{p}bit/second")
        for unit, word in (("W", "watt"), ("Hz", "hertz")):
            add("power" if word == "watt" else "frequency", p + unit)
        add("energy", f"{p}Wh")
        add("energy", f"{p}J")
    add("fraction", "percent", "percent")
    return out


def _time_words() -> Iterable[tuple[str, str]]:
    words = {
        "second": ("s", "sec", "secs", "second", "seconds"),
        "millisecond": ("ms", "msec", "millisecond", "milliseconds"),
        "microsecond": ("us", "µs", "μs", "microsecond", "microseconds"),
        "nanosecond": ("ns", "nanosecond", "nanoseconds"),
        "minute": ("m", "min", "mins", "minute", "minutes"),
        "hour": ("h", "hr", "hrs", "hour", "hours"),
        "day": ("d", "day", "days"),
        "week": ("w", "wk", "wks", "week", "weeks"),
        "month": ("month", "months"),
        "year": ("y", "yr", "yrs", "year", "years"),
    }
    return [(typed, expression) for expression, spelt in words.items() for typed in spelt]


def table() -> dict[str, dict[str, float]]:
    """The factors, from the registry."""
    from mfu_planner.units._pint import factor

    out: dict[str, dict[str, float]] = {}
    for name, pairs in spellings().items():
        rows: dict[str, float] = {}
        for typed, expression in pairs:
            value = factor(expression, DIMENSIONS[name])
            if value is None:
                raise ValueError(f"{name}: the registry cannot read {expression!r}")
            rows[typed] = value
        out[name] = dict(sorted(rows.items()))
    return out


def render() -> str:
    """The text of ``everyday.json``."""
    return json.dumps(table(), indent=0, sort_keys=True, ensure_ascii=False) + "\n"
