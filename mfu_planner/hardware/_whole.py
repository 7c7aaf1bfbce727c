"""What people count: a chip, a card, a package of several devices, and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TIMES = ("memory_bytes", "memory_nominal_bytes", "usable_bytes", "memory_bandwidth_bytes_per_s", "tdp_w")


def units(counted_as: Mapping[str, int]) -> list[tuple[str, int]]:
    """The units that people count, and devices in one; a package only where nothing else is said."""
    return [(u, n) for u, n in counted_as.items() if u != "package"] or list(counted_as.items())


def device_is(name: str, kind: str, counted_as: Mapping[str, int]) -> str | None:
    """One line on what a device is, where it is a part of what people count; None elsewhere."""
    if not counted_as:
        return None
    said = ", ".join(f"a {unit} is {n} devices" for unit, n in units(counted_as))
    article = "an" if kind[0].lower() in "aeiou" else "a"
    return f"one device is {article} {kind} of {name.partition(' (')[0]}: {said}"


def whole(record: dict[str, Any], unit: str, n: int) -> dict[str, Any]:
    """A record of the catalogue with the figures of a unit of ``n`` devices."""
    link, pcie = record["interconnect"]["scale_up"], record["interconnect"]["pcie"]
    compute, price = record["compute"], record["price"]
    return {
        **record,
        "device_kind": unit,
        "devices_per_package": max(1, record["devices_per_package"] // n),
        "peak_flops_per_s": {k: _peak(p, n) for k, p in record["peak_flops_per_s"].items()},
        **{k: _times(record[k], n) for k in _TIMES},
        "compute": {**compute, **{k: _times(compute[k], n) for k in ("compute_units", "l2_bytes")}},
        "interconnect": {
            "scale_up": link and {**_link(link, n), "domain": link["domain"] // n},
            "pcie": pcie and _link(pcie, n),
        },
        "achievable": {k: {**r, "flops_per_s": r["flops_per_s"] * n} for k, r in record["achievable"].items()},
        "price": price
        and {k: _times(v, n) if k.endswith("usd_per_device_hour") else v for k, v in price.items() if k != "quotes"}
        | {"quotes": [_quote(q, n) for q in price["quotes"]]},
        "warnings": [*record["warnings"], f"every figure here is of a {unit}: {n} devices"],
    }


def _times(value: float | None, n: int) -> float | None:
    return None if value is None else value * n


def _link(link: dict[str, Any], n: int) -> dict[str, Any]:
    return {**link, "per_direction_bytes_per_s": _times(link["per_direction_bytes_per_s"], n)}


def _peak(peak: dict[str, Any], n: int) -> dict[str, Any]:
    return {**peak, "dense": _times(peak["dense"], n), "sparse": _times(peak["sparse"], n)}


def _quote(quote: dict[str, Any], n: int) -> dict[str, Any]:
    times = {k: _times(quote[k], n) for k in ("usd_per_device_hour", "low", "high")}
    return {**quote, **times, "devices": max(1, (quote["devices"] or n) // n)}
