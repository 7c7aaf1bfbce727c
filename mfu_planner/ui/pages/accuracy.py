"""Accuracy: predictions held against what others published, misses included."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean, median
from typing import Any

import streamlit as st

from mfu_planner.backtesting import backtest
from mfu_planner.backtesting.kept import opening
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, table
from mfu_planner.ui.charts import accuracy as charts
from mfu_planner.ui.form import Form
from mfu_planner.ui.share import Taken, take_along
from mfu_planner.ui.text import N_, _

_KINDS = {
    "step-time": N_("step time of a layout"),
    "mfu": N_("MFU from throughput"),
    "memory": N_("memory"),
    "total": N_("whole runs"),
}
_LEFT_OUT = {"yes": N_("left out of every fit"), "no": N_("known to some fits")}
_ENOUGH = 5
_UNIT = {"step-time": "s", "mfu": "%", "memory": "B", "total": "%"}
_WORST = 12


@st.cache_data(max_entries=8, show_spinner=False)
def _backtest(kind: str, stranger: bool) -> dict[str, Any]:
    return opening() if stranger else dict(backtest(kind))


def page() -> None:
    """Draw the page."""
    heading(
        _("Accuracy"),
        _(
            "Every prediction of the planner held against published runs, the bad ones included. Nothing is "
            "left out silently."
        ),
    )
    form = Form()
    kind = form.labelled("kind", _KINDS)
    stranger = kind == "step-time" and form.labelled("left_out", _LEFT_OUT) == "yes"
    with st.spinner(_("Predicting every published run …")):
        found = _backtest(kind, stranger)
    total = found["summary"]["all"]
    if stranger:
        _honest(found["summary"])
    _answer(kind, total)
    charts.predicted_over_published(found["rows"], _UNIT[kind], log=kind in ("step-time", "memory"))
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.header(_("By source"), anchor=False)
        table(
            (_("source"), _("rows"), _("skipped"), _("median error"), _("90th percentile"), _("range holds")),
            [_line(name, f) for name, f in sorted(found["summary"].items()) if name != "all" and f["n"]],
        )
    with right:
        st.header(_("The worst predictions"), anchor=False)
        rows = sorted((r for r in found["rows"] if r["error"] is not None), key=lambda r: -abs(r["error"]))[:_WORST]
        columns = (_("run"), _("published"), _("predicted"), _("error"))
        table(
            columns,
            [(r["id"], f"{r['published']:.4g}", f"{r['predicted']:.4g}", f"{100 * r['error']:+.1f}%") for r in rows],
        )
    with st.expander(_("Rules for blank and free-text fields"), icon=":material/rule:"):
        notes(found["assumptions"])
    skipped: dict[str, int] = {}
    for r in found["rows"]:
        if r["skipped"]:
            skipped[r["skipped"]] = skipped.get(r["skipped"], 0) + 1
    with st.expander(_("Runs left out, and why"), icon=":material/filter_alt:"):
        table((_("reason"), _("runs")), [(k, f"{v:,}") for k, v in sorted(skipped.items(), key=lambda kv: -kv[1])])
    command = f"mfu-planner backtest --kind {kind}" + (" --leave-one-source-out" if stranger else "")
    more = ", leave_one_source_out=True" if stranger else ""
    python = f"from mfu_planner.backtesting import backtest\n\nfound = backtest({kind!r}{more})"
    take_along(f"backtest-{kind}", lambda: Taken(command, python, found, rows=found["rows"]))


def _answer(kind: str, total: Mapping[str, Any]) -> None:
    hero(
        _("Over {n:,} published runs, half of the predictions are closer than").format(n=total["n"]),
        [
            (percent(total["median_abs_error"]), _("error"), f"{total['median_abs_error']!r}"),
            (percent(total["p90_abs_error"]), _("for nine of ten"), f"{total['p90_abs_error']!r}"),
        ],
    )
    found = [
        Card(_("Predicted"), f"{total['n']:,}"),
        Card(_("Left out"), f"{total['n_skipped']:,}", more=_("reasons below")),
    ]
    if kind == "mfu" and total.get("within_half_point") is not None:
        found.append(Card(_("Within half a point"), f"{total['within_half_point']:,}", more=_("of MFU")))
    if total.get("bias") is not None:
        found.append(Card(_("Bias"), f"{100 * total['bias']:+.1f}%", more=_("mean of predicted ÷ published − 1")))
    cards(found)


def _honest(summary: Mapping[str, Mapping[str, Any]]) -> None:
    """What somebody whose runs no fit has seen can expect, first of all."""
    groups = [g for name, g in summary.items() if name != "all" and g["n"] >= _ENOUGH]
    st.info(
        _(
            "**A run like yours was in no fit.** So each source is predicted by constants and ranges that were fitted "
            "without it: the middle one of {sources} sources is off by {middle}, their mean is {mean}; the printed "
            "range holds {inside} of the runs. Plan with the range; five measured steps of your own and `mfu-planner "
            "calibrate` make it narrow."
        ).format(
            sources=len(groups),
            middle=percent(median(g["median_abs_error"] for g in groups)),
            mean=percent(fmean(g["median_abs_error"] for g in groups)),
            inside=percent(fmean(g["coverage"] for g in groups), 0),
        )
    )


def _line(name: str, f: Mapping[str, Any]) -> tuple[str, ...]:
    inside = "–" if f.get("coverage") is None else percent(f["coverage"], 0)
    errors = (percent(f["median_abs_error"]), percent(f["p90_abs_error"]))
    return (name, f"{f['n']:,}", f"{f['n_skipped']:,}", *errors, inside)
