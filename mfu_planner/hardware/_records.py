"""The catalogue as plain records: what ``mfu-planner hardware --json`` prints, and what tables are drawn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.hardware._accelerator import dtype_key
from mfu_planner.hardware._index import index, tell_left_out
from mfu_planner.hardware._resolve import lookup
from mfu_planner.hardware._whole import device_is, whole
from mfu_planner.run import solve
from mfu_planner.units import HOUR

if TYPE_CHECKING:
    import datetime as dt

    from mfu_planner.hardware.prices import Quote


def list_records(vendor: str | None = None) -> list[dict[str, Any]]:
    """Every accelerator (of one vendor), each with its sources."""
    tell_left_out()
    rows = index()["accelerators"].values()
    if vendor is not None:
        known = sorted({r["vendor"] for r in rows})
        rows = [r for r in rows if r["vendor"].lower() == vendor.lower()]
        if not rows:
            raise InputError("vendor", vendor, f"one of {', '.join(known)}", nearest(vendor, known))
    return [_plain(r) for r in rows]


def full_record(name: str, as_of: str | dt.date | None = None) -> dict[str, Any]:
    """One accelerator with prices, achievable rates and how the name was read."""
    from mfu_planner.hardware._achievable import achievable
    from mfu_planner.hardware.prices import offers, typical_price
    from mfu_planner.hardware.sellers import TERMS

    found = lookup(name)
    identifier = found.accelerator.id
    out = _plain(index()["accelerators"][identifier])
    measured = found.accelerator.measured
    rates = {k: achievable(identifier, k) if measured else None for k in out["peak_flops_per_s"]}
    price = typical_price(identifier, as_of)
    answer = {
        **out,
        "given": name,
        "devices_in_name": found.devices,
        "achievable": {k: dataclasses.asdict(r) for k, r in rates.items() if r is not None},
        "price": None
        if price is None
        else {
            "typical_usd_per_device_hour": price.usd_per_device_hour,
            "low_usd_per_device_hour": price.offers[0].usd_per_device_hour,
            "high_usd_per_device_hour": price.offers[-1].usd_per_device_hour,
            "date": price.date,
            "basis": price.basis,
            "quotes": [_quote(q) for term in TERMS for q in offers(identifier, term=term, as_of=as_of)],
        },
        "warnings": [found.note] if found.note and found.devices_per_unit == 1 else [],
    }
    return whole(answer, found.unit, found.devices_per_unit) if found.unit and found.devices_per_unit > 1 else answer


def _quote(quote: Quote) -> dict[str, Any]:
    """One provider's price on one term, with its source."""
    return {
        "provider": quote.seller,
        "instance": quote.instance,
        "devices": quote.devices,
        "region": quote.region or None,
        "terms": quote.term,
        "usd_per_device_hour": quote.usd_per_device_hour,
        "usd_per_instance_hour": quote.usd_per_instance_hour,
        "low": quote.usd_per_device_hour,
        "high": quote.usd_per_device_hour,
        "date": quote.date,
        "note": quote.note or None,
        "source": quote.source,
    }


def compare_records(
    names: Sequence[str], dtype: str, mfu: float, as_of: str | dt.date | None = None
) -> list[dict[str, Any]]:
    """Side by side: peak, bandwidth, FLOP per byte, price, cost of an EFLOP of useful work."""
    key = dtype_key(dtype)
    rows = []
    for name in names:
        record = full_record(name, as_of)
        peak = (record["peak_flops_per_s"].get(key) or {}).get("dense")
        bandwidth, price = record["memory_bandwidth_bytes_per_s"], record["price"]
        usd = price["typical_usd_per_device_hour"] if price else None
        top = record["achievable"].get(key)
        rows.append(
            {
                "id": record["id"],
                "name": record["name"],
                "device_kind": record["device_kind"],
                "dtype": key,
                "peak_flops_per_s": peak,
                "achievable_flops_per_s": top["flops_per_s"] if top else None,
                "memory_bytes": record["memory_bytes"],
                "memory_nominal_bytes": record["memory_nominal_bytes"],
                "usable_bytes": record["usable_bytes"],
                "memory_bandwidth_bytes_per_s": bandwidth,
                "flop_per_byte": peak / bandwidth if peak and bandwidth else None,
                "tdp_w": record["tdp_w"],
                "flops_per_s_per_w": peak / record["tdp_w"] if peak and record["tdp_w"] else None,
                "scale_up_bytes_per_s": (record["interconnect"]["scale_up"] or {}).get("per_direction_bytes_per_s"),
                "usd_per_device_hour": usd,
                "usd_per_useful_exaflop": usd_per_exaflop(usd, peak, mfu) if usd and peak else None,
                "warnings": record["warnings"],
            }
        )
    return rows


def usd_per_exaflop(usd_per_device_hour: float, peak_flops_per_s: float, mfu: float) -> float:
    """Price of 10**18 FLOP of model work."""
    known = {"peak_flops_per_s": peak_flops_per_s, "mfu": mfu, "total_flops": 1e18, "devices": 1.0, "goodput": 1.0}
    known["price_usd_per_device_s"] = usd_per_device_hour / HOUR
    return float(solve(known, ["cost_usd"])["cost_usd"])


def cluster_records() -> list[dict[str, Any]]:
    """Every node, rack, instance and pod."""
    return [{k: v for k, v in row.items() if k != "spoken"} for row in index()["clusters"].values()]


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    link = record["scale_up"]
    return {
        "id": record["id"],
        "vendor": record["vendor"],
        "name": record["name"],
        "family": record["family"],
        "year": record["year"],
        "form_factor": record["form_factor"],
        "device_kind": record["device_kind"],
        "devices_per_package": record["devices_per_package"],
        "device_is": device_is(record["name"], record["device_kind"], record["counted_as"]),
        "counted_as": record["counted_as"],
        "confidence": record["confidence"],
        "peak_flops_per_s": record["peak"],
        **{
            k: record[k]
            for k in ("memory_bytes", "memory_nominal_bytes", "usable_bytes", "memory_basis", "memory_tool")
        },
        "memory_kind": record["memory_kind"],
        "memory_bandwidth_bytes_per_s": record["memory_bandwidth_bytes_per_s"],
        "tdp_w": record["tdp_w"],
        "compute": {k: record[k] for k in ("compute_unit", "compute_units", "clocks_hz", "l2_bytes")},
        "interconnect": {
            "scale_up": None
            if link is None
            else {
                **{k: v for k, v in link.items() if k != "per_direction"},
                "per_direction_bytes_per_s": link["per_direction"],
            },
            "pcie": None
            if record["pcie_generation"] is None
            else {"generation": record["pcie_generation"], "per_direction_bytes_per_s": record["pcie_per_direction"]},
        },
        "driver_names": record["names"]["driver"],
        "notes": record["notes"],
        "fact_sources": record["fact_sources"],
        "fact_notes": record["fact_notes"],
        "sources": record["sources"],
    }
