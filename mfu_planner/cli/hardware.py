"""``mfu-planner hardware``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import click

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit
from mfu_planner.errors import InputError
from mfu_planner.questions.catalogue import HardwareQuestion
from mfu_planner.questions.question import filled


@asking("hardware")
def command(as_json: bool, **flags: Any) -> None:
    """The accelerator catalogue: peaks, memory, links, prices, every figure with its source.

    \b
    mfu-planner hardware
    mfu-planner hardware 'NVIDIA H100 80GB HBM3'
    mfu-planner hardware --compare h100-sxm b200 mi300x
    mfu-planner hardware --template cluster > my-specs/clusters/my-cluster.yaml
    """
    s = SimpleNamespace(**filled(HardwareQuestion, flags))
    if s.template is not None:
        _template(s.template)
    elif s.clusters:
        _clusters(s.names, as_json)
    elif not s.names:
        if s.compare:
            raise InputError("compare", "nothing", "two or more names: hardware --compare h100-sxm b200")
        _list(s.vendor, as_json)
    elif s.compare or len(s.names) > 1:
        _compare(s.names, s.dtype, s.mfu, s.as_of, as_json)
    else:
        _one(s.names[0], s.as_of, as_json)


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


def _compare(names: tuple[str, ...], dtype: str, mfu: float, as_of: str | None, as_json: bool) -> None:
    from mfu_planner.hardware._records import compare_records

    rows = compare_records(names, dtype, mfu, as_of)

    def draw(console: object) -> None:
        from mfu_planner.report.hardware import render_compare

        render_compare(rows, mfu, console)  # type: ignore[arg-type]

    warnings = [w for r in rows for w in r.pop("warnings")]
    emit({"mfu": mfu, "accelerators": rows, "warnings": warnings}, as_json, draw)


def _clusters(names: tuple[str, ...], as_json: bool) -> None:
    from mfu_planner.hardware._clusters import cluster
    from mfu_planner.hardware._records import cluster_records

    wanted = {cluster(n).id for n in names}
    rows = [r for r in cluster_records() if not wanted or r["id"] in wanted]

    def draw(console: object) -> None:
        from mfu_planner.report.hardware import render_clusters

        render_clusters(rows, console)  # type: ignore[arg-type]

    emit({"clusters": rows}, as_json, draw)
