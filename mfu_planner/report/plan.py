"""A plan in the terminal: the answer first, then its range, then how it was computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mfu_planner.report.human import carbon, percent, plain_table, print_steps, print_warnings, show
from mfu_planner.units import KWH

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.answers.planned import Plan

_EXACT_HOURS = 1000
"""From here on device-hours are shown whole."""


def render_plan(plan: Plan, console: Console, *, explain: bool = False) -> None:
    """Print a plan."""
    solved = set(plan.solved_for)

    def mark(name: str, value: str) -> str:
        return f"[bold]{value}[/bold]" if name in solved else value

    rows = [
        ("training time", mark("training_time_s", show(plan.training_time_s, "time"))),
        ("device-hours", _hours(plan.device_hours)),
        ("cost", mark("cost_usd", show(plan.cost_usd, "usd")) + _price(plan)),
        ("energy", _energy(plan)),
        *_carbon(plan),
        ("devices", mark("devices", f"{plan.devices:,}") + _whole(plan)),
        (f"{plan.work_unit}s", mark("tokens", show(plan.tokens, "count"))),
        *_optimal(plan),
        ("MFU", _mfu(plan, mark)),
        ("throughput", f"{plan.tokens_per_s:,.0f} {plan.work_unit}s/s, {plan.tokens_per_s_per_device:,.1f} per device"),
        (
            "work",
            f"{show(plan.flops_per_token, 'flop')} per {plan.work_unit} ({plan.convention}), "
            f"{show(plan.total_flops, 'flop')} in all",
        ),
        ("goodput", percent(plan.goodput)),
        *_gap(plan),
    ]
    if plan.optimizer_steps is not None:
        each = "" if plan.step_time_s is None else f" of {show(plan.step_time_s, 'time')}"
        rows.append(("steps", f"{plan.optimizer_steps:,.0f}{each}"))
    if plan.deadline_slack_s is not None:
        rows.append(("before the deadline", show(max(0.0, plan.deadline_slack_s), "time")))
    if plan.budget_slack_usd is not None:
        rows.append(("left of the budget", show(max(0.0, plan.budget_slack_usd), "usd")))
    console.print(plain_table(rows))
    _print_stages(plan, console)
    _print_providers(plan, console)
    _print_predicted(plan, console)
    _print_range(plan, console)
    _print_conventions(plan, console)
    print_warnings(console, plan.warnings)
    if explain:
        print_steps(console, plan.steps, plan.sources)
        for stage in plan.stages:
            print_steps(console, stage.steps, stage.sources)


def _whole(plan: Plan) -> str:
    """Whether the devices were rounded, or stand for any number."""
    if abs(plan.devices_exact - plan.devices) >= 1e-6:
        return f"  (exactly {plan.devices_exact:,.2f}; whole {_nodes(plan.devices_per_node)})"
    return "  (none given: the time is that of one node)" if plan.nominal_devices else ""


def _optimal(plan: Plan) -> list[tuple[str, str]]:
    if plan.optimal is None:
        return []
    whose = "parameter" if plan.params == plan.active_params else "active parameter"
    law = f"{plan.optimal.tokens_per_parameter:.1f} tokens per {whose}, {plan.optimal.title}"
    return [("parameters", f"{show(float(plan.active_params), 'count')}, compute-optimal: {law}; {plan.optimal.url}")]


def _print_predicted(plan: Plan, console: Console) -> None:
    step = plan.predicted
    if step is None:
        return
    whose = "the best layout that a search found" if step.searched else "the layout given"
    console.print(
        f"\nThe MFU is that of a predicted step of {show(step.step_time_s, 'time')} of {whose}: "
        f"{percent(step.mfu_low)} to {percent(step.mfu_high)}, {show(step.training_time_s_low, 'time')} to "
        f"{show(step.training_time_s_high, 'time')} ({step.basis})."
    )
    console.print(f"  {step.command}", markup=False, soft_wrap=True)


def _mfu(plan: Plan, mark: Callable[[str, str], str]) -> str:
    if plan.mfu is None:
        return f"not given: {percent(plan.mfu_used)}, as similar runs, of {_peak(plan)}"
    return mark("mfu", percent(plan.mfu, 2)) + f"  of {_peak(plan)}"


def _peak(plan: Plan) -> str:
    basis = "given" if "peak" in plan.inputs else f"{plan.peak_dtype}, {'sparse' if plan.sparse else 'dense'}"
    return f"{show(plan.peak_flops_per_s, 'flop_per_s')} per device ({basis})"


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= _EXACT_HOURS else f"{value:,.4g}"


def _nodes(size: int) -> str:
    return "devices" if size == 1 else f"nodes of {size}"


def _price(plan: Plan) -> str:
    return (
        "" if plan.price_usd_per_device_hour is None else f"  at ${plan.price_usd_per_device_hour:.2f} per device-hour"
    )


def _energy(plan: Plan) -> str:
    if plan.energy is None or plan.energy_kwh is None:
        return show(None if plan.energy_kwh is None else plan.energy_kwh * KWH, "energy")
    total = sum(plan.energy.values())
    each = ", ".join(f"{name} {kwh / total:.0%}" for name, kwh in plan.energy.items() if kwh)
    return f"{show(total * KWH, 'energy')} ({each}); devices × PUE alone {show(plan.energy_kwh * KWH, 'energy')}"


def _carbon(plan: Plan) -> list[tuple[str, str]]:
    if plan.co2_total_kg is None:
        return []
    return [("CO₂", f"{carbon(plan.co2_total_kg)}, electricity of {plan.grid}")]


def _gap(plan: Plan) -> list[tuple[str, str]]:
    if not plan.gap_device_hours:
        return []
    money = "" if plan.gap_cost_usd_per_day is None else f", {show(plan.gap_cost_usd_per_day, 'usd')} a day"
    return [("below similar runs", f"{_hours(plan.gap_device_hours)} device-hours{money}")]


def _print_stages(plan: Plan, console: Console) -> None:
    if not plan.stages:
        return
    from mfu_planner.report.human import grid

    rows = [
        (
            str(i),
            show(p.tokens, "count"),
            f"{p.seq_len:,}" if p.seq_len else "–",
            f"{p.devices:,}",
            percent(p.mfu),
            show(p.training_time_s, "time"),
            f"{p.device_hours:,.0f}",
            show(p.cost_usd, "usd"),
        )
        for i, p in enumerate(plan.stages, 1)
    ]
    console.print("Stages (hours: of devices)", style="bold")
    console.print(grid(("stage", "tokens", "length", "devices", "MFU", "time", "hours", "cost"), rows))


def _print_providers(plan: Plan, console: Console) -> None:
    if not plan.providers:
        return
    from mfu_planner.report.human import grid

    rows = [
        (
            p.provider,
            p.term or "–",
            "–" if p.price_usd_per_device_hour is None else f"{p.price_usd_per_device_hour:.2f}",
            p.price_date or "–",
            show(p.training_time_s, "time"),
            show(p.total_cost_usd, "usd"),
        )
        for p in plan.providers
    ]
    console.print(grid(("provider", "term", "$/h", "of", "time", "cost"), rows, title="The whole run at each provider"))
    for p in plan.providers:
        if p.said:
            console.print(f"{p.provider}: {p.said}", style="dim", markup=False)


def _print_conventions(plan: Plan, console: Console) -> None:
    if not plan.by_convention:
        return
    from mfu_planner.report.human import grid

    rows = [
        (name, percent(mfu, 2), "–" if mfu is None else f"{100 * (mfu / plan.mfu_used - 1):+.1f}%")
        for name, mfu in plan.by_convention.items()
    ]
    console.print(grid(("convention", "MFU", "difference"), rows, title="The same plan under each convention"))


def _print_range(plan: Plan, console: Console) -> None:
    r = plan.range
    if r is None:
        return
    cost = "" if r.cost_usd_low is None else f", {show(r.cost_usd_low, 'usd')} to {show(r.cost_usd_high, 'usd')}"
    console.print(
        f"\nSimilar published runs ({r.runs}: {r.basis}) reached {percent(r.mfu_low)} to {percent(r.mfu_high)}, "
        f"typically {percent(r.mfu_typical)}: {show(r.training_time_s_low, 'time')} to "
        f"{show(r.training_time_s_high, 'time')}{cost}."
    )
