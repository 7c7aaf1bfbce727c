"""What the user knows: every flag of the command line, field of the form and key of ``plan.yaml``, once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mfu_planner.errors import InputError, nearest
from mfu_planner.units import parse, parse_whole

HOUR = 3600.0
"""Seconds."""


class Scenario(BaseModel):
    """A question, in SI units; None is "not given".

    Built with :func:`scenario`, which reads quantities with units and refuses what makes no sense.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    """A preset's id or name."""
    config: Any = None
    """A Hugging Face config: its path or its content."""
    params: int | None = None
    active_params: int | None = None
    seq_len: int | None = None
    """Positions per sequence."""
    target_seq_len: int | None = None
    """Positions per decoder sequence of an encoder–decoder."""
    image_size: int | None = None
    """Pixels along each side."""
    images: int | None = None
    """Images per sequence of a multimodal model."""
    packed: Any = None
    """Lengths of the documents packed into sequences."""
    lora_rank: int | None = None
    lora_targets: str | None = None
    """Linear layers that get an adapter, with commas between; all of them when left out."""
    freeze: str | None = None
    """Stacks, blocks or operators that are not trained, with commas between."""
    hardware: str | None = None
    peak: float | None = None
    """FLOP/s of one device, in place of the catalogue's."""
    dtype: str = "bf16"
    peak_dtype: str | None = None
    """The dtype whose peak is divided by; the dtype when left out."""
    sparse: bool = False
    convention: str | None = None
    devices: int | None = None
    device_unit: str | None = None
    """The word behind the number of devices (chips, packages), where one was given."""
    devices_per_node: int | None = None
    tokens: float | None = None
    mfu: float | None = None
    deadline: float | None = None
    """Seconds; an upper limit."""
    budget: float | None = None
    """USD; an upper limit."""
    price: float | None = None
    """USD per device-hour."""
    goodput: float | None = None
    pue: float | None = None
    """Power usage effectiveness."""
    as_of: str | None = None
    """Date (YYYY-MM-DD) of the prices."""
    global_batch: int | None = None
    """Sequences."""
    global_batch_tokens: float | None = None
    step_time: float | None = None
    """Seconds."""
    tokens_per_second: float | None = None
    tokens_per_second_per_device: float | None = None
    flops_per_second_per_device: float | None = None
    device_hours: float | None = None
    """Wall clock."""
    reported_mfu: float | None = None
    explain: bool = Field(default=False, exclude=True)
    """Whether the derivation shows how the work per token was counted, too."""
    in_samples: tuple[str, ...] = Field(default=(), exclude=True)
    """The fields that were given in images, sequences or samples rather than tokens."""
    recompute: str | None = None
    attention_kernel: str | None = None

    def given(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return self.model_dump(exclude_defaults=True)


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


_READERS: dict[str, Callable[[Any, str], Any]] = {
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
    "dtype": _text,
    "peak_dtype": _text,
    "sparse": _flag,
    "convention": _text,
    "devices": _whole("device"),
    "devices_per_node": _whole("device"),
    "tokens": _quantity("token"),
    "mfu": _fraction,
    "deadline": _quantity("time"),
    "budget": _quantity("usd"),
    "price": _quantity("usd_per_device_hour"),
    "goodput": _fraction,
    "pue": _at_least_one,
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


_SIZES = {"model", "config", "params", "active_params", "seq_len", "target_seq_len", "image_size", "images"}
_MODEL = frozenset(_SIZES | {"packed", "lora_rank", "lora_targets", "freeze", "convention", "explain"})
_SUBJECT = _MODEL | {"hardware", "peak", "dtype", "peak_dtype", "sparse", "devices"}
_RATES = {"tokens_per_second", "tokens_per_second_per_device", "flops_per_second_per_device"}
USED_BY = {
    "flops": _MODEL,
    "plan": _SUBJECT
    | _RATES
    | {"tokens", "mfu", "deadline", "budget", "price", "goodput", "pue", "as_of", "devices_per_node", "global_batch"},
    "measure": _SUBJECT
    | _RATES
    | {"step_time", "global_batch", "tokens", "device_hours", "goodput", "reported_mfu", "recompute"}
    | {"attention_kernel"},
}
"""The fields that each question reads."""


def asked(question: str, given: Mapping[str, Any]) -> Scenario:
    """The Scenario of one question (a key of ``USED_BY``); a field that it does not read is refused, not dropped.

    Raises
    ------
    InputError
        A field that is unknown or has no meaning here, a wrong unit, a senseless value.
    """
    used = USED_BY[question]
    for name, value in given.items():
        if value is not None and name not in used:
            raise InputError(name.replace("_", "-"), value, f"nothing: {question} does not use it", nearest(name, used))
    return scenario(**given)


def scenario(**given: Any) -> Scenario:
    """Read what a user gave (text with units, or numbers in the canonical unit) into a Scenario.

    Raises
    ------
    InputError
        An unknown field, a wrong unit, a senseless value.
    """
    read: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in _READERS:
            raise InputError(name, value, "a known field", nearest(name, _READERS))
        field = name.replace("_", "-")
        if name in NEEDS_A_UNIT and _is_bare(value):
            raise InputError(field, value, f"a number with its unit, such as {NEEDS_A_UNIT[name]}")
        if name == "devices" and isinstance(value, str) and (words := _DEVICE_WORDS.fullmatch(value)):
            value, read["device_unit"] = words[1], words[2].lower()
        if isinstance(value, str) and name in _IN_TOKENS and _SAMPLES.search(value):
            value, read["in_samples"] = _SAMPLES.sub("tokens", value), (*read.get("in_samples", ()), name)
        if name == "global_batch" and isinstance(value, str):
            value = _SAMPLES.sub("", value)
        if name == "global_batch" and isinstance(value, str) and _TOKENS.search(value):
            read["global_batch_tokens"] = parse(value, "token", field=field)
            continue
        read[name] = _READERS[name](value, field)
    return Scenario(**read)


def _is_bare(value: Any) -> bool:
    """Whether text is a number alone; numbers from Python are SI and pass."""
    if not isinstance(value, str):
        return False
    try:
        float(value.replace("_", ""))
    except ValueError:
        return False
    return True
