"""``probe``: the user's own device measured, for ``--machine``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from mfu_planner.answers.results import KeyedResult
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.machine.calibrated import FORMAT_BYTES
from mfu_planner.probing import reduce
from mfu_planner.probing.collectives import collectives, world_size
from mfu_planner.probing.device import TorchDevice, torch_device
from mfu_planner.probing.points import points
from mfu_planner.probing.timings import Progress, Timings

LIMIT = 0.10
"""Spread between passes beyond which a machine is too busy to be measured."""


class ProbeResult(KeyedResult):
    """A machine file's content."""

    machine: dict[str, Any]
    """The content of ``machine.yaml``."""
    spread: float
    """Median difference between passes ÷ their middle."""
    points: int
    """Things that were timed."""
    written: str | None = None
    """Where it was written."""


def probe(
    device: str | None = None,
    quick: bool = False,
    output: str | Path | None = None,
    limit: float = LIMIT,
    progress: Progress | None = None,
) -> ProbeResult:
    """Measure a device through torch: about five minutes, or one.

    Under ``torchrun`` it measures the collectives of its processes instead, and adds them to the file.

    Parameters
    ----------
    device
        cpu, cuda (rocm), xpu or mps; the first accelerator there is where none is named.
    quick
        Fewer shapes, two short passes.  On a slow device the largest shapes are left out, or timed once.
    output
        Where ``machine.yaml`` is written; a probe that was stopped goes on from the file beside it (``….part``).
    limit
        Largest spread between passes that is taken.
    progress
        Called before each point.

    Raises
    ------
    InputError
        No torch, no such device, a file that cannot be written.
    NoAnswer
        The passes differ by more than ``limit``.
    """
    found = torch_device(device)
    path = None if output is None else Path(output)
    if world_size() > 1:
        return _with_collectives(found, path)
    passes, budget, most = (2, 0.05, 60.0) if quick else (3, 0.25, 300.0)
    listed = points(found, quick=quick)
    about = {"device": found.name, "torch": str(found.torch.__version__), "quick": quick}
    try:
        timings = Timings(None if path is None else path.with_name(path.name + ".part"), about)
        timings.run(found, listed, passes, budget, most, progress or (lambda *_: None))
    except OSError as error:
        raise InputError("output", str(output), f"a file that can be written ({error.strerror})") from None
    listed = [point for point in listed if timings.timed(point.name)]
    spreads = {point.name: each for point in listed if (each := timings.spread(point.name)) is not None}
    if not spreads:
        raise NoAnswer(f"probe: one pass took {most:.0f} s, too long for another: run it on an idle machine")
    spread = median(spreads.values())
    if spread > limit:
        timings.forget([name for name, each in spreads.items() if each > limit])
        raise NoAnswer(
            f"probe: passes differ by {spread:.0%}, more than {limit:.0%}: something else uses the machine; run it "
            "again when it is idle" + ("" if path is None else ", with the same -o: what was steady is kept")
        )
    timed = {point.name: (point, timings.seconds(point.name)) for point in listed}
    machine = _content(found, timed, passes, spread, quick)
    written = None if path is None else _written(machine, path)
    timings.done()
    return ProbeResult(
        inputs={"device": found.kind, "quick": quick},
        machine=machine,
        spread=spread,
        points=len(listed),
        written=written,
    )


def _content(device: TorchDevice, timed: reduce.Timed, passes: int, spread: float, quick: bool) -> dict[str, Any]:
    rates = reduce.bandwidths(timed)
    stream = rates["stream"]
    identifier, own = _identified(device)
    shapes = {d: reduce.products(timed, d, device.units, stream, FORMAT_BYTES[d]) for d in device.formats}
    attended = [d for d in device.formats if reduce.chosen(timed, f"attention {d}")]
    return {
        "kind": "machine-calibration",
        "version": 1,
        "device": identifier,
        **({} if own is None else {"own": own}),
        "measured": {
            "date": dt.datetime.now(tz=dt.UTC).date(),
            "torch": str(device.torch.__version__),
            "driver": str(device.torch.version.cuda or device.torch.version.hip or "none"),
            "threads": device.threads,
            "passes": passes,
            "spread": _short(spread),
            "quick": quick,
        },
        "products": {d: _with_units(each, rate="FLOP/s", best="FLOP/s", start="s") for d, each in shapes.items()},
        "attention": {d: _with_units(reduce.attention(timed, d), rate="FLOP/s") for d in attended},
        "bandwidth": _with_units(rates, stream="B/s", allocate="B/s", cache="B/s"),
        "pointwise": _with_units(reduce.passes(timed, stream)),
        "issue": {**_with_units(reduce.issue(timed), **_SECONDS), "overlaps": device.kind != "cpu"},
        "optimizer": _with_units(reduce.once(timed), adamw="s", clip="s", accumulate="s"),
    }


_SECONDS = dict.fromkeys(("operator", "layer_forward", "layer_backward", "step"), "s")


def _identified(device: TorchDevice) -> tuple[str, dict[str, str] | None]:
    """(the catalogue's id, nothing) or (an own id, the device's description)."""
    from mfu_planner.hardware import resolve

    if device.kind in ("cuda", "xpu"):
        try:
            return resolve(device.name).id, None
        except InputError:
            pass
    kind = "CPU" if device.kind == "cpu" else "GPU"
    return device.identifier, {"name": device.name, "device_kind": kind, "memory": f"{device.memory_bytes} B"}


def _with_collectives(device: TorchDevice, path: Path | None) -> ProbeResult:
    """The file with the collectives of this job's processes in it."""
    from mfu_planner.facts import load_file
    from mfu_planner.machine.own_machine import read_machine

    if path is None or not path.exists():
        raise InputError("output", str(path), "a machine.yaml that the probe wrote on one device, to add to")
    held = read_machine(path).held
    machine = {**load_file(path), "collectives": {
        name: _with_units(each, start="s", hop="s", rate="B/s", ramp="B") for name, each in collectives(device).items()
    }}  # fmt: skip
    first = int(device.torch.distributed.get_rank()) == 0
    written = _written(machine, path) if first else None
    device.torch.distributed.destroy_process_group()
    return ProbeResult(
        inputs={"device": device.kind, "processes": world_size()},
        machine=machine,
        spread=held.measured.spread,
        points=len(machine["collectives"]),
        written=written,
    )


def _written(machine: Mapping[str, Any], path: Path) -> str:
    import yaml

    head = "# Written by mfu-planner probe; --machine takes it. Measured on this machine, sent nowhere.\n"
    try:
        path.write_text(head + yaml.safe_dump(dict(machine), sort_keys=False, width=120), "utf-8")
    except OSError as error:
        raise InputError("output", str(path), f"a file that can be written ({error.strerror})") from None
    return str(path)


def _with_units(found: Mapping[str, Any], **units: str) -> dict[str, Any]:
    """Values as the file holds them: those with a unit as text."""
    return {
        name: _with_unit(float(value), units[name]) if name in units
        else {k: v if isinstance(v, int) else _short(v) for k, v in value.items()} if isinstance(value, Mapping)
        else value if isinstance(value, int | list) else _short(value)
        for name, value in found.items()
    }  # fmt: skip


_PREFIXES = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "u", 1e-9: "n"}


def _with_unit(value: float, unit: str) -> str:
    """A value with its unit; nothing is the least that a file can say."""
    least = 1e-12 if unit == "s" else 1.0
    value = max(value, least)
    size = next((s for s in _PREFIXES if value >= s and (s >= 1 or unit == "s")), 1e-9 if unit == "s" else 1.0)
    return f"{value / size:.5g} {_PREFIXES[size]}{unit}"


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")
