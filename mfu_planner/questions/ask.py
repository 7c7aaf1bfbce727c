"""What a field of a question takes: its unit, its names, its place; the text that a user gives, read by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError, nearest, worded

GROUPS = ("Model", "Training", "Hardware", "Run", "Observed", "Layout", "Network", "Money", "Evidence", "Answer")
"""The headings of a question's fields, in the order of the help."""

Reader = Callable[[Any, str], Any]
"""(what was given, the field's name for an error) → the value in SI units."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What stands behind the type of a field."""

    unit: str
    """A key of :data:`UNITS`: how text is read."""
    label: str = ""
    """What the form calls it."""
    example: str = ""
    group: str = "Run"
    """Its heading: one of :data:`GROUPS`."""
    limits: tuple[float, float] | None = None
    """The least and the largest number."""
    aliases: tuple[str, ...] = ()
    """Other names that people try, with underscores."""
    worded: tuple[tuple[str, str], ...] = ()
    """Names that say the unit of a bare number as well, and that unit: nodes 4 are '4 nodes' of devices."""
    off: str = ""
    """The flag that says no, where no is an answer of its own."""
    bare: bool = True
    """Whether a number without a unit is an answer."""
    many: bool = False
    """Whether several are an answer, with commas or as a list."""
    stage: bool = False
    """Whether each stage of a plan may state it."""
    searched: bool = False
    """Whether a search tries every value where none is given."""
    among: str = ""
    """Where the accepted names stand, as ``module:NAME``; empty where the field's type lists them."""
    spellings: tuple[tuple[str, Any], ...] = ()
    """What people also call some of the choices, and which is meant."""
    argument: bool = False
    """Whether the command line takes it by position."""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """How one kind of value is read, and what the help shows in its place."""

    metavar: str
    read: Reader
    bare: str = ""
    """The unit of a bare number, where text without one means something else, or nothing."""


def _number(value: Any, dimension: str, field: str, bare_unit: str | None = None) -> float:
    from mfu_planner.units import parse

    return parse(value, dimension, field=field, bare_unit=bare_unit)


def _count(value: Any, dimension: str, field: str) -> int:
    from mfu_planner.units import parse_whole

    return parse_whole(value, dimension, field=field)


def _whole(dimension: str) -> Reader:
    return lambda value, field: _count(value, dimension, field)


def _quantity(dimension: str) -> Reader:
    return lambda value, field: _number(value, dimension, field)


def _device_hours(value: Any, field: str) -> float:
    from mfu_planner.units import HOUR

    return _number(value, "device_time", field, bare_unit="device*hour") / HOUR


def _claimed(value: Any, field: str) -> float:
    """Somebody's fraction, which may well be above 100%: that is what gives it away."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return _number(value.strip()[:-1], "count", field) / 100
    return _number(value, "fraction", field)


_PER_STEP = re.compile(r"\s*([\d.,_]+)\s*(ms|s|sec|seconds?)\s*/\s*(?:it|iter|iteration|step)\s*", re.IGNORECASE)
_STEPS_PER = re.compile(r"\s*([\d.,_]+)\s*(?:it|iter|iteration|step)s?\s*/\s*(?:s|sec|second)\s*", re.IGNORECASE)


def _step_time(value: Any, field: str) -> float:
    """Seconds of a step, also where a progress bar says ``2.5s/it`` or, turned over, ``3.95it/s``."""
    if isinstance(value, str):
        if each := _PER_STEP.fullmatch(value):
            value = f"{each[1]} {each[2]}"
        elif rate := _STEPS_PER.fullmatch(value):
            return 1.0 / _number(rate[1], "count", field)
    return _number(value, "time", field)


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InputError(field, value, "text")
    return value.strip() if type(value) is str else value  # a device that stands for itself stays what it is


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


def _date(value: Any, field: str) -> str:
    text = worded(value).strip()
    try:
        date.fromisoformat(text if len(text) > len("2026-11") else f"{text}-01")
    except ValueError:
        raise InputError(field, value, "a date such as 2026-11-24, or a month such as 2026-11") from None
    return text


def _config(value: Any, field: str) -> Any:
    if not isinstance(value, str | Path | Mapping):
        raise InputError(field, value, "the path or the content of a Hugging Face config.json")
    return str(value) if isinstance(value, Path) else value


_NO_NAME: dict[str, tuple[type, ...]] = {"path": (bool, int, float, type), "names": (bool, float, type)}
"""Values from Python that are no text, where several are an answer; the causes to apply have numbers."""


def _as_given(value: Any, field: str) -> Any:
    del field
    return value


def _workers(value: Any, field: str) -> int:
    """A count that may be zero."""
    return 0 if worded(value).strip() == "0" else _count(value, "count", field)


UNITS: dict[str, Unit] = {
    "name": Unit("NAME", _text),
    "names": Unit("NAMES", _text),
    "path": Unit("PATH", _as_given),
    "name or path": Unit("NAME", _as_given),
    "config": Unit("PATH", _config),
    "choice": Unit("", _as_given),
    "format": Unit("NAME", _format),
    "flag": Unit("", _flag),
    "date": Unit("DATE", _date),
    "count": Unit("COUNT", _whole("count")),
    "count or none": Unit("COUNT", _workers),
    "length": Unit("TOKENS", _whole("count")),
    "pixel": Unit("PIXELS", _whole("count")),
    "device": Unit("COUNT", _whole("device")),
    "devices": Unit("COUNTS", _as_given),
    "documents": Unit("LENGTHS", _as_given),
    "batch": Unit("BATCH", _whole("count")),
    "number": Unit("NUMBER", _quantity("count")),
    "fraction": Unit("FRACTION", _quantity("fraction")),
    "claim": Unit("FRACTION", _claimed),
    "share or time": Unit("SHARE", _as_given),
    "token": Unit("TOKENS", _quantity("token")),
    "step time": Unit("TIME", _step_time, "s"),
    "time": Unit("TIME", _quantity("time"), "s"),
    "usd": Unit("USD", _quantity("usd")),
    "usd_per_device_hour": Unit("PRICE", _quantity("usd_per_device_hour")),
    "token_per_s": Unit("RATE", _quantity("token_per_s"), "token/s"),
    "token_per_s_per_device": Unit("RATE", _quantity("token_per_s_per_device"), "token/s"),
    "flop_per_s_per_device": Unit("RATE", _quantity("flop_per_s_per_device"), "FLOP/s"),
    "byte": Unit("BYTES", _quantity("byte"), "B"),
    "byte_per_s": Unit("RATE", _quantity("byte_per_s"), "B/s"),
    "device_hours": Unit("HOURS", _device_hours, "device*hour"),
}
"""Every kind of value."""

_DEVICE_WORDS = re.compile(
    r"\s*([\d_.,]+\s*[KMBkmb]?)\s*(chip|package|module|card|board|core|GCD|node|instance|host|server|machine)s?\s*",
    re.IGNORECASE,
)
_SAMPLES = re.compile(
    r"(?<![a-z])(?:image|img|picture|sample|sequence|seq|example|document|clip)s?(?![a-z])", re.IGNORECASE
)
_TOKENS = re.compile(r"\s*tok(?:en)?s?\b", re.IGNORECASE)
_IN_TOKENS = ("token", "token_per_s", "token_per_s_per_device")
"""Units in whose place samples may be given; the model says how many tokens one has."""


def _devices_named(value: str) -> int | None:
    """The devices that the name of a slice or an instance counts: v4-1024, 2x p5.48xlarge; None for a number."""
    if re.fullmatch(r"\s*[\d_.,]*\s*[KMBkmb]?\s*(?:devices?|gpus?|[^\w]*)\s*", value, re.IGNORECASE):
        return None
    from mfu_planner.hardware import lookup

    try:
        return lookup(value, field="devices").devices
    except InputError:
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of a question class."""

    name: str
    ask: Ask
    listed: tuple[Any, ...]
    """The values that its type lists."""
    default: Any

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values that are accepted; empty where they are no short list."""
        if not self.ask.among:
            return self.listed
        module, _, name = self.ask.among.partition(":")
        return tuple(getattr(import_module(module), name))

    @property
    def field(self) -> str:
        """As errors and flags call it."""
        return self.name.replace("_", "-")

    def said_as(self, key: str, value: Any) -> Any:
        """A value under one of the names of the field: where the name says the unit, a bare number has it."""
        word = dict(self.ask.worded).get(key)
        if not word or not re.fullmatch(r"\s*[\d_.,]+\s*[KMBTkmbt]?\s*", worded(value)):
            return value
        each = worded(value).split(",") if self.ask.many else [worded(value)]
        return ",".join(f"{one.strip()} {word}" for one in each)

    @property
    def is_flag(self) -> bool:
        """Whether it is said by its name alone."""
        return self.ask.unit == "flag"

    @property
    def metavar(self) -> str:
        """What the help shows in place of the value."""
        return f"[{'|'.join(map(str, self.choices))}]" if self.choices else UNITS[self.ask.unit].metavar

    def read(self, value: Any) -> dict[str, Any]:
        """The fields that one given value fills: its own, and what its words add (chips, samples, tokens).

        Raises
        ------
        InputError
            A wrong unit, a senseless value; it quotes what was given.
        """
        if not self.ask.bare and _is_bare(value):
            raise InputError(self.field, value, f"a number with its unit, such as {self.ask.example}")
        try:
            found = self._words(value) if isinstance(value, str) else {self.name: self._one(value)}
        except InputError as error:
            raise InputError(error.field, value, error.accepted, error.nearest) from None
        return found

    def _words(self, value: str) -> dict[str, Any]:
        unit = self.ask.unit
        if unit == "device" and (words := _DEVICE_WORDS.fullmatch(value)):
            return {self.name: self._one(words[1]), "device_unit": words[2].lower()}
        if self.name == "devices" and (named := _devices_named(value)) is not None:
            return {self.name: named, "device_unit": value.strip()}
        if unit in _IN_TOKENS and _SAMPLES.search(value):
            return {self.name: self._one(_SAMPLES.sub("tokens", value)), "in_samples": (self.name,)}
        if unit == "batch":
            value = _SAMPLES.sub("", value)
            if _TOKENS.search(value):
                return {f"{self.name}_tokens": _number(value, "token", self.field)}
        return {self.name: self._one(value)}

    def _one(self, value: Any) -> Any:
        if self.ask.unit == "choice":
            return self._chosen(value)
        if self.ask.many and not isinstance(value, str):
            several = isinstance(value, list | tuple)
            for one in value if several else (value,):
                if isinstance(one, (range, *_NO_NAME.get(self.ask.unit, ()))):
                    raise InputError(self.field, one, "text, or a list of texts")
            return tuple(value) if several else value
        if isinstance(self.default, tuple):
            return (value,)
        found = UNITS[self.ask.unit].read(value, self.field)
        if self.ask.limits is not None and not self.ask.limits[0] <= found <= self.ask.limits[1]:
            raise InputError(self.field, value, self._limits())
        return found

    def _chosen(self, value: Any) -> Any:
        by_text = {str(choice): choice for choice in self.choices}
        also = dict(self.ask.spellings)
        said = worded(value).strip().lower().replace("_", "-")
        if isinstance(value, bool) or not (said in by_text or said in also):
            raise InputError(self.field, value, ", ".join(by_text), nearest(worded(value), by_text))
        return by_text[said] if said in by_text else also[said]

    def _limits(self) -> str:
        assert self.ask.limits is not None
        least, most = self.ask.limits
        what = "a number" if self.ask.unit == "number" else "a whole number"
        reach = f"of at least {least:g}" if most == float("inf") else f"from {least:g} to {_plain(most)}"
        return f"{what} {reach}" + (f", such as {self.ask.example}" if self.ask.example else "")


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:g}"


def _is_bare(value: Any) -> bool:
    """Whether text is a number alone; numbers from Python are SI and pass."""
    if not isinstance(value, str):
        return False
    try:
        float(value.replace("_", "").replace(",", ""))
    except ValueError:
        return False
    return True
