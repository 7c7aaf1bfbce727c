"""The letters of one model: which letter a field of its config is shown by, each letter for one field alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any

from mfu_planner.architectures.model import Architecture
from mfu_planner.facts import Spec, load_file
from mfu_planner.numeric.letters import Letter, Symbol, letter, named

_FACTS = Path(__file__).parent / "letters.yaml"
_PLAIN_WORDS = re.compile(r"_attention|\b(layers?|block|vision|encoder|decoder|features|without positions)\b|\W")
"""What a block's name says beyond its kind."""


class _LetterSpec(Spec, strict=False):
    letter: str
    means: str
    outer: bool = False
    fields: tuple[str, ...] = ()


class _Alphabet(Spec):
    letters: list[_LetterSpec]


@cache
def _alphabet() -> tuple[dict[str, Symbol], Mapping[str, Symbol]]:
    """Symbols by letter, and by field."""
    held = _Alphabet.model_validate(load_file(_FACTS))
    symbols = {
        one.letter: Symbol(one.letter, one.means, rank=rank, outer=one.outer) for rank, one in enumerate(held.letters)
    }
    return symbols, {name: symbols[one.letter] for one in held.letters for name in one.fields}


def meanings() -> tuple[str, ...]:
    """What the letters stand for."""
    return tuple(symbol.meaning for symbol in _alphabet()[0].values())


@dataclass
class Letters:
    """The letters that one model uses; a letter stands for one thing alone."""

    taken: dict[str, str] = field(default_factory=dict)
    """Letter → whose it is."""
    said: dict[str, str] = field(default_factory=dict)
    """Switches of the config that choose which formulas hold: name → value."""

    def of_field(self, name: str, value: Any, *, part: str = "", index: str = "") -> Any:
        """A value read from a field, shown by the field's letter (or by its own name, where it has none).

        ``part``: index of the tower whose field it is.  ``index``: place in a list.
        """
        if isinstance(value, Letter | bool):
            return value
        known = _alphabet()[1].get(name, Symbol(name, name.replace("_", " ")))
        own = Symbol(name, name.replace("_", " "))
        owner = f"{part}: {name}{index} = {value}"
        return letter(value, self._claim(owner, _indexed(known, index, part), _indexed(own, index, part)))

    def of(self, name: str, value: Any, *, said: str = "") -> Any:
        """One of the alphabet's letters that no field holds (``s``, ``b``); ``said``: what the user calls it."""
        symbol = _alphabet()[0][name]
        return letter(value, self._claim(name, replace(symbol, name=said) if said else symbol))

    def constant(self, symbol: Symbol, value: Any, index: str = "") -> Symbol:
        """The symbol of a constant: its own letter, or one with an index where others have that letter."""
        return self._claim(f"{symbol.name} = {value}", symbol, _indexed(symbol, index or "c"))

    def derived(self, name: str, value: Any, *, part: str = "") -> Any:
        """A value that follows from others, shown by a letter of its own (``h = d / n``)."""
        if not isinstance(value, Letter):
            return value
        return named(self._claim(f"{part}: {name} = {value}", _indexed(_alphabet()[0][name], part)), value)

    def counted(self, architecture: Architecture) -> Architecture:
        """The model with a letter for the number of each kind of layer: L, or L_dense and L_sparse by name."""
        layered = [block for block in architecture.blocks if block.layers]
        kinds = Counter(block.stack for block in layered)
        main = architecture.main_stack
        blocks = []
        for place, block in enumerate(architecture.blocks):
            if block.layers:
                word = _PLAIN_WORDS.sub("", block.name) if kinds[block.stack] > 1 else ""
                index = "" if block.stack == main or len(kinds) == 1 else block.stack
                symbol = _indexed(_alphabet()[0]["L"], word, index)
                owner = f"block {place}: {block.name}"
                block = replace(block, counted=letter(len(block.layers), self._claim(owner, symbol)))
            blocks.append(block)
        return replace(architecture, blocks=tuple(blocks))

    def _claim(self, owner: str, *wished: Symbol) -> Symbol:
        """The first of the symbols that nobody else has; the last one numbered where all are taken."""
        numbered = (replace(wished[-1], name=f"{wished[-1].name}_{k}") for k in count(2))
        return next(s for s in chain(wished, numbered) if self.taken.setdefault(s.name, owner) == owner)


def _indexed(symbol: Symbol, *indices: str) -> Symbol:
    """A symbol with further indices; its meaning says them."""
    given = [index for index in indices if index]
    if not given:
        return symbol
    return replace(
        symbol, name="_".join((symbol.name, *given)), meaning=f"{symbol.meaning} ({', '.join(given)})", rank=symbol.rank
    )
