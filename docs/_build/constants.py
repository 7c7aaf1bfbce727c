"""Tables of calibrated constants, read from ``calibration/``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from sources import ROOT

_FOLDER = ROOT / "calibration"


def table(what: str) -> str:
    """One table: products, collectives, fabrics, optimizers, stacks, meanings."""
    return {
        "products": _products,
        "collectives": _collectives,
        "fabrics": _fabrics,
        "optimizers": _optimizers,
        "stacks": _stacks,
        "meanings": _meanings,
    }[what]()


def _load(name: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text("utf-8"))
    return data


def _rows(columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(r)} |" for r in rows)]) + "\n"


def _products() -> str:
    data = _load("products")
    rows = []
    for name, device in data["devices"].items():
        for dtype, fit in device.items():
            if isinstance(fit, dict) and "efficiency" in fit:
                judged = fit["judged"]
                rows.append(
                    (f"`{name}`", dtype, f"{fit['efficiency']:.1%}", f"{fit['depth_overhead_elements']:.0f}",
                     f"{fit['fixed_us']:.1f} µs", " × ".join(map(str, fit["tile"])), str(judged["rows"]),
                     f"{judged['median_abs_error']:.1%}")
                )  # fmt: skip
    columns = (
        "device",
        "format",
        "share of the peak",
        "depth overhead",
        "start",
        "tile",
        "rows judged",
        "median error",
    )
    return f"{_rows(columns, rows)}\n{_origin(data)}"


def _collectives() -> str:
    data = _load("collectives")
    rows = []
    for device in data["devices"].values():
        for kind, fit in device.items():
            if isinstance(fit, dict) and "bandwidth_gb_per_s" in fit:
                judged = fit.get("judged_median_abs_error")
                rows.append(
                    (device["measured_as"], kind.replace("_", "-"), f"{fit['start_us']:g} µs", f"{fit['hop_us']:g} µs",
                     f"{fit['bandwidth_gb_per_s']:g} GB/s", "–" if judged is None else f"{judged:.0%}")
                )  # fmt: skip
    return (
        f"{_rows(('measured on', 'collective', 'start', 'per device', 'rate', 'median error'), rows)}\n{_origin(data)}"
    )


def _origin(data: dict[str, Any]) -> str:
    source = data["source"]
    return f"Fitted by `{data['script']}` on [{source['title']}]({source['url']}), {source['date']}.\n"


def _fabrics() -> str:
    rows = [
        (f"`{name}`", f["meaning"], f"{f['nic_gb_per_s']:g} GB/s", f"{f['efficiency']:.0%}", f"{f['start_us']:g} µs")
        for name, f in _load("fabrics").items()
        if isinstance(f, dict) and "nic_gb_per_s" in f
    ]
    return _rows(("fabric", "what it is", "per device, one way", "share reached", "start"), rows)


def _optimizers() -> str:
    rows = [
        (f"`{name}`", f"{o['byte_per_parameter']:g}", o["source"]) for name, o in _load("memory")["optimizers"].items()
    ]
    return _rows(("optimizer", "bytes per parameter", "source"), rows)


def _stacks() -> str:
    rows = [(f"`{n}`", s["meaning"]) for n, s in _load("stacks").items() if isinstance(s, dict) and "meaning" in s]
    return _rows(("stack", "what it is"), rows)


def _meanings() -> str:
    rows = [
        (f"`{name}`", kind, each["unit"], each["meaning"], each.get("source", "fitted or set by stack"))
        for kind, block in _load("meanings").items()
        for name, each in block.items()
    ]
    return _rows(("constant", "of", "unit", "meaning", "source"), rows)
