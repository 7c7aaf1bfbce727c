"""Models: what a model is made of, where its parameters and its FLOPs are, and what conventions make of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner import flops
from mfu_planner.answers.suggest import work_over_length
from mfu_planner.architectures.presets import catalogue, preset
from mfu_planner.errors import PlannerError
from mfu_planner.questions.command import command_of
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import Card, cards, heading, hero, notes, sheet, table
from mfu_planner.ui.charts import models as charts
from mfu_planner.ui.fold import fold
from mfu_planner.ui.form import Form
from mfu_planner.ui.formula import work_formula
from mfu_planner.ui.numbers import show
from mfu_planner.ui.share import Taken, as_python, take_along
from mfu_planner.ui.subject import model_fields, shown
from mfu_planner.ui.text import _, said

_LENGTHS = tuple(2**k for k in range(9, 18))
_NAMING = ("model", "config", "params", "active_params", "target_seq_len", "image_size")


def page() -> None:
    """Draw the page."""
    heading(
        _("Models"), _("Parameters and FLOPs counted operator by operator from the published config, exact integers.")
    )
    asked, answer = sheet()
    form = Form("flops")
    with asked:
        with st.container(border=True):
            model_fields(form, convention=False)
        form.rest(without=("convention",))
        _about(form)
    with answer:
        try:
            found = flops(**form.given, symbolic=True)
        except PlannerError as error:
            form.blame(error)
            _catalogue()
            return
        _answer(found)
        if found.operators:
            st.header(_("Its work as a formula"), anchor=False)
            work_formula(found)
            st.header(_("Where its parameters and FLOPs are"), anchor=False)
            charts.where(found.operators)
            _length(form, found.seq_len)
            _tables(found)
        notes(found.warnings)
        given = shown(form.given)
        rows = [dict(o) for o in found.operators]
        python = as_python("flops", form.given)
        take_along("flops", lambda: Taken(command_of("flops", given), python, found.as_json(), rows=rows))
    _catalogue()


def _about(form: Form) -> None:
    name = form.given.get("model")
    if not name:
        return
    found = preset(str(name))
    lines = [f"**{found.name}** · {found.family}", _("Config: [{url}]({url})").format(url=found.source)]
    if found.seq_len:
        where = _("Trained at {n:,} tokens: {source}")
        lines.append(
            where.format(
                n=found.seq_len, source=said(found.seq_len_source) if found.seq_len_source else _("no source found")
            )
        )
    lines += map(said, found.notes)
    with st.container(border=True):
        st.markdown("\n\n".join(lines))


def _answer(f: Any) -> None:
    params, work = f.params, f.flops
    unit = f.work_unit
    each = f.by_convention.get(f.convention)
    hero(
        _("{model} has").format(model=f.model),
        [
            (show(params["total"], "count", 4), _("parameters"), f"{params['total']:,}"),
            *(
                []
                if each is None
                else [(show(each, "flop", 4), _("per {unit}").format(unit=unit), f"{each:,.2f} FLOP")]
            ),
        ],
    )
    share = params["active"] / params["total"] if params["total"] else None
    ratio = "–" if each is None or not params["active"] else f"{each / params['active']:.2f} N"
    cards(
        [
            Card(_("Active per token"), show(params["active"], "count", 4), f"{params['active']:,}", percent(share)),
            Card(_("Embedding"), show(params["embedding"], "count", 4), f"{params['embedding']:,}"),
            Card(_("Forward"), show(work["forward"], "flop", 4), f"{work['forward']:,}", _("one sequence")),
            Card(_("Backward"), show(work["backward"], "flop", 4), f"{work['backward']:,}", _("one sequence")),
            Card(_("Training work"), ratio, "", _("6 N by the rule of thumb")),
            Card(_("Sequence length"), "–" if f.seq_len is None else f"{f.seq_len:,}"),
        ]
    )


def _length(form: Form, seq_len: int | None) -> None:
    named = {k: v for k, v in form.given.items() if k in _NAMING}
    lengths = tuple(sorted({*_LENGTHS, *([seq_len] if seq_len else [])}))
    try:
        rows = work_over_length(lengths, **named)
    except PlannerError:
        return  # a model with one fixed length
    if len(rows) > 1:
        st.header(_("Work over sequence length"), anchor=False)
        charts.over_length(rows, seq_len)


def _tables(f: Any) -> None:
    with fold("operators", _("Every operator, as numbers"), icon=":material/table:") as drawn:
        rows = [
            (o["name"], f"{o['count']:,}", f"{o['params']:,}", f"{o['forward_flops']:,}")
            for o in sorted(f.operators, key=lambda o: -o["forward_flops"])
        ]
        if drawn:
            table((_("operator"), _("instances"), _("parameters"), _("forward FLOPs")), rows)
    named = _("Training FLOP per {unit} by convention").format(unit=f.work_unit)
    with fold("conventions", named, icon=":material/rule:") as drawn:
        each = [
            (name, "–" if v is None else f"{v:,.0f}", f.not_applicable.get(name, ""))
            for name, v in f.by_convention.items()
        ]
        if drawn:
            table((_("convention"), "FLOP", _("why not")), each)


def _catalogue() -> None:
    st.header(_("All presets"), anchor=False)
    rows = [
        {
            "id": r["id"],
            _("name"): r["name"],
            _("family"): r["family"],
            _("parameters (B)"): None if not r.get("params") else r["params"] / 1e9,
            _("trained at"): r["seq_len"],
            _("source"): r["source"],
        }
        for r in catalogue()
    ]
    st.dataframe(
        rows,
        hide_index=True,
        height=420,
        placeholder="–",
        column_config={_("source"): st.column_config.LinkColumn()},
        alt=_("The catalogue of models"),
    )
