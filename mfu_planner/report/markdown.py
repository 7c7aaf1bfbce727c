"""A plan or a measurement as Markdown: the answer, a table, a chart, the derivation, the sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from mfu_planner.answers.verdict import PLACES
from mfu_planner.report.human import percent, show
from mfu_planner.report.measure import gap_money, judged_by
from mfu_planner.units import DAY, KWH

if TYPE_CHECKING:
    from mfu_planner.answers.measure import Measurement
    from mfu_planner.answers.planned import Plan
    from mfu_planner.run.show import Derived

_POINTS = 9


def plan_markdown(plan: Plan, command: str) -> str:
    """A plan as a Markdown document with charts (Mermaid, which GitHub and GitLab draw)."""
    p = plan
    rows = [
        ("training time", show(p.training_time_s, "time"), f"{p.training_time_s:.6g} s"),
        ("device-hours", f"{p.device_hours:,.0f}", f"{p.device_hours:.9g}"),
        ("cost", show(p.cost_usd, "usd"), "" if p.cost_usd is None else f"{p.cost_usd:.9g} USD"),
        ("energy", show(None if p.energy_kwh is None else p.energy_kwh * KWH, "energy"), ""),
        ("devices", f"{p.devices:,}", f"{p.devices_exact:.9g} before rounding to nodes of {p.devices_per_node}"),
        (f"{p.work_unit}s", show(p.tokens, "count"), f"{p.tokens:.9g}"),
        ("MFU", percent(p.mfu_used, 2), f"convention {p.convention}, peak {show(p.peak_flops_per_s, 'flop_per_s')}"),
        ("throughput per device", f"{p.tokens_per_s_per_device:,.1f} {p.work_unit}s/s", ""),
        ("goodput", percent(p.goodput), ""),
    ]
    return "\n".join(
        [
            "# Training plan\n",
            _table(("", "value", "exact"), rows),
            *_range(p),
            *_charts(p),
            *_derivation(p.steps, p.sources),
            *_remarks(p.warnings),
            *_again(command),
        ]
    )


def measurement_markdown(m: Measurement, command: str) -> str:
    """A measurement as a Markdown document."""
    rows = [
        ("MFU", percent(m.mfu, 2), f"convention {m.convention}"),
        ("HFU", percent(m.hfu, 2), "with recomputation" if m.hfu is not None else "recomputation not stated"),
        ("achieved per device", show(m.achieved_flops_per_s_per_device, "flop_per_s"), ""),
        (
            "peak per device",
            show(m.peak_flops_per_s, "flop_per_s"),
            f"{m.peak_dtype}, {'sparse' if m.sparse else 'dense'}",
        ),
    ]
    each = [(name, percent(v, 2)) for name, v in m.by_convention.items() if v is not None]
    judged = []
    if (v := m.verdict) is not None:
        place = f"**{PLACES[v.place].capitalize()}**{judged_by(v)}"
        judged.append(f"\n{place} By the rule of thumb: {v.grade} ({v.meaning}).\n")
    if m.gap_cost_usd_per_day:
        judged.append(f"The gap to the typical one costs {gap_money(m)}.\n")
    return "\n".join(
        [
            "# Measured utilization\n",
            _table(("", "value", "basis"), rows),
            *judged,
            *(f"- {f.severity}: {f.message}" for f in m.findings),
            "\n## The same run under each convention\n",
            _table(("convention", "MFU"), each),
            *_derivation(m.steps, m.sources),
            *_remarks(m.warnings),
            *_again(command),
        ]
    )


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _range(p: Plan) -> list[str]:
    if p.range is None:
        return []
    r = p.range
    fast, slow = show(r.training_time_s_low, "time", 3), show(r.training_time_s_high, "time", 3)
    return [
        f"\nSimilar published runs ({r.runs}: {r.basis}) reached {percent(r.mfu_low)} to {percent(r.mfu_high)}: "
        f"{fast} to {slow}. Sources: " + ", ".join(f"<{url}>" for url in r.sources) + "\n"
    ]


def _charts(p: Plan) -> list[str]:
    from mfu_planner.answers.sweep import around, evenly, sweep

    devices = sweep(p, "devices", around(p.devices, 4, _POINTS, whole=True))
    mfu = sweep(p, "mfu", evenly(0.2, 0.6, _POINTS))
    days = [t / DAY for t in devices["training_time_s"]]
    found = _chart("Days over devices", "devices", [f"{d:,.0f}" for d in devices["devices"]], "days", days)
    shares = [percent(m, 0) for m in mfu["mfu"]]
    if "cost_usd" in mfu:
        money = [c / 1e6 for c in mfu["cost_usd"]]
        return [found, _chart("Cost over MFU", "MFU", shares, "M USD", money)]
    return [found, _chart("Days over MFU", "MFU", shares, "days", [t / DAY for t in mfu["training_time_s"]])]


def _chart(title: str, x: str, names: Sequence[str], y: str, values: Sequence[float]) -> str:
    labels = ", ".join(f'"{n}"' for n in names)
    numbers = ", ".join(f"{v:.4g}" for v in values)
    axes = f'  x-axis "{x}" [{labels}]\n  y-axis "{y}"\n  line [{numbers}]'
    return f'\n```mermaid\nxychart-beta\n  title "{title}"\n{axes}\n```\n'


def _derivation(steps: Sequence[Derived], sources: Mapping[str, str]) -> list[str]:
    if not steps:
        return []
    found = ["\n## How it was computed\n"]
    found += [
        f"- {s.meaning}: `{s.formula}` = {s.substituted} = **{s.value:.6g} {s.unit}** ({s.source})" for s in steps
    ]
    return [*found, "\n## Where the values come from\n", *(f"- {name}: {source}" for name, source in sources.items())]


def _remarks(warnings: Sequence[str]) -> list[str]:
    return ["\n## Remarks\n", *(f"- {w}" for w in warnings)] if warnings else []


def _again(command: str) -> list[str]:
    return ["\n## Again\n", f"```bash\n{command}\n```\n"]
