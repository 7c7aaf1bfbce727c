"""The layouts of a search in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.report.explained import render_explanation

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.searching.result import SearchResult


def render_search(result: SearchResult, console: Console) -> None:
    """The layouts for people, and why the obvious one lost."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from mfu_planner.units import DAY

    console.print(f"{result['evaluated']:,} layouts in {result['elapsed_s']:.1f} s, {result['feasible']:,} fit")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    rows = result["layouts"]
    whole = any(row["training_time_s"] is not None for row in rows)
    several = len({(row["place"], row["provider"], row["price_usd_per_device_hour"]) for row in rows}) > 1
    places = {row["place"] for row in rows}
    sellers = ("provider",) if len({(row["place"], row["provider"]) for row in rows}) > len(places) else ()
    own = ("$/h",) if several else ("recompute", "GiB")
    money = ("days", "USD") if whole else ("USD/step",)
    for name in ("on", *sellers, "devices", "layout", *own, "step s", "MFU", *money):
        table.add_column(name, justify="left" if name in ("on", "provider", "layout", "recompute") else "right")
    for row in rows:
        again = row["recompute"]
        if row["recompute_share"] not in (None, 1.0):
            again += f" {row['recompute_share']:.0%}"
        rate = "–" if row["price_usd_per_device_hour"] is None else f"{row['price_usd_per_device_hour']:.2f}"
        cost = "" if row["cost_usd"] is None else f"{row['cost_usd']:,.{0 if whole else 2}f}"
        table.add_row(
            row["place"],
            *((row["provider"] or "–",) if sellers else ()),
            str(row["devices"]),
            _layout(row) + (f", recompute {again}" if several and again != "none" else ""),
            *((rate,) if several else (again, f"{row['total_bytes'] / 2**30:.1f}")),
            f"{row['step_time_s']:.4g}",
            f"{row['mfu']:.1%}",
            *((f"{row['training_time_s'] / DAY:.1f}",) if whole else ()),
            cost,
        )
    console.print(table)
    plain = result["obvious"]
    if plain:
        reasons = ", ".join(f"{r['name'].replace('_', ' ')} {r['share']:.0%}" for r in plain["largest_losses"])
        console.print(
            f"The obvious layout (tp {plain['tp']}, pp {plain['pp']}, full recomputation) takes "
            f"{plain['step_time_s']:.4g} s, "
            f"{plain['slower_by']:+.0%}: {reasons}"
        )
    for said in (*result["warnings"], *result["assumptions"]):
        console.print(f"[dim]· {said}[/dim]")
    render_explanation(result, console)


def _layout(row: dict[str, Any]) -> str:
    """The degrees that differ from one, in a few characters."""
    said = [f"{name}{row[name]}" for name in ("tp", "pp", "cp", "ep", "dp") if row[name] > 1]
    if row["vpp"] > 1:
        said.append(f"vpp{row['vpp']}")
    shards = f"/{row['zero_group']}" if row["zero_group"] else ""
    said.append(f"zero{row['zero']}{shards}")
    said.append(f"mb{row['micro_batch']}")
    if row["sequence_parallel"]:
        said.append("sp")
    if row["offload"]:
        said.append("offload")
    return " ".join(said)
