"""Names to accelerators, by whole words. What is ambiguous or unknown is refused with candidates, never guessed."""

from __future__ import annotations

import dataclasses
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.hardware._accelerator import Accelerator
from mfu_planner.hardware._cloud import instance
from mfu_planner.hardware._index import accelerator, names
from mfu_planner.hardware._words import holds, without, words

_FIELD = "hardware"
_SHOWN = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Resolution:
    """How a name was understood."""

    accelerator: Accelerator
    note: str | None = None
    """What the user should know about the reading; None when it is plain."""
    devices: int | None = None
    """How many devices the name itself states (an instance type, a TPU slice)."""


def resolve(name: str, *, field: str = _FIELD) -> Accelerator:
    """The accelerator that a catalogue id, marketing name, driver string or cloud instance type means.

    Raises
    ------
    InputError
        The name is ambiguous (the candidates are named) or unknown (the nearest are).
    """
    found = lookup(name, field=field)
    return dataclasses.replace(found.accelerator, resolved_note=found.note) if found.note else found.accelerator


def lookup(name: str, *, field: str = _FIELD) -> Resolution:
    """Like :func:`resolve`, with the remark and the device count that the name carries."""
    catalogue = names()
    records: dict[str, Any] = catalogue["devices"]
    text = str(name).strip()
    if text.lower() in records:
        return Resolution(accelerator(text.lower()))
    if not text or len(text) > 200:
        raise InputError(field, name, "a catalogue id, a marketing name or the driver's own string")
    spoken = words(text)
    joined = " ".join(spoken)
    exact = [i for i, r in records.items() if joined in r["names"]["exact"]]
    if joined in catalogue["ambiguous"]:
        entry = catalogue["ambiguous"][joined]
        raise _ambiguous(field, name, entry["candidates"], entry["reason"])
    if len(exact) > 1:
        raise _ambiguous(field, name, exact)
    if exact:
        return Resolution(accelerator(exact[0]), records[exact[0]]["names"]["notes"].get(joined))
    cloud = instance(text, catalogue)
    if cloud is not None:
        identifier, devices, note = cloud
        return Resolution(accelerator(identifier), note, devices)
    return _by_words(name, spoken, catalogue, field)


def _by_words(name: str, spoken: tuple[str, ...], catalogue: dict[str, Any], field: str) -> Resolution:
    records = catalogue["devices"]
    common = set(catalogue["common_words"])
    fits: list[str] = []
    could: list[str] = []
    named: list[str] = []
    for identifier, entry in records.items():
        said = entry["names"]
        allowed = common | set(said["marks"])
        for phrase in said["model"]:
            if holds(spoken, tuple(phrase)):
                named.append(identifier)
                rest = set(without(spoken, tuple(phrase)))
                if rest <= allowed:
                    could.append(identifier)
                    if not said["on_request"] or rest & set(said["only"]):
                        fits.append(identifier)
                break
    if len(fits) == 1 or (not fits and len(could) == 1):
        return Resolution(accelerator((fits or could)[0]))
    if could:
        raise _ambiguous(field, name, could)
    slices = sorted(set(spoken) & set(catalogue["partial_words"]))
    if slices and named:
        raise InputError(
            field, name, f"a whole device: {slices[0]!r} is a share of one; give --peak for it", named[:_SHOWN]
        )
    if spoken and set(spoken) <= common:
        vendors = {v for v in spoken if v in catalogue["vendor_words"]}
        ours = [
            i
            for i, r in records.items()
            if not vendors or catalogue["vendor_words"].get(r["vendor"].lower()) in vendors
        ]
        raise _ambiguous(field, name, ours or list(records), "it names no model")
    known = list(records) + [r["name"] for r in records.values()]
    hints = tuple(named[:_SHOWN]) or nearest(str(name), known)
    raise InputError(field, name, "a catalogue id, a marketing name or the driver's own string", hints)


def resolve_run_key(key: str) -> tuple[Accelerator, int]:
    """A hardware key of the published-run tables, and how many catalogue devices one of the table's devices is.

    Such tables count chips for some TPUs whose cores are the framework's devices, and say "v100" for one board.
    """
    known = names()["run_keys"]
    if key in known:
        return accelerator(known[key]["accelerator"]), known[key]["devices"]
    return resolve(key, field="hw_key"), 1


def _ambiguous(field: str, name: object, candidates: list[str], reason: str = "it fits several devices") -> InputError:
    shown = ", ".join(candidates[:_SHOWN]) + (
        f" and {len(candidates) - _SHOWN} more" if len(candidates) > _SHOWN else ""
    )
    return InputError(field, name, f"one device; {reason}: {shown}")
