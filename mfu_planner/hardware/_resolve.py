"""Names to accelerators, by whole words. What is ambiguous or unknown is refused with candidates, never guessed."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.hardware._accelerator import Accelerator
from mfu_planner.hardware._cloud import instance
from mfu_planner.hardware._index import accelerator, names, tell_left_out
from mfu_planner.hardware._own import in_use
from mfu_planner.hardware._own_device import OwnDevice
from mfu_planner.hardware._words import holds, without, words

if TYPE_CHECKING:
    from mfu_planner.hardware._text import Spoken

_FIELD = "hardware"
_SHOWN = 8
_LONGEST = 4000
"""Characters: a list of a node's devices is longer than a name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Resolution:
    """How a name was understood."""

    accelerator: Accelerator
    note: str | None = None
    """What the user should know about the reading; None when it is plain."""
    devices: int | None = None
    """How many devices the name itself states (an instance type, a TPU slice, a list, a count)."""
    unit: str | None = None
    """chip, card, package or board, where the name says that one of those is meant."""
    devices_per_unit: int = 1
    """Devices in one of that unit."""


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
    """Like :func:`resolve`, with the remark and the device count that the name carries.

    The text may be what software prints around a name: a Kubernetes label, a line of ``nvidia-smi -L``, a Slurm
    resource, a list of equal names. ``8x`` before it, ``:8`` behind it and an instance type say how many devices.
    """
    if isinstance(name, OwnDevice) and (measured := name.accelerator()) is not None:
        return Resolution(measured)
    return _remembered(name, field, in_use()) if type(name) is str else _lookup(name, field)


def _lookup(name: str, field: str) -> Resolution:
    catalogue = names()
    text = str(name).strip()
    if broken := catalogue.get("left_out", {}).get(text.lower()):
        raise broken
    tell_left_out()
    if text.lower() in catalogue["devices"]:
        return _with_variants(Resolution(accelerator(text.lower())), text, catalogue)
    if not text or len(text) > _LONGEST:
        raise InputError(field, name, "a catalogue id, a marketing name or the driver's own string")
    found = _exactly(name, text, catalogue, field)
    if found is not None:
        return _with_variants(found, text, catalogue)
    from mfu_planner.hardware._text import spoken

    read = spoken(text, field)
    _refuse_shares(name, text, catalogue, field)
    found = _exactly(name, read.name, catalogue, field) if read.name != text else None
    found = found or _by_words(name, words(read.name), catalogue, field)
    return _counted(_with_variants(found, read.name, catalogue), read, name, field)


@lru_cache(maxsize=1024)
def _remembered(name: str, field: str, own: Any) -> Resolution:  # noqa: ARG001  the user's specs are a key
    return _lookup(name, field)


def _exactly(name: str, text: str, catalogue: dict[str, Any], field: str) -> Resolution | None:
    """The device whose whole name this is, or the instance type; None when it is neither."""
    records: dict[str, Any] = catalogue["devices"]
    if text.lower() in records:
        return Resolution(accelerator(text.lower()))
    joined = " ".join(words(text))
    if joined in catalogue["shares"]:
        raise _share(field, name, catalogue["shares"][joined], [])
    if joined in catalogue["ambiguous"]:
        entry = catalogue["ambiguous"][joined]
        raise _ambiguous(field, name, entry["candidates"], entry["reason"])
    exact = [i for i, r in records.items() if joined in r["names"]["exact"]]
    if len(exact) > 1:
        raise _ambiguous(field, name, exact)
    if exact:
        return Resolution(accelerator(exact[0]), records[exact[0]]["names"]["notes"].get(joined))
    cloud = instance(text, catalogue)
    if cloud is None:
        return None
    identifier, devices, note = cloud
    return Resolution(accelerator(identifier), note, devices)


def _with_variants(found: Resolution, text: str, catalogue: dict[str, Any]) -> Resolution:
    """The resolution, naming the variants that the text may mean as well.

    A variant has the device's id with a memory size or a count of cores behind it, and no name that tools print for
    it alone.
    """
    variants = _variants(found.accelerator.id, in_use()) if found.devices is None else ()
    if not variants:
        return found
    said = words(text)
    others = [i for i in variants if _may_mean(catalogue["devices"][i], said, catalogue)]
    if not others:
        return found
    note = f"the name does not tell it from {', '.join(others)}; the figures are for {found.accelerator.name}"
    return dataclasses.replace(found, note=note)


def _is_printed_alike(record: dict[str, Any]) -> bool:
    """Whether no tool prints a name for the device alone."""
    return not record["names"]["driver"] and record["names"]["exact"] == [" ".join(words(record["name"]))]


@lru_cache(maxsize=1024)
def _variants(identifier: str, own: Any) -> tuple[str, ...]:  # noqa: ARG001  the user's specs are a key
    """Devices of that id with more behind it, which nothing prints alone."""
    devices = names()["devices"]
    return tuple(i for i, r in devices.items() if i.startswith(f"{identifier}-") and _is_printed_alike(r))


def _may_mean(record: dict[str, Any], said: tuple[str, ...], catalogue: dict[str, Any]) -> bool:
    """Whether a text's words hold the device's model and nothing that it is not."""
    allowed = {*catalogue["common_words"], *record["names"]["marks"]}
    phrases = (tuple(m) for m in record["names"]["model"])
    return any(holds(said, phrase) and set(without(said, phrase)) <= allowed for phrase in phrases)


def _counted(found: Resolution, read: Spoken, name: str, field: str) -> Resolution:
    """The resolution with the devices that the text counts, in the unit that it names."""
    if read.unit is None and read.count is None:
        return found
    each = 1
    if read.unit is not None:
        known = found.accelerator.counted_as
        if known and read.unit not in known:
            said = ", ".join(f"a {u} ({n} devices)" for u, n in known.items())
            raise InputError(field, name, f"{said}, or the {found.accelerator.device_kind} without {read.unit!r}")
        each = known.get(read.unit, 1)
    devices = None if read.count is None else read.count * each * (found.devices or 1)
    note = found.note
    if each > 1:
        said = f"a {read.unit} of {found.accelerator.name} is {each} devices; every figure is per device"
        note = said if note is None else f"{note}; {said}"
    return dataclasses.replace(
        found, note=note, devices=devices or found.devices, unit=read.unit, devices_per_unit=each
    )


def _refuse_shares(name: str, text: str, catalogue: dict[str, Any], field: str) -> None:
    """Refuse a share of a device: a MIG instance, a vGPU profile, a time slice."""
    from mfu_planner.hardware._text import SHARE

    partial = set(catalogue["partial_words"])
    said = SHARE.search(text)
    slices = sorted(set(words(text)) & partial)
    if said or slices:
        raise _share(field, name, repr(said[0].strip("-_ ") if said else slices[0]), [])


def _share(field: str, name: str, what: str, hints: list[str]) -> InputError:
    return InputError(field, name, f"a whole device: {what} is a share of one; give --peak for it", hints)


def _by_words(name: str, said_words: tuple[str, ...], catalogue: dict[str, Any], field: str) -> Resolution:
    records = catalogue["devices"]
    common = set(catalogue["common_words"])
    fits: list[str] = []
    could: list[str] = []
    named: list[str] = []
    for identifier, entry in records.items():
        said = entry["names"]
        allowed = common | set(said["marks"])
        for phrase in said["model"]:
            if holds(said_words, tuple(phrase)):
                named.append(identifier)
                rest = set(without(said_words, tuple(phrase)))
                if rest <= allowed:
                    could.append(identifier)
                    if not said["on_request"] or rest & set(said["only"]):
                        fits.append(identifier)
                break
    if len(fits) == 1 or (not fits and len(could) == 1):
        return Resolution(accelerator((fits or could)[0]))
    if could:
        raise _ambiguous(field, name, could)
    if said_words and set(said_words) <= common:
        vendors = {v for v in said_words if v in catalogue["vendor_words"]}
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
