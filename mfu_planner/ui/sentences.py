"""The planner's own sentences in another language: which message a sentence is an instance of, and with which values.

Below the form nobody knows of languages: errors, findings and warnings are English text, the same in Python and JSON.
Their message ids are read off the code as gettext reads ``_()`` (``scripts/core_sentences.py``): the text of a literal,
with ``{0}``, ``{1}`` … where an f-string has a value. Here a sentence is taken apart again by these ids and where
messages are joined; of all ways the one that leaves the fewest words unknown is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_PLACE = re.compile(r"{(\w+)(?:![rs])?(?::[^{}]*)?}")
_JOINTS = (("; ", "；"), (". ", "。"), (": ", "："), (", ", "，"), (" and ", "和"), (" or ", "或"))
"""What joins messages, and what does so in Chinese; the strongest first."""
_ENDS = {".": "。", ":": "："}
_LEADING = re.compile(r"^[;,:.] ")
_WORD = re.compile(r"[A-Za-z]{2,}")
_UNKNOWN = re.compile(r"(?<![\w./-])[a-z]{2,}(?![\w/])")
"""A word of English, rather than a name or a unit."""
_KEY = re.compile(r"(?<![^\s(])[A-Za-z]{2,}(?![^\s,;.:)])")
_ANY = "·"
"""Stands for a value that is a part of a word."""
_ACROSS = 0.25
"""What it costs to take a joint of messages for a part of a value."""
_DEEPEST = 7
_KEPT = 20_000

Said = tuple[str, float]
"""(a text in the language, how many words of it no message accounts for)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message id with places for values, and its translation."""

    pieces: tuple[str, ...]
    """The literal text before, between and after the places."""
    names: tuple[str, ...]
    translation: str

    @property
    def literal(self) -> int:
        """Characters that are the message's own."""
        return sum(map(len, self.pieces))

    @property
    def key(self) -> str:
        """The longest word of its own that no value can be a part of; empty where it has none."""
        own = (word for piece in self.pieces for word in _KEY.findall(f"{_ANY}{piece}{_ANY}"))
        return max(own, key=len, default="")

    def values(self, text: str) -> list[str] | None:
        """The values with which the message is this text; None where it is another."""
        first, *middle, last = self.pieces
        at, end = len(first), len(text) - len(last)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        found = []
        for piece in middle:
            there = text.find(piece, at, end)
            if there < 0:
                return None
            found.append(text[at:there])
            at = there + len(piece)
        return [*found, text[at:end]]

    def filled(self, values: Iterable[str]) -> str:
        """The translation with values in its places."""
        by_name = dict(zip(self.names, values, strict=True))
        return _PLACE.sub(lambda place: by_name.get(place[1], ""), self.translation)


def message(identifier: str, translation: str) -> Message:
    """A message of the catalogue."""
    parts = _PLACE.split(identifier)
    return Message(tuple(parts[::2]), tuple(parts[1::2]), translation)


class Sentences:
    """Sentences in one language, from a catalogue."""

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        """Sort the messages.

        Parameters
        ----------
        catalogue : message id → translation.
        """
        bare = {_LEADING.sub("", text): said.lstrip("；，：。") for text, said in catalogue.items() if text}
        self._whole = {text: said for text, said in bare.items() if not _PLACE.search(text)}
        with_values = (
            message(text.removesuffix(":"), said.rstrip("：: ")) for text, said in bare.items() if _PLACE.search(text)
        )
        self._by_word: dict[str, list[Message]] = {}
        for known in sorted(with_values, key=lambda m: -m.literal):
            self._by_word.setdefault(known.key, []).append(known)
        self._told: dict[str, Said] = {}

    def say(self, text: str) -> str:
        """A sentence as the language has it; what no message accounts for stays as it is."""
        if len(self._told) > _KEPT:
            self._told.clear()
        return self._say(text, 0)[0]

    def _say(self, text: str, depth: int) -> Said:
        if text not in self._told:
            if depth > _DEEPEST:
                return text, len(_UNKNOWN.findall(text))
            self._told[text] = min(self._ways(text.strip(), depth), key=lambda way: way[1])
        return self._told[text]

    def _ways(self, text: str, depth: int) -> Iterator[Said]:
        """The ways to say a text, those of the longest messages first; the first of the best is taken."""
        if text in self._whole:
            yield self._whole[text], 0
            return
        if f"{text}:" in self._whole:
            yield self._whole[f"{text}:"].rstrip("：:"), 0
            return
        unknown = len(_UNKNOWN.findall(text))
        if not _WORD.search(text):
            yield text, 0
            return
        if leading := _LEADING.match(text):
            rest, left = self._say(text[leading.end() :], depth + 1)
            yield dict(_JOINTS)[leading[0]] + rest, left
            return
        if (mark := _ENDS.get(text[-1])) and not text.endswith(".."):
            rest, left = self._say(text[:-1], depth + 1)
            yield rest + mark, left
            if not left:
                return
        for known in self._candidates(text):
            values = known.values(text)
            if values is None or not all(map(_balanced, values)):
                continue
            told = [self._say(value, depth + 1) for value in values]
            left = sum(part[1] for part in told) + _ACROSS * any("; " in value for value in values)
            yield known.filled(part[0] for part in told), left
            if not left:
                return
        yield from self._parted(text, depth)
        yield text, unknown

    def _candidates(self, text: str) -> list[Message]:
        words = {"", *_KEY.findall(f" {text} ")}
        found = [known for word in words for known in self._by_word.get(word, ())]
        return sorted(found, key=lambda m: -m.literal)

    def _parted(self, text: str, depth: int) -> Iterator[Said]:
        for joint, said in _JOINTS:
            parts = _split(text, joint)
            if len(parts) > 1:
                told = [self._say(part, depth + 1) for part in parts]
                left = sum(part[1] for part in told)
                if left < sum(len(_UNKNOWN.findall(part)) for part in parts):
                    yield said.join(part[0] for part in told), left
                if left and joint == ": " and len(parts) == 3:  # one of the messages has the joint within
                    yield from (
                        self._joined(joint.join(parts[:cut]), said, joint.join(parts[cut:]), depth) for cut in (2, 1)
                    )
        if bracketed := _bracketed(text):
            (outer, some), (inner, more) = (self._say(part, depth + 1) if part else ("", 0) for part in bracketed)
            yield f"{outer}（{inner}）", some + more

    def _joined(self, first: str, joint: str, second: str, depth: int) -> Said:
        (one, some), (two, more) = self._say(first, depth + 1), self._say(second, depth + 1)
        return f"{one}{joint}{two}", some + more


def _balanced(text: str) -> bool:
    """Whether every bracket that opens closes again."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def _split(text: str, joint: str) -> list[str]:
    """A text parted at a joint, but not within brackets."""
    parts: list[str] = []
    for part in text.split(joint):
        if parts and not _balanced(parts[-1]):
            parts[-1] += joint + part
        else:
            parts.append(part)
    return parts


def _bracketed(text: str) -> tuple[str, str] | None:
    """A text and what stands in brackets at its end."""
    if not text.endswith(")") or not _balanced(text):
        return None
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if not depth:
            return text[:at].rstrip(), text[at + 1 : -1]
    return None
