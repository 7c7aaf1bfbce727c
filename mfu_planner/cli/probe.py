"""``mfu-planner probe``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mfu_planner.cli.output import emit, json_option

if TYPE_CHECKING:
    from rich.console import Console

    from mfu_planner.probing.probe import ProbeResult


@click.command("probe")
@click.option("--device", metavar="NAME", help="cpu, cuda (rocm), xpu or mps. Left out: the first accelerator.")
@click.option("--quick", is_flag=True, help="About one minute in place of five.")
@click.option("-o", "--output", metavar="FILE", help="Where the machine is written, such as machine.yaml.")
@json_option
def command(device: str | None, quick: bool, output: str | None, as_json: bool) -> None:
    """Measure your own device through torch (the extra: probe): products, attention, memory, issuing, updates.

    The file is taken by --machine wherever hardware is asked for.  Stopped, it goes on with the same -o.
    Under torchrun it measures collectives and adds them to the file.  Nothing is sent anywhere.

    \b
    mfu-planner probe --quick -o machine.yaml
    mfu-planner probe --device cuda -o machine.yaml
    """
    from rich.console import Console
    from rich.progress import Progress

    from mfu_planner.probing.probe import probe

    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("probe", total=None)

        def told(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name)

        found = probe(device, quick, output, progress=told)
    emit(found, as_json, lambda console: render(found, console))


def render(found: ProbeResult, console: Console) -> None:
    """The machine for people: the figures that matter."""
    from mfu_planner.report.human import plain_table

    held = found.machine
    rows = [(f"products {name}", each["rate"]) for name, each in held["products"].items()]
    rows += [(f"attention {name}", each["rate"]) for name, each in held["attention"].items()]
    rows += [(f"memory, {name}", rate) for name, rate in held["bandwidth"].items()]
    rows += [(f"issue, {name.replace('_', ' ')}", str(each)) for name, each in held["issue"].items()]
    rows += [(f"{name}, a parameter", each) for name, each in held["optimizer"].items()]
    rows += [(name.replace("_", "-"), each["rate"]) for name, each in held.get("collectives", {}).items()]
    console.print(plain_table(rows, f"{held['device']}: {found.points} points, passes differ by {found.spread:.1%}"))
    console.print(f"written to {found.written}" if found.written else "not written: -o FILE keeps it", markup=False)
