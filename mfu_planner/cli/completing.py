"""The names that a shell completes behind a flag."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def _models() -> Iterable[str]:
    from mfu_planner.architectures.presets import catalogue

    return (row["id"] for row in catalogue())


def _devices() -> Iterable[str]:
    from mfu_planner.hardware._index import names

    return list(names()["devices"])


def _machines() -> Iterable[str]:
    from mfu_planner.hardware._index import machines

    return machines()


def _conventions() -> Iterable[str]:
    from mfu_planner.counting.conventions import names

    return names()


def _stacks() -> Iterable[str]:
    from mfu_planner.machine.calibrated import stack_names

    return stack_names()


_NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "model": _models,
    "hardware": _devices,
    "cluster": _machines,
    "convention": _conventions,
    "stack": _stacks,
}


def completions(field: str, choices: Iterable[object], begun: str) -> list[str]:
    """The names that a field takes and that begin as what was typed, behind the last comma where several are taken.

    Parameters
    ----------
    field : the field's name; choices : what it takes where it lists it; begun : what was typed so far.
    """
    before, comma, last = begun.rpartition(",")
    known = [str(c) for c in choices] or list(_NAMES[field]() if field in _NAMES else ())
    return [f"{before}{comma}{name}" for name in known if name.startswith(last.lower())]
