"""Tables of the catalogues: accelerators, clusters, model presets, importable model types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any


def hardware() -> str:
    """Every accelerator, by vendor: peaks, memory, link, power, and where the bf16 peak comes from."""
    from mfu_planner.hardware._records import list_records

    records = sorted(list_records(), key=lambda r: (r["vendor"].lower(), -r["year"], r["id"]))
    parts = []
    for vendor, rows in groupby(records, key=lambda r: r["vendor"]):
        parts.append(f"### {vendor}\n")
        parts.append(
            _table(
                ("id", "name", "a device is", "year", "16-bit peak", "8-bit float peak", "memory", "bandwidth",
                 "scale-up", "TDP", "source"),
                (_accelerator(r) for r in rows),
            )
        )  # fmt: skip
    return "\n".join(parts)


def _accelerator(r: dict[str, Any]) -> Sequence[str]:
    peaks = r["peak_flops_per_s"]
    wide = next((peaks[k]["dense"] for k in ("bf16", "fp16") if k in peaks), None)
    narrow = next((peaks[k]["dense"] for k in ("fp8",) if k in peaks), None)
    link = (r["interconnect"]["scale_up"] or {}).get("per_direction_bytes_per_s")
    stated = next((peaks[k].get("source") for k in ("bf16", "fp16") if k in peaks), None)
    source = r["sources"].get(stated) or next(iter(r["sources"].values()), None)
    return (
        f"`{r['id']}`",
        r["name"],
        r["device_kind"],
        str(r["year"]),
        _shown(wide, "FLOP/s"),
        _shown(narrow, "FLOP/s"),
        _shown(r["memory_nominal_bytes"], "B"),
        _shown(r["memory_bandwidth_bytes_per_s"], "B/s"),
        _shown(link, "B/s"),
        _shown(r["tdp_w"], "W"),
        _link(source),
    )


def clusters() -> str:
    """Every node, rack, instance and pod."""
    from mfu_planner.hardware._records import cluster_records

    rows = sorted(cluster_records(), key=lambda r: r["id"])
    return _table(
        ("id", "name", "accelerator", "per node", "fast link", "joins", "shape", "network", "source"),
        (
            (
                f"`{r['id']}`",
                r["name"],
                f"`{r['accelerator_id']}`",
                str(r["devices_per_node"]),
                _shown(r["scale_up_bytes_per_s"], "B/s"),
                str(r["scale_up_domain"] or "–"),
                r["scale_up_topology"] or "–",
                _shown(r["scale_out_bytes_per_s"], "B/s"),
                _link(next(iter(r["sources"].values()), None)),
            )
            for r in rows
        ),
    )


def models() -> str:
    """Every preset, by family."""
    from mfu_planner.architectures import from_config
    from mfu_planner.architectures.presets import catalogue, preset

    rows = []
    for row in sorted(catalogue(), key=lambda r: (r["family"].lower(), r["id"])):
        found = preset(row["id"])
        built = from_config(found.config, origin=found.id)
        length = f"{found.seq_len:,}" if found.seq_len else "–"
        active = f"{built.active_params:,}" if built.active_params != built.params else ""
        rows.append(
            (f"`{found.id}`", found.name, f"{built.params:,}", active, str(built.layers), f"{built.hidden:,}",
             length, f"[config]({found.source})" if found.source.startswith("http") else found.source)
        )  # fmt: skip
    return _table(("id", "name", "parameters", "active", "layers", "width", "trained at", "source"), rows)


def model_types() -> str:
    """Every ``model_type`` that ``--config`` reads."""
    from mfu_planner.architectures import known_model_types

    known = known_model_types()
    return f"{len(known)} model types: " + ", ".join(f"`{n}`" for n in known) + "."


def log_formats() -> str:
    """Every format that ``log`` reads, and what its figures mean."""
    from mfu_planner.observe.logs.listing import listed

    rows = ((f"`{r.name}`", r.comes_as, r.means.replace("``", "`").replace("|", "\\|")) for r in listed())
    return _table(("format", "comes as", "its figures"), rows)


def _shown(value: float | None, unit: str) -> str:
    if not value:
        return "–"
    for size, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size and unit != "W":
            return f"{value / size:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"


def _link(source: dict[str, Any] | None) -> str:
    if not source:
        return "–"
    return f"[{source.get('checked') or source.get('date') or 'source'}]({source['url']})" if source.get("url") else "–"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
