"""Reading one field of a question: text with its unit, or a number, into the value that the Scenario holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.units import HOUR, parse, parse_whole


def _whole(dimension: str) -> Callable[[Any, str], int]:
    return lambda value, field: parse_whole(value, dimension, field=field)


def _quantity(dimension: str, bare_unit: str | None = None) -> Callable[[Any, str], float]:
    return lambda value, field: parse(value, dimension, field=field, bare_unit=bare_unit)


def _fraction(value: Any, field: str) -> float:
    return parse(value, "fraction", field=field)


def _claimed(value: Any, field: str) -> float:
    """Somebody's fraction, which may well be above 100%: that is what gives it away."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return parse(value.strip()[:-1], "count", field=field) / 100
    return parse(value, "fraction", field=field)


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(field, value, "text")
    return value.strip()


def _format(value: Any, field: str) -> str:
    """A number format by any of its names, as the catalogue calls it."""
    from mfu_planner.hardware import dtype_key

    try:
        return dtype_key(_text(value, field))
    except InputError as error:
        raise InputError(field, value, error.accepted, error.nearest) from None


def _flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(field, value, "true or false")
    return value


def _at_least_one(value: Any, field: str) -> float:
    number = parse(value, "count", field=field)
    if number < 1:
        raise InputError(field, value, "a number of at least 1, such as 1.2")
    return number


def _date(value: Any, field: str) -> str:
    text = str(value).strip()
    try:
        date.fromisoformat(text if len(text) > len("2026-11") else f"{text}-01")
    except ValueError:
        raise InputError(field, value, "a date such as 2026-11-24, or a month such as 2026-11") from None
    return text


def _choice(*accepted: str) -> Callable[[Any, str], str]:
    def read(value: Any, field: str) -> str:
        if value not in accepted:
            raise InputError(field, value, ", ".join(accepted), nearest(str(value), accepted))
        return str(value)

    return read


def _config(value: Any, field: str) -> Any:
    if not isinstance(value, str | Path | Mapping):
        raise InputError(field, value, "the path or the content of a Hugging Face config.json")
    return str(value) if isinstance(value, Path) else value


READERS: dict[str, Callable[[Any, str], Any]] = {
    "model": _text,
    "config": _config,
    "params": _whole("count"),
    "active_params": _whole("count"),
    "seq_len": _whole("count"),
    "target_seq_len": _whole("count"),
    "image_size": _whole("count"),
    "images": _whole("count"),
    "packed": lambda value, _: value,
    "lora_rank": _whole("count"),
    "lora_targets": _text,
    "freeze": _text,
    "hardware": _text,
    "peak": _quantity("flop_per_s_per_device"),
    "dtype": _format,
    "peak_dtype": _format,
    "sparse": _flag,
    "convention": _text,
    "devices": _whole("device"),
    "devices_per_node": _whole("device"),
    "tokens": _quantity("token"),
    "mfu": _fraction,
    "deadline": _quantity("time"),
    "budget": _quantity("usd"),
    "price": _quantity("usd_per_device_hour"),
    "provider": _text,
    "term": _text,
    "region": _text,
    "goodput": _fraction,
    "pue": _at_least_one,
    "grid": _text,
    "as_of": _date,
    "global_batch": _whole("count"),
    "step_time": _quantity("time"),
    "tokens_per_second": _quantity("token_per_s"),
    "tokens_per_second_per_device": _quantity("token_per_s_per_device"),
    "flops_per_second_per_device": _quantity("flop_per_s_per_device"),
    "device_hours": lambda value, field: parse(value, "device_time", field=field, bare_unit="device*hour") / HOUR,
    "reported_mfu": _claimed,
    "recompute": _choice("none", "selective", "full"),
    "attention_kernel": _choice("fused", "unfused"),
    "explain": _flag,
}

NEEDS_A_UNIT = {
    "deadline": "30d",
    "step_time": "5.2s",
    "peak": "'989 TFLOP/s'",
    "flops_per_second_per_device": "'400 TFLOP/s'",
}
"""A bare number is no answer for these: seconds, hours or days? FLOP/s or TFLOP/s?"""

_DEVICE_WORDS = re.compile(
    r"\s*([\d_.,]+\s*[KMBkmb]?)\s*(chip|package|module|card|board|core|GCD|node|instance|host|server|machine)s?\s*",
    re.IGNORECASE,
)
_SAMPLES = re.compile(
    r"(?<![a-z])(?:image|img|picture|sample|sequence|seq|example|document|clip)s?(?![a-z])", re.IGNORECASE
)
_IN_TOKENS = ("tokens", "tokens_per_second", "tokens_per_second_per_device")
"""Fields that may also be given in samples; the model says how many tokens one has."""
_TOKENS = re.compile(r"\s*tok(?:en)?s?\b", re.IGNORECASE)


def read_field(name: str, value: Any) -> dict[str, Any]:
    """The Scenario fields that one given value fills: its own, and what its words add (chips, samples).

    Raises
    ------
    InputError
        An unknown field, a wrong unit, a senseless value; it quotes what was given.
    """
    if name not in READERS:
        raise InputError(name, value, "a known field", nearest(name, READERS))
    field = name.replace("_", "-")
    if name in NEEDS_A_UNIT and _is_bare(value):
        raise InputError(field, value, f"a number with its unit, such as {NEEDS_A_UNIT[name]}")
    try:
        return _words(name, value, field)
    except InputError as error:
        raise InputError(error.field, value, error.accepted, error.nearest) from None


def _words(name: str, value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, str):
        return {name: READERS[name](value, field)}
    if name == "devices" and (words := _DEVICE_WORDS.fullmatch(value)):
        return {name: READERS[name](words[1], field), "device_unit": words[2].lower()}
    if name in _IN_TOKENS and _SAMPLES.search(value):
        return {name: READERS[name](_SAMPLES.sub("tokens", value), field), "in_samples": (name,)}
    if name == "global_batch":
        value = _SAMPLES.sub("", value)
        if _TOKENS.search(value):
            return {"global_batch_tokens": parse(value, "token", field=field)}
    return {name: READERS[name](value, field)}


def _is_bare(value: Any) -> bool:
    """Whether text is a number alone; numbers from Python are SI and pass."""
    if not isinstance(value, str):
        return False
    try:
        float(value.replace("_", ""))
    except ValueError:
        return False
    return True
