"""Generates ``everyday.json``: the spellings people type, with the factor that the registry gives for each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
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
    for part in (_work, _tokens, _devices, _money, _bytes, _rest):
        for dimension, typed, expression in part():
            out[dimension].append((one_spelling(typed), expression))
    return out


_Rows = Iterator[tuple[str, str, str]]


def _work() -> _Rows:
    for p in _RATE_PREFIXES:
        for typed in ("FLOP", "FLOPs", "flop", "flops"):
            yield "flop", p + typed, f"{p}FLOP"
            for s in _SECONDS:
                yield "flop_per_s", f"{p}{typed}/{s}", f"{p}FLOP/second"
        for typed in ("FLOPS", "FLOPs", "Flops", "flops", "Flop/s", "OPS", "OP/s", "FLOPs/s"):
            yield "flop_per_s", p + typed, f"{p}FLOP/second"
            for d in _PER_DEVICE:
                yield "flop_per_s_per_device", p + typed + d, f"{p}FLOP/second/device"
        for s, d in itertools.product(_SECONDS, _PER_DEVICE):
            yield "flop_per_s_per_device", f"{p}FLOP/{s}{d}", f"{p}FLOP/second/device"
            yield "flop_per_s_per_device", f"{p}FLOP{d}/{s}", f"{p}FLOP/second/device"


def _tokens() -> _Rows:
    for typed in ("token", "tokens", "tok", "toks"):
        yield "token", typed, "token"
        for s in _SECONDS:
            yield "token_per_s", f"{typed}/{s}", "token/second"
            for d in _PER_DEVICE:
                yield "token_per_s_per_device", f"{typed}/{s}{d}", "token/second/device"
                yield "token_per_s_per_device", f"{typed}{d}/{s}", "token/second/device"
        for unit in ("day", "hour", "h", "min"):
            yield "token_per_s", f"{typed}/{unit}", f"token/{unit}"


def _devices() -> _Rows:
    for typed in _DEVICES:
        yield "device", typed, "device"
        yield "device_time", f"{typed}h", "device*hour"
        for prefix, (unit, expression) in itertools.product(("", "k", "M"), _time_words()):
            if expression in ("hour", "day", "year", "second"):
                yield "device_time", f"{prefix}{typed} {unit}", f"{prefix}device*{expression}"


def _money() -> _Rows:
    for typed in ("USD", "usd", "dollar", "dollars"):
        yield "usd", typed, "usd"
        yield "usd_per_kwh", f"{typed}/kWh", "usd/kilowatt_hour"
        yield "usd_per_kwh", f"{typed}/MWh", "usd/megawatt_hour"
        for h in _HOURS:
            yield "usd_per_device_hour", f"{typed}/{h}", "usd/device/hour"
            for d in _PER_DEVICE:
                for spelt in (f"{d}/{h}", f"/{h}{d}", f"{d} {h}", f"/({d[1:]} {h})", f"{d}{h}"):
                    yield "usd_per_device_hour", typed + spelt, "usd/device/hour"
    for h in _HOURS:
        yield "usd_per_device_hour", f"/{h}", "usd/device/hour"


def _bytes() -> _Rows:
    for p in ("", "k", "K", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"):
        yield "byte", f"{p}B", f"{p}B"
        yield "byte_per_s", f"{p}Bps", f"{p}B/second"
        for s in _SECONDS:
            yield "byte_per_s", f"{p}B/{s}", f"{p}B/second"
    for p in ("m", "g", "t", "ki", "mi", "gi", "ti"):
        yield "byte", f"{p}b", f"{p.capitalize()}B"
    yield "byte", "kb", "kB"
    for typed in ("byte", "bytes"):
        yield "byte", typed, "byte"
        yield "byte_per_s", f"{typed}/s", "byte/second"
    for p in ("", "k", "M", "G", "T"):
        for typed in ("b/s", "bps", "bit/s"):
            yield "byte_per_s", p + typed, f"{p}bit/second"


def _rest() -> _Rows:
    for typed, expression in _time_words():
        yield "time", typed, expression
    for p in ("", "k", "M", "G", "T"):
        yield "power", f"{p}W", f"{p}W"
        yield "frequency", f"{p}Hz", f"{p}Hz"
        yield "energy", f"{p}Wh", f"{p}Wh"
        yield "energy", f"{p}J", f"{p}J"
    yield "fraction", "percent", "percent"


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
