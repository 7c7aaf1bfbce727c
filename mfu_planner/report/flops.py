"""A model's work in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.report.formulas import render_formulas
from mfu_planner.report.human import grid, plain_table, print_steps, print_warnings, show

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.flops import FlopsResult


def render_flops(r: FlopsResult, console: Console, *, symbolic: bool = False, explain: bool = False) -> None:
    """Print parameters, FLOPs, operators and conventions; ``symbolic``: their formulas in the field's letters."""
    counted = r.work_unit == "token"
    kind, length = ("sequence", f", {r.seq_len:,} tokens each" if r.seq_len else "") if counted else ("sample", "")
    each = {name: "–" if v is None else f"{v:,} FLOP" for name, v in r.flops.items()}
    rows = [
        ("model", r.model),
        ("parameters", f"{r.params['total']:,}  (active {r.params['active']:,}, embedding {r.params['embedding']:,})"),
        ("batch", f"{r.batch or 0:,} {kind}{'s' if r.batch != 1 else ''}{length}"),
        ("forward", each["forward"]),
        ("backward", each["backward"]),
        ("total", f"{each['total']}  ({show(r.flops['total'], 'flop')}, convention {r.convention})"),
    ]
    console.print(plain_table(rows))
    busy = [o for o in r.operators if o["params"] or o["forward_flops"]]
    if symbolic:
        render_formulas(r, console)
    elif busy:
        whole = max(1, sum(o["forward_flops"] for o in busy))
        console.print(
            grid(
                ("operator", "count", "parameters", "forward FLOP", "share"),
                [
                    (
                        o["name"],
                        f"{o['count']:,}",
                        f"{o['params']:,}",
                        f"{o['forward_flops']:,}",
                        f"{100 * o['forward_flops'] / whole:.1f}%",
                    )
                    for o in busy
                ],
            )
        )
    base = r.by_convention.get(r.convention)
    if base and not symbolic:
        console.print(
            grid(
                ("convention", f"training FLOP per {r.work_unit}", f"against {r.convention}"),
                [
                    (n, "–" if v is None else show(v, "flop", 5), "–" if v is None else f"{100 * (v / base - 1):+.2f}%")
                    for n, v in r.by_convention.items()
                ],
            )
        )
    if explain:
        _print_formulas(r, console)
        print_steps(console, r.steps, r.sources)
    print_warnings(console, r.warnings)


def _print_formulas(r: FlopsResult, console: Console) -> None:
    from mfu_planner.counting.conventions import convention

    console.print("[bold]What each convention counts[/bold]")
    for name in r.by_convention:
        c = convention(name)
        console.print(f"  {name}: {c.formula}", markup=False)
        console.print(f"    {c.title}; {c.source.url}", markup=False, style="dim")
