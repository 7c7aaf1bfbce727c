"""A device that its user measured, and that the catalogue does not have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from mfu_planner.hardware._accelerator import Accelerator

_BEST = "the fastest product that was measured"


class OwnDevice(str):
    """A hardware name beside a file of what was measured: whoever looks it up gets the file's device.

    Parameters
    ----------
    text
        The name that was given, or the file's where none was.
    load
        What reads the file, when it is asked for.
    named
        Whether a name was given: it may then be the catalogue's, of the same device.
    """

    load: Callable[[], Accelerator]
    named: bool

    def __new__(cls, text: str, load: Callable[[], Accelerator], *, named: bool = False) -> OwnDevice:
        """The name."""
        found = super().__new__(cls, text)
        found.load, found.named = load, named
        return found

    def accelerator(self) -> Accelerator | None:
        """The file's device; None where another was named."""
        found = self.load()
        return None if self.named and str(self) != found.id else found


def own_device(
    identifier: str, *, name: str, kind: str, memory: str, bandwidth: str, peaks: Mapping[str, str], measured: dt.date
) -> Accelerator:
    """An accelerator out of what was measured on it.

    Parameters
    ----------
    kind
        What a framework counts as one: GPU, CPU.
    memory, bandwidth
        With their units.
    peaks
        Number format → the fastest product that was measured, which stands for the peak.
    measured
        The day.
    """
    from mfu_planner.hardware._build import record
    from mfu_planner.hardware._index import from_record
    from mfu_planner.hardware._spec import AcceleratorSpec

    said = {"source": "probe"}
    spec = AcceleratorSpec.model_validate(
        {
            "id": identifier,
            "name": name,
            "vendor": "own",
            "family": "measured",
            "year": measured.year,
            "form_factor": "own",
            "device_kind": kind,
            "devices_per_package": 1,
            "basis": "device",
            "confidence": "derived",
            "names": {},
            "peak": {dtype: {"dense": rate, "note": _BEST, **said} for dtype, rate in peaks.items()},
            "memory": {"capacity": memory, "kind": "measured", "bandwidth": bandwidth, **said},
            "sources": {
                "probe": {"title": "mfu-planner probe", "url": "machine.yaml", "checked": measured, "kind": "measured"}
            },
        }
    )
    return from_record(record(spec))
