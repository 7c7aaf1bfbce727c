"""Hardware: the catalogue, side by side, with the source of every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from mfu_planner.errors import PlannerError
from mfu_planner.hardware._records import compare_records, full_record, list_records
from mfu_planner.questions.command import command_of
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import heading, notes, table
from mfu_planner.ui.charts import hardware as charts
from mfu_planner.ui.form import Form
from mfu_planner.ui.numbers import show
from mfu_planner.ui.own_hardware import own_hardware_field
from mfu_planner.ui.share import Taken, code, take_along
from mfu_planner.ui.subject import DTYPES, hardware_names, shown
from mfu_planner.ui.text import N_, _
from mfu_planner.ui.text import said as told

_DEFAULT = ("h100-sxm", "b200", "mi300x")
_MOST = 6
_FACTS = (
    ("achievable_flops_per_s", "flop_per_s", N_("best ever measured")),
    ("memory_nominal_bytes", "byte", N_("memory")),
    ("memory_bandwidth_bytes_per_s", "byte_per_s", N_("memory bandwidth")),
    ("scale_up_bytes_per_s", "byte_per_s", N_("scale-up, one direction")),
    ("tdp_w", "power", N_("power (TDP)")),
    ("usd_per_device_hour", "usd_per_device_hour", N_("price")),
)


def page() -> None:
    """Draw the page."""
    heading(
        _("Hardware"),
        _("Every accelerator on file, per device, with the source of each number. Peaks are dense unless said."),
    )
    form = Form()
    first, second, third = st.columns([6, 2, 2])
    with first:
        names = form.several("compare", hardware_names(), _DEFAULT, _MOST)
    with second:
        dtype = form.choice("dtype", DTYPES)
    with third:
        form.text("mfu")
    own_hardware_field()
    if names:
        try:
            _compare(names, dtype, form)
        except PlannerError as error:
            form.blame(error)
    for name in names:
        _one(name)
    _catalogue()


def _compare(names: Sequence[str], dtype: str, form: Form) -> None:
    mfu = PlanQuestion.of({"mfu": form.given.get("mfu", "40%")}).mfu or 1.0
    rows = compare_records(names, dtype, mfu)
    left, right = st.columns(2)
    with left:
        charts.bars(rows, "peak_flops_per_s", "flop_per_s", _("Compute: {dtype} dense peak").format(dtype=dtype))
        charts.bars(rows, "memory_bandwidth_bytes_per_s", "byte_per_s", _("Memory bandwidth"))
        charts.bars(rows, "memory_nominal_bytes", "byte", _("Memory"))
    with right:
        st.markdown(f"**{_('Roofline: what a kernel can reach')}**")
        charts.rooflines(rows)
        st.caption(
            _(
                "Left of the bend a kernel waits for memory, right of it for arithmetic. "
                "Large matrix products are right."
            )
        )
    lines: list[list[object]] = [
        [f"{dtype} {_('dense peak')}", *(show(r["peak_flops_per_s"], "flop_per_s") for r in rows)]
    ]
    lines += [[_(label), *(show(r[key], unit) for r in rows)] for key, unit, label in _FACTS]
    lines.append([_("FLOP per byte of memory"), *(_plain(r["flop_per_byte"]) for r in rows)])
    lines.append([_("GFLOP/s per watt"), *(_plain(r["flops_per_s_per_w"], 1e9) for r in rows)])
    each = _("USD per EFLOP of model work at {mfu} MFU").format(mfu=percent(mfu, 0))
    lines.append([each, *(_plain(r["usd_per_useful_exaflop"]) for r in rows)])
    table([_("per device"), *(str(r["id"]) for r in rows)], lines)
    notes(w for r in rows for w in r["warnings"])
    flags = shown({"dtype": dtype, "mfu": form.given.get("mfu", "40%")})
    command = command_of("hardware " + " ".join(names) + " --compare", flags)
    python = code("from mfu_planner.hardware import resolve", f"devices = [resolve(name) for name in {list(names)!r}]")
    take_along("hardware", lambda: Taken(command, python, {"accelerators": rows}, rows=rows))


def _plain(value: float | None, unit: float = 1.0) -> str:
    return "–" if value is None else f"{value / unit:,.4g}"


def _one(name: str) -> None:
    record = full_record(name)
    title = f"{record['name']} · {record['vendor']} {record['family']}, {record['year']}"
    with st.expander(title, icon=":material/memory:"):
        whole = record["devices_per_package"]
        kind = _("A device is a {kind}.").format(kind=record["device_kind"])
        more = _(" A package holds {n} of them.").format(n=whole) if whole > 1 else ""
        st.caption(kind + more)
        columns = (_("number format"), _("dense"), _("sparse"), _("best measured"), _("source"))
        table(columns, [_peak(record, dtype, peak) for dtype, peak in record["peak_flops_per_s"].items()])
        table((_("figure"), _("value"), _("source")), _facts(record))
        price = record["price"]
        if price:
            rows = [
                (_offer(q), q["date"], f"{q['usd_per_device_hour']:,.2f}", _source(q["source"]))
                for q in price["quotes"]
            ]
            st.caption(_("Price: {basis}").format(basis=told(price["basis"])).replace("$", "\\$"))
            table((_("quote"), _("date"), _("$ per device-hour"), _("source")), rows)
        notes(_remarks(record))


def _peak(record: Mapping[str, Any], dtype: str, peak: Mapping[str, Any]) -> tuple[object, ...]:
    best = record["achievable"].get(dtype)
    said = "–" if best is None else show(best["flops_per_s"], "flop_per_s")
    dense, sparse = show(peak["dense"], "flop_per_s"), show(peak["sparse"], "flop_per_s")
    return (dtype, dense, sparse, said, _source(record["sources"][peak["source"]]))


def _facts(record: Mapping[str, Any]) -> list[tuple[object, ...]]:
    up = record["interconnect"]["scale_up"]
    found = [
        ("memory", _("memory"), f"{show(record['memory_nominal_bytes'], 'byte')} {record['memory_kind'] or ''}"),
        ("memory", _("memory bandwidth"), show(record["memory_bandwidth_bytes_per_s"], "byte_per_s")),
        ("power", _("power (TDP)"), show(record["tdp_w"], "power")),
        ("cache", _("L2 cache"), show(record["compute"]["l2_bytes"], "byte")),
    ]
    if up:
        rate = show(up["per_direction_bytes_per_s"], "byte_per_s")
        said = _("{rate} one way, {n} devices").format(rate=rate, n=up["domain"])
        found.append(("scale_up", f"{_('scale-up')}, {up['link']}", said))
    where = record["fact_sources"]
    return [(label, value, _source(record["sources"][where[group]])) for group, label, value in found if group in where]


def _remarks(record: Mapping[str, Any]) -> list[str]:
    peaks = [f"{dtype}: {p['note']}" for dtype, p in record["peak_flops_per_s"].items() if p.get("note")]
    others = [
        f"{dtype}: also published as {o['value']}: {o['reason']}"
        for dtype, p in record["peak_flops_per_s"].items()
        for o in p.get("alternatives", ())
    ]
    return [*peaks, *others, *record["fact_notes"].values(), *record["notes"], *record["warnings"]]


def _source(source: Mapping[str, Any]) -> tuple[str, str]:
    return (str(source["title"]), str(source["url"]))


def _offer(quote: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, (quote["provider"], quote["terms"], quote["instance"], quote["region"])))


def _catalogue() -> None:
    st.header(_("The whole catalogue"), anchor=False)
    rows = [
        {
            "id": r["id"],
            _("vendor"): r["vendor"],
            _("year"): r["year"],
            _("device"): r["device_kind"],
            **{f"{d} TFLOP/s": _scaled((r["peak_flops_per_s"].get(d) or {}).get("dense"), 1e12) for d in DTYPES[:3]},
            "GB": _scaled(r["memory_nominal_bytes"], 1e9),
            "TB/s": _scaled(r["memory_bandwidth_bytes_per_s"], 1e12),
            "W": r["tdp_w"],
        }
        for r in list_records()
    ]
    st.caption(_("{n} accelerators; a click on a heading sorts, the magnifier searches.").format(n=len(rows)))
    st.dataframe(rows, hide_index=True, height=420, placeholder="–", alt=_("The catalogue of accelerators"))


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit
