"""Reading ``key: value`` pairs of known keys from a line, whatever their order and spacing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, PREFIX, SUFFIX, UNITS, number, resolution

#: key as printed → (field of Record, unit of a bare number).  A unit of ``"?"`` means that the text must state it,
#: ``"auto"`` is for utilisations printed either way.
Spec = tuple[str, str]
_TIME_UNITS = frozenset({"s", "ms", "us", "µs", "sec", "secs", "seconds"})


class Keys:
    """A table of the keys that a framework prints, compiled to one regular expression.

    Spaces and underscores in a key are interchangeable, each key is known as written, in lower case and capitalised,
    the separator may be ``:``, ``=`` or blanks, and keys and values may be quoted (Python dicts, JSON).
    """

    def __init__(self, table: Mapping[str, Spec]) -> None:
        self.table = {_fold(k): v for k, v in table.items()}
        self._memo: dict[str, Spec | None] = {}
        self._last: tuple[str, list[tuple[str, str, str]]] = "", []
        # No IGNORECASE: with it, the engine tries every alternative at every letter, four times slower.
        written = {form for k in table for form in (k, k.lower(), k[:1].upper() + k[1:], k.upper())}
        alternatives = _trie([_tokens(k) for k in written])
        self.pattern = re.compile(
            rf"\b(?<![/.\-])({alternatives})(?:['\"]?\s{{0,4}}[:=]\s{{0,24}}['\"]?|\s{{1,24}})({NUMBER}){SUFFIX}"
        )

    def pairs(self, line: str) -> dict[str, float]:
        """Field → value in SI; the first mention of a field wins."""
        out: dict[str, float] = {}
        for key, text, unit in self._found(line):
            spec = self._spec(key)
            if spec is not None and spec[0] not in out:
                value = convert(text, unit, spec[1])
                if value is not None:
                    out[spec[0]] = value
        return out

    def resolutions(self, line: str) -> dict[str, float]:
        """Field → relative half-width of the printed number."""
        out: dict[str, float] = {}
        for key, text, _ in self._found(line):
            spec = self._spec(key)
            if spec is not None:
                out.setdefault(spec[0], resolution(text))
        return out

    def record(self, line: str) -> Record:
        """The pairs of one line as a record."""
        return Record(**self.pairs(line))  # type: ignore[arg-type]

    def _found(self, line: str) -> list[tuple[str, str, str]]:
        """Key, number and unit of each pair; those of the last line are remembered, for it is asked twice."""
        last, found = self._last
        if last != line:
            self._last = line, found = line, self.pattern.findall(line)
        return found

    def _spec(self, key: str) -> Spec | None:
        try:
            return self._memo[key]
        except KeyError:
            spec = self._memo[key] = self.table.get(_fold(key))
            return spec


def convert(text: str, unit: str, stated: str) -> float | None:
    """A printed number in SI: its own unit wins over the one that the key states.

    Milliseconds are never guessed: with ``stated="?"`` a bare number is ``None``.
    """
    value = number(text)
    if value is None:
        return None
    if unit in PREFIX or unit == "k":
        value, unit = value * PREFIX[unit.upper()], ""
    elif unit.lower() not in UNITS:
        unit = ""
    if unit and (stated in _TIME_UNITS or stated == "?"):
        return value * UNITS[unit.lower()]
    if unit == "%":
        return value * UNITS["%"]
    if stated == "auto":
        return fraction(value)
    return None if stated == "?" else value * UNITS[stated]


def fraction(value: float) -> float:
    """A utilisation whose unit is not stated: above 1.5 it can only be percent."""
    return value / 100 if abs(value) > 1.5 else value


def _fold(key: str) -> str:
    return re.sub(r"[\s_]+", "", key).lower()


_GAP = r"[\s_]{0,3}"


def _tokens(key: str) -> list[str]:
    """A key as regular-expression tokens, one for each letter and each gap between words."""
    words = [[re.escape(letter) for letter in part] for part in re.split(r"[\s_]+", key)]
    return [token for i, word in enumerate(words) for token in ([_GAP] if i else []) + word]


def _trie(keys: list[list[str]]) -> str:
    """Keys as one expression that branches letter by letter, the longest first."""
    heads: dict[str, list[list[str]]] = {}
    for key in keys:
        if key:
            heads.setdefault(key[0], []).append(key[1:])
    branches = [head + _trie(rest) for head, rest in sorted(heads.items(), reverse=True)]
    if not branches:
        return ""
    group = branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
    return group if all(keys) else f"(?:{group})?"
