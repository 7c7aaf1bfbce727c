"""Taking a typed quantity apart: number, plain-count suffix, unit text in one spelling."""

from __future__ import annotations

import re

_NUMBER = re.compile(
    r"""(?P<sign>[+-])?
        (?P<digits>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?   # 16,384
          | [0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?                # 15_000, 15.6
          | \.[0-9]+)
        (?P<exponent>[eE][+-]?[0-9]+(?![0-9]))?""",
    re.VERBOSE,
)
_SUFFIX = re.compile(r"(?P<suffix>thousand|million|billion|trillion|[kmbgt])(?![a-z])", re.IGNORECASE)
_SUFFIX_POWER = {"k": 3, "m": 6, "b": 9, "g": 9, "t": 12, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_PER = re.compile(r"\bper\b")
_SLASH = re.compile(r"\s*/\s*")
_JOIN = re.compile(r"[·⋅*]|(?<=[A-Za-z])-(?=[A-Za-z])|\s+")
_MODEL = re.compile(r"(^|[/(])[A-Z]+[0-9]+[A-Z]*s?(?=$|[/ )-])")


def split_number(text: str) -> tuple[str, str] | None:
    """``'15_000 tokens'`` → ``('15000', ' tokens')``; None when it does not begin with a plain decimal number."""
    found = _NUMBER.match(text)
    if found is None:
        return None
    digits = found["digits"].replace("_", "").replace(",", "")
    return f"{found['sign'] or ''}{digits}{found['exponent'] or ''}", text[found.end() :]


def split_suffix(rest: str) -> tuple[int, str]:
    """``'T tokens'`` → ``(12, ' tokens')``: the power of ten of a plain-count suffix, and what follows it."""
    stripped = rest.lstrip()
    found = _SUFFIX.match(stripped)
    if found is None:
        return 0, rest
    return _SUFFIX_POWER[found["suffix"].lower()], stripped[found.end() :]


def one_spelling(unit: str) -> str:
    """A unit text with one way of writing products (a space), quotients (``/``), dollars (``USD``), ``H100-hours``."""
    unit = unit.strip().replace("US$", "USD").replace("$", "USD").replace("%", "percent")
    unit = _MODEL.sub(r"\1GPU", _SLASH.sub("/", _PER.sub("/", unit)))
    return _JOIN.sub(" ", unit).strip()


def scaled(number: str, power: int) -> float:
    """The decimal text times 10**power, rounded once: ``('15.6', 12)`` is exactly ``15.6e12``."""
    mantissa, _, exponent = number.lower().partition("e")
    return float(f"{mantissa}e{int(exponent or 0) + power}")
