"""The accelerator catalogue in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfu_planner.report.human import print_warnings, show

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_BAR = 32
_COLUMNS = ("fp32", "bf16", "fp8")


def render_list(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the catalogue, one line per accelerator."""
    lines = [
        (
            str(r["id"]),
            str(r["device_kind"]),
            *(_scaled(_dense(r, d), 1e12) for d in _COLUMNS),
            _scaled(r["memory_nominal_bytes"], 1e9),
            _scaled(r["memory_bandwidth_bytes_per_s"], 1e9),
            _scaled(r["tdp_w"], 1),
        )
        for r in rows
    ]
    console.print(_table(("id", "device", *_COLUMNS, "GB", "GB/s", "W"), lines, short=True))
    console.print(
        "Dense peaks in TFLOP/s, all figures per device; `mfu-planner hardware ID` shows every source.", style="dim"
    )
    console.print(f"{len(rows)} accelerators", style="dim")


def render_one(record: Mapping[str, Any], console: Console) -> None:
    """Print one accelerator with the source of every figure."""
    console.print(
        f"[bold]{record['name']}[/bold]  ({record['id']}, {record['vendor']} {record['family']}, {record['year']})"
    )
    if record["device_is"] is None:
        console.print(f"per device: a {record['device_kind']}", style="dim")
    print_warnings(console, record["warnings"])
    numbers = {key: i for i, key in enumerate(record["sources"], start=1)}
    console.print(_table(("peak", "dense", "sparse", "best measured", "source"), _peak_rows(record, numbers)))
    console.print(_table(("figure", "value", "source"), _fact_rows(record, numbers)))
    for note in _remarks(record):
        console.print(f"• {note}", markup=False)
    _price(record, console)
    console.print(f"confidence: {record['confidence']}", style="dim")
    for key, number in numbers.items():
        source = record["sources"][key]
        extra = f"; {source['note']}" if source.get("note") else ""
        how = "reviewed" if source.get("read", True) else "cited, not read, reviewed"
        console.print(f"[{number}] {source['title']}, {how} {source['checked']}{extra}", markup=False)
        console.print(f"    {source['url']}", markup=False, style=f"link {source['url']}")


def render_compare(rows: Sequence[Mapping[str, Any]], mfu: float, console: Console) -> None:
    """Print accelerators side by side, and a picture of compute and memory."""
    dtype = rows[0]["dtype"]
    facts: tuple[tuple[str, str, str], ...] = (
        (f"{dtype} dense peak", "peak_flops_per_s", "flop_per_s"),
        ("best ever measured", "achievable_flops_per_s", "flop_per_s"),
        ("memory as labelled", "memory_nominal_bytes", "byte"),
        ("memory bandwidth", "memory_bandwidth_bytes_per_s", "byte_per_s"),
        ("scale-up, one direction", "scale_up_bytes_per_s", "byte_per_s"),
        ("power", "tdp_w", "power"),
        ("price", "usd_per_device_hour", "usd_per_device_hour"),
    )
    lines = [(label, *(show(r[key], unit) for r in rows)) for label, key, unit in facts]
    lines.append(("FLOP per byte of memory", *(_plain(r["flop_per_byte"]) for r in rows)))
    lines.append((f"USD per EFLOP at {mfu:.0%} MFU", *(_plain(r["usd_per_useful_exaflop"]) for r in rows)))
    console.print(_table(("per device", *(str(r["id"]) for r in rows)), lines))
    for title, key, unit in (("compute", "peak_flops_per_s", "flop_per_s"), ("memory", "memory_nominal_bytes", "byte")):
        console.print(f"[bold]{title}[/bold]")
        top = max((r[key] or 0 for r in rows), default=0)
        for r in rows:
            length = round(_BAR * (r[key] or 0) / top) if top else 0
            console.print(f"  {r['id']:<24} {'█' * length}{'·' * (_BAR - length)} {show(r[key], unit)}", markup=False)
    print_warnings(console, [w for r in rows for w in r.get("warnings", ())])


def render_clusters(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print nodes, racks, instances and pods; with their sources when there are few."""
    lines = [
        (
            str(r["id"]),
            str(r["accelerator_id"]),
            str(r["devices_per_node"]),
            _scaled(r["scale_up_bytes_per_s"], 1e9),
            str(r["scale_up_domain"]),
            _scaled(r["scale_out_bytes_per_s"], 1e9),
            "×".join(map(str, r["torus"])) if r["torus"] else str(r["scale_up_topology"]),
        )
        for r in rows
    ]
    heading = ("id", "accelerator", "node", "up", "domain", "out", "shape")
    console.print(_table(heading, lines, short=True))
    console.print("GB/s per device and direction: up inside the scale-up domain, out between nodes.", style="dim")
    if len(rows) <= _BAR // 8:
        for r in rows:
            links = " · ".join(x for x in (r["scale_up_link"], r["scale_out_link"]) if x)
            console.print(f"{r['name']}: {links}", markup=False)
            for note in r["notes"]:
                console.print(f"• {note}", markup=False)
            for source in r["sources"].values():
                console.print(f"{source['title']}, reviewed {source['checked']}: {source['url']}", markup=False)


def _dense(record: Mapping[str, Any], dtype: str) -> float | None:
    value: float | None = (record["peak_flops_per_s"].get(dtype) or {}).get("dense")
    return value


def _peak_rows(record: Mapping[str, Any], numbers: Mapping[str, int]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for dtype, peak in record["peak_flops_per_s"].items():
        top = record["achievable"].get(dtype)
        best = show(top["flops_per_s"], "flop_per_s") if top else "–"
        if top and peak["dense"]:
            best += f" ({top['flops_per_s'] / peak['dense']:.0%})"
        dense, sparse = show(peak["dense"], "flop_per_s"), show(peak["sparse"], "flop_per_s")
        rows.append((dtype, dense, sparse, best, _cite(numbers[peak["source"]])))
    return rows


def _remarks(record: Mapping[str, Any]) -> Iterator[str]:
    """Every note and disagreement, one line each, led by what it is about."""
    for dtype, peak in record["peak_flops_per_s"].items():
        if peak.get("note"):
            yield f"{dtype}: {peak['note']}"
        if peak.get("status"):
            yield f"{dtype}: {peak['status']}"
        for other in peak.get("alternatives", ()):
            yield f"{dtype}: also published as {other['value']} ({other['source']}): {other['reason']}"
    for group, note in record["fact_notes"].items():
        yield f"{group.replace('_', '-')}: {note}"
    yield from record["notes"]


def _cite(number: int) -> str:
    return f"\\[{number}]"


def _scaled(value: float | None, unit: float) -> str:
    return "–" if value is None else f"{value / unit:,.4g}" if value / unit < 10_000 else f"{value / unit:,.0f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, short: bool = False) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="left" if index == 0 else "right", no_wrap=index == 0 or short, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _fact_rows(record: Mapping[str, Any], numbers: Mapping[str, int]) -> list[tuple[str, ...]]:
    up, pcie = record["interconnect"]["scale_up"], record["interconnect"]["pcie"]
    compute = record["compute"]
    clocks = ", ".join(f"{k} {show(v, 'frequency')}" for k, v in compute["clocks_hz"].items())
    facts = [
        (
            "memory",
            "memory as labelled",
            f"{show(record['memory_nominal_bytes'], 'byte')} {record['memory_kind'] or ''}",
        ),
        *_memory_rows(record),
        ("memory", "bandwidth", show(record["memory_bandwidth_bytes_per_s"], "byte_per_s")),
        (
            "compute",
            "units",
            f"{compute['compute_units']:g} {compute['compute_unit']}" if compute["compute_unit"] else "–",
        ),
        ("compute", "clocks", clocks or "–"),
        ("cache", "L2 cache", show(compute["l2_bytes"], "byte")),
        ("power", "power (TDP)", show(record["tdp_w"], "power")),
    ]
    if up:
        rate = show(up["per_direction_bytes_per_s"], "byte_per_s")
        facts.append(("scale_up", f"scale-up, {up['link']}", f"{rate} one way, {up['domain']} devices"))
    if pcie:
        facts.append(
            ("pcie", f"PCIe {pcie['generation']}", f"{show(pcie['per_direction_bytes_per_s'], 'byte_per_s')} one way")
        )
    return [
        (label, value, _cite(numbers[record["fact_sources"][group]]))
        for group, label, value in facts
        if group in record["fact_sources"] and value != "–"
    ]


def _memory_rows(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What the driver reports of the memory and what of it a framework can allocate."""
    total, usable = record["memory_bytes"], record["usable_bytes"]
    if total is None:
        return []
    words = {"driver": f"by {record['memory_tool']}", "vendor": "stated in GiB", "derived": "derived from the label"}
    group = "memory_driver" if record["memory_basis"] == "driver" else "memory"
    return [
        (group, f"total, {words[record['memory_basis']]}", f"{total / 2**30:.2f} GiB"),
        ("memory", "usable by a framework", f"{usable / 2**30:.1f} GiB"),
    ]


def _price(record: Mapping[str, Any], console: Console) -> None:
    price = record["price"]
    if price is None:
        console.print("price: none on file", style="dim")
        return
    typical = show(price["typical_usd_per_device_hour"], "usd_per_device_hour")
    console.print(f"price: {typical} ({price['basis']})", markup=False)
    for quote in price["quotes"]:
        place = f" {quote['region']}" if quote["region"] else ""
        console.print(
            f"    {quote['date']}  ${quote['usd_per_device_hour']:.2f}  {quote['terms']}, {quote['provider']}, "
            f"{quote['instance']}{place}  {quote['source']['url']}",
            markup=False,
        )


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
