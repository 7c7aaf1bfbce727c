"""Events of other profilers in the terms of the torch profiler, so that one analysis reads all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


class TranslatedEvents:
    """Events of a trace, those of one kind of profile translated; any other trace passes unchanged.

    A kind says by the names of its processes that a trace is one of its own, and translates the complete events.

    Attributes
    ----------
    found : bool
        The trace is one of this kind.
    """

    def __init__(self, events: Iterable[Any]) -> None:
        self.found = False
        self._events = events
        self._rows: dict[tuple[object, object], str] = {}

    def __iter__(self) -> Iterator[Any]:
        """Every event of the source, in its order."""
        for event in self._events:
            if isinstance(event, dict) and event.get("ph") == "M":
                self._name(event)
            if self.found and isinstance(event, dict) and event.get("ph") == "X":
                yield self.translated(event)
            else:
                yield event

    def _name(self, event: dict[str, Any]) -> None:
        args = event.get("args")
        name = args.get("name") if isinstance(args, dict) else None
        if not isinstance(name, str):
            return
        if event.get("name") == "process_name":
            self.process(event.get("pid"), name)
        elif event.get("name") == "thread_name":
            self._rows[event.get("pid"), event.get("tid")] = name

    def row(self, event: dict[str, Any]) -> str:
        """The name of the row that an event stands in."""
        return self._rows.get((event.get("pid"), event.get("tid")), "")

    def process(self, pid: object, name: str) -> None:
        """Take the name of a process; ``found`` where it is of this kind."""
        raise NotImplementedError

    def translated(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event with the category that the analysis looks for; without one where it is not work."""
        raise NotImplementedError
