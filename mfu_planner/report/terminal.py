"""The terminal: tables whose numbers are never cut."""

from __future__ import annotations

import re
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

_NUMBER = 24
"""Characters up to which a cell on the right is a number with its unit, which stays on one line."""
_WORD = 32
"""Characters up to which a word is kept whole."""
_ENDLESS = 10_000
_BLANKS = re.compile(r" +$", re.MULTILINE)
"""At the ends of lines: a table is padded to its width, and what reads a file or a pipe has no use for them."""


class WholeTables(Console):
    """A console that prints a table wider than the terminal rather than cut what is in it."""

    def on_broken_pipe(self) -> None:
        """Nobody reads any more: the command ends as where it writes without a console."""
        raise BrokenPipeError

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints; the columns of tables get the width that their numbers and words need."""
        need = max((self._fit(o) for o in objects if isinstance(o, Table)), default=0)
        before, self.width = self.width, max(self.width, need)
        try:
            if self.is_terminal or self.record:
                super().print(*objects, **options)
            else:
                with self.capture() as drawn:
                    super().print(*objects, **options)
                self.file.write(_BLANKS.sub("", drawn.get()))
        except BrokenPipeError:
            self.on_broken_pipe()
        finally:
            self.width = before

    def _fit(self, table: Table) -> int:
        """Share the terminal's width out among the columns; the characters that the table then takes at least."""
        endless = self.options.update(width=_ENDLESS)
        least = [_least(column) for column in table.columns]
        for column, width in zip(table.columns, least, strict=True):
            column.min_width, column.overflow = width, "fold"
        if self.measure(table, options=endless).maximum <= self.width:
            return 0
        if self.measure(table, options=endless).minimum > self.width:
            table.collapse_padding, table.pad_edge = True, False
        need = self.measure(table, options=endless).minimum
        spare = max(0, self.width - need)
        wanted = [_longest(column) - width for column, width in zip(table.columns, least, strict=True)]
        for column, width, more in zip(table.columns, least, wanted, strict=True):
            given = min(more, spare * more // max(1, sum(wanted)))
            column.width = width + given
        return need


def _longest(column: Column) -> int:
    """Characters of the longest cell."""
    return max((cell_len(line) for cell in _cells(column) for line in cell.splitlines()), default=0)


def _least(column: Column) -> int:
    """Characters that a column needs: those of its numbers, or of its longest word."""
    longest = _longest(column)
    if column.no_wrap or (column.justify == "right" and longest <= _NUMBER):
        return longest
    return min(_WORD, max((cell_len(word) for cell in _cells(column) for word in cell.split()), default=0))


def _cells(column: Column) -> list[str]:
    return [Text.from_markup(c).plain if isinstance(c, str) else str(c) for c in (column.header, *column.cells)]


def console() -> Console:
    """The terminal, with colour where it has any."""
    return WholeTables(highlight=False, soft_wrap=False)
