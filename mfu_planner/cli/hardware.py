"""``mfu-planner hardware``."""

from __future__ import annotations

import click

from mfu_planner.cli.output import emit, json_option
from mfu_planner.errors import InputError


@click.command("hardware")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--compare", is_flag=True, help="Side by side: hardware --compare h100-sxm b200 mi300x")
@click.option("--dtype", default="bf16", show_default=True, help="Number format to compare in.")
@click.option("--mfu", default="40%", show_default=True, help="MFU for the cost of useful work.")
@click.option("--as-of", metavar="DATE", help="Prices of this date, such as 2026-01-31.")
@click.option("--vendor", metavar="NAME", help="List only this vendor.")
@click.option("--clusters", is_flag=True, help="List nodes, racks, cloud instances and pods (with NAME: that one).")
@click.option(
    "--template", type=click.Choice(["accelerator", "cluster"]), help="A commented file to describe your own."
)
@json_option
def command(
    names: tuple[str, ...],
    compare: bool,
    dtype: str,
    mfu: str,
    as_of: str | None,
    vendor: str | None,
    clusters: bool,
    template: str | None,
    as_json: bool,
) -> None:
    """The accelerator catalogue: peaks, memory, links, prices, every figure with its source.

    \b
    mfu-planner hardware
    mfu-planner hardware 'NVIDIA H100 80GB HBM3'
    mfu-planner hardware --compare h100-sxm b200 mi300x
    mfu-planner hardware --template cluster > my-specs/clusters/my-cluster.yaml
    """
    if template is not None:
        _template(template)
    elif clusters:
        _clusters(names, as_json)
    elif not names:
        if compare:
            raise InputError("compare", "nothing", "two or more names: hardware --compare h100-sxm b200")
        _list(vendor, as_json)
    elif compare or len(names) > 1:
        _compare(names, dtype, mfu, as_of, as_json)
    else:
        _one(names[0], as_of, as_json)


def _template(kind: str) -> None:
    from mfu_planner.facts import folder

    click.echo((folder("hardware_specs") / "templates" / f"{kind}.yaml").read_text("utf-8"), nl=False)


def _list(vendor: str | None, as_json: bool) -> None:
    from mfu_planner.hardware._records import list_records

    rows = list_records(vendor)

    def draw(console: object) -> None:
        from mfu_planner.report.hardware import render_list

        render_list(rows, console)  # type: ignore[arg-type]

    emit({"accelerators": rows}, as_json, draw)


def _one(name: str, as_of: str | None, as_json: bool) -> None:
    from mfu_planner.hardware._records import full_record

    record = full_record(name, as_of)

    def draw(console: object) -> None:
        from mfu_planner.report.hardware import render_one

        render_one(record, console)  # type: ignore[arg-type]

    emit(record, as_json, draw)


def _compare(names: tuple[str, ...], dtype: str, mfu: str, as_of: str | None, as_json: bool) -> None:
    from mfu_planner.hardware._records import compare_records
    from mfu_planner.units import parse

    share = parse(mfu, "fraction", field="mfu")
    rows = compare_records(names, dtype, share, as_of)

    def draw(console: object) -> None:
        from mfu_planner.report.hardware import render_compare

        render_compare(rows, share, console)  # type: ignore[arg-type]

    warnings = [w for r in rows for w in r.pop("warnings")]
    emit({"mfu": share, "accelerators": rows, "warnings": warnings}, as_json, draw)


def _clusters(names: tuple[str, ...], as_json: bool) -> None:
    from mfu_planner.hardware._clusters import cluster
    from mfu_planner.hardware._records import cluster_records

    wanted = {cluster(n).id for n in names}
    rows = [r for r in cluster_records() if not wanted or r["id"] in wanted]

    def draw(console: object) -> None:
        from mfu_planner.report.hardware import render_clusters

        render_clusters(rows, console)  # type: ignore[arg-type]

    emit({"clusters": rows}, as_json, draw)
