"""Learn: MFU from the first principle to the waterfall, with the user's own model as the example."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner import flops, measure, plan
from mfu_planner.answers.predict import predict
from mfu_planner.errors import PlannerError
from mfu_planner.hardware import resolve
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import Card, cards, heading
from mfu_planner.ui.charts import layout as layout_charts
from mfu_planner.ui.charts import measure as measure_charts
from mfu_planner.ui.charts import models as model_charts
from mfu_planner.ui.form import Form
from mfu_planner.ui.formula import work_formula
from mfu_planner.ui.layout import as_layout, layout_fields
from mfu_planner.ui.learn_causes import causes, remedies
from mfu_planner.ui.learn_exercises import exercises, monitoring
from mfu_planner.ui.learn_formats import amount, formats, levels
from mfu_planner.ui.learn_start import MODEL, of_model, suppose
from mfu_planner.ui.learning import told
from mfu_planner.ui.numbers import show
from mfu_planner.ui.refusal import refused
from mfu_planner.ui.subject import hardware_fields, model_fields
from mfu_planner.ui.text import _


def page() -> None:
    """Draw the page."""
    heading(
        _("Learn: what MFU is"),
        _("Eleven steps, each with your own model and hardware. Change a field and watch every number below follow."),
    )
    form = Form("mfu", example=True)
    with st.container(border=True):
        left, right = st.columns(2)
        with left:
            model_fields(form, convention=False)
        with right:
            hardware_fields(form)
            first, second = st.columns(2)
            with first:
                form.text("tokens_per_second_per_device")
            with second:
                form.text("devices")
    try:
        suppose(form)
        counted = flops(**of_model(form), symbolic=True)
        device = resolve(str(form.given["hardware"]))
        measured = measure(**{k: v for k, v in form.given.items() if k != "tokens"})
    except PlannerError as error:
        form.blame(error)
        return
    _work(counted)
    _attention(counted)
    _peak(device, measured)
    _ratio(measured)
    _conventions(measured)
    given = {k: v for k, v in form.given.items() if k in (*MODEL, "hardware", "dtype", "devices")}
    _money(given, measured)
    laid_out = _waterfall(form)
    _slow(laid_out)
    _step(10, _("Watch it"), _("An MFU is worth most while the run still goes on:"))
    monitoring(given)
    _step(11, _("Try it yourself"), _("Your own numbers; an answer within 2% is right."))
    exercises(given, measured, device)


def _step(number: int, title: str, text: str) -> None:
    st.header(f"{number}. {title}", anchor=False)
    st.markdown(text)


def _work(f: Any) -> None:
    _step(
        1,
        _("Training is mostly matrix products"),
        _(
            "A weight matrix of $k \\times n$ entries meets a token's vector in $k \\cdot n$ multiply-adds, "
            "and one multiply-add is **2 FLOP**. The backward pass does two products of the same size: one "
            "for the input's gradient, one for the weight's. So each parameter costs about $2 + 4 = 6$ FLOP "
            "per token: the **6N** rule."
        ),
    )
    n = f.params["active"]
    st.latex(rf"6\,N = 6 \times {_grouped(n)} = {_grouped(6 * n)}\ \text{{FLOP}}")
    if f.work_unit == "sample":
        st.markdown(
            _(
                "That is once through every weight. This model is counted by **samples**, and a sample (an image, a "
                "clip) has many positions, patches or pixels: each weight meets as many of them as its layer has."
            )
        )


def _attention(f: Any) -> None:
    each = f.by_convention.get(f.convention)
    if not f.operators or each is None:
        return
    _step(
        2,
        _("Count exactly what runs"),
        _(
            "6N forgets that attention multiplies activations with each other, and counts an embedding table "
            "that is only looked up."
        )
        + " "
        + _exact(f, each),
    )
    st.markdown(_("In letters, read off the operators of this model:"))
    work_formula(f)
    model_charts.where(f.operators)


def _exact(f: Any, each: float) -> str:
    """What a work unit costs, in words that are true of it."""
    if f.work_unit == "sample":
        text = _("Counted operator by operator, a sample of this model costs **{work}**: {ratio:,.0f} N.")
    elif f.seq_len:
        text = _(
            "Counted operator by operator, a token of this model at {length:,} tokens per sequence costs **{work}**: "
            "{ratio:.2f} N."
        )
    else:
        text = _("Counted operator by operator, a token of this model costs **{work}**: {ratio:.2f} N.")
    return text.format(length=f.seq_len or 0, work=show(each, "flop"), ratio=each / f.params["active"])


def _peak(device: Any, m: Any) -> None:
    _step(
        3,
        _("What the device could do"),
        _(
            "{name} does at most **{peak}** in {dtype} (dense). Vendors often print the rate with 2:4 "
            "sparsity, twice as much; training does not use it. The peak is a limit of the arithmetic units "
            "alone: the best matrix products ever measured stay below it."
        ).format(name=device.name, peak=show(m.peak_flops_per_s, "flop_per_s"), dtype=m.peak_dtype),
    )
    formats(device)


def _ratio(m: Any) -> None:
    _step(
        4,
        _("MFU is the ratio"),
        _(
            "The numerator is what the run achieves: tokens (or samples) per second times the work of one. The "
            "denominator is the peak. Their ratio is the **model FLOPs utilization**. It depends on nothing that is an "
            "implementation detail, so two runs can be compared."
        ),
    )
    if m.tokens_per_s_per_device is None or m.flops_per_token is None:
        return
    work, rate, peak = _tex(m.flops_per_token), f"{m.tokens_per_s_per_device:.4g}", _tex(m.peak_flops_per_s)
    ratio = rf"\frac{{{work} \cdot {rate}}}{{{peak}}}"
    st.latex(rf"\mathrm{{MFU}} = \frac{{F\,\tau_1}}{{P}} = {ratio} = {100 * m.mfu:.1f}\,\%")
    grade = (
        [] if m.verdict is None else [Card(_("By the rule of thumb"), _(m.verdict.grade), more=_(m.verdict.meaning))]
    )
    cards(
        [
            Card("MFU", percent(m.mfu), f"{100 * m.mfu!r}%"),
            Card(_("Achieved per device"), show(m.achieved_flops_per_s_per_device, "flop_per_s")),
            *grade,
        ]
    )


def _grouped(n: int) -> str:
    return f"{n:,}".replace(",", "{,}")


def _tex(value: float) -> str:
    mantissa, power = f"{value:.3e}".split("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}"


def _conventions(m: Any) -> None:
    if len(m.by_convention) < 2:
        return
    _step(
        5,
        _("The same run has many MFUs"),
        _(
            "Frameworks count differently: with or without the causal half of attention, the embedding, the "
            "head. Before comparing two figures, put both under one convention. And when activations are "
            "recomputed, the hardware does more than the model needs: that ratio is the **HFU**, never "
            "smaller than the MFU."
        ),
    )
    measure_charts.conventions(m.by_convention, m.convention)


def _money(given: dict[str, Any], m: Any) -> None:
    tokens, words = amount(m.work_unit)
    try:
        p = plan(**given, tokens=tokens, mfu=min(m.mfu, 1.0))
        better = plan(**given, tokens=tokens, mfu=min(m.mfu * 1.1, 1.0))
    except PlannerError as error:
        _step(6, _("What a point of MFU is worth"), refused(error))
        return
    text = _(
        "At this MFU, {amount} take **{time}** on {n:,} devices. Time and money are "
        "proportional to 1 ÷ MFU: a tenth more MFU would take **{then}**."
    )
    times = {"time": show(p.training_time_s, "time", 3), "then": show(better.training_time_s, "time", 3)}
    _step(6, _("What a point of MFU is worth"), text.format(amount=words, n=p.devices, **times))
    if p.cost_usd is not None and better.cost_usd is not None:
        saved = show(p.cost_usd - better.cost_usd, "usd", 3)
        cards(
            [
                Card(_("Cost of {amount}").format(amount=words), show(p.cost_usd, "usd", 3), f"${p.cost_usd:,.2f}"),
                Card(_("With a tenth more MFU"), show(better.cost_usd, "usd", 3), f"${better.cost_usd:,.2f}"),
                Card(_("Saved"), saved),
            ]
        )
    levels(given, m)


def _waterfall(form: Form) -> dict[str, Any] | None:
    """The layout of the learner's step, where it can be predicted."""
    _step(
        7,
        _("Where the rest goes"),
        _(
            "Between the peak and the step stand matrix products below the peak, memory-bound work, "
            "communication that nothing hides, and waiting: the pipeline bubble. Change the layout and see "
            "the parts move."
        ),
    )
    if "params" in form.given:
        st.info(_("A size alone has no layers to predict with: choose a model, or give a config."))
        return None
    inner = Form("predict", beside=form)
    with st.container(border=True):
        inner.text("global_batch")
        layout_fields(inner)
    given = as_layout(inner.given)
    try:
        found = predict(**given)
    except PlannerError as error:
        inner.blame(error)
        return None
    st.markdown(
        _("Predicted for this layout: **{mfu}** MFU, {step} per step.").format(
            mfu=percent(found["mfu"]), step=show(found["step_time_s"], "time", 3)
        )
    )
    layout_charts.waterfall(found["waterfall"], found["step_time_s"])
    return given


def _slow(given: dict[str, Any] | None) -> None:
    base = None if given is None else told(given)
    _step(
        8, _("Five causes of a slow step"), _("Your own step, made slow by each in turn, as the planner predicts it.")
    )
    if given is None or base is None:
        st.info(_("This needs a step that can be predicted: see the step before."))
        return
    causes(given, base)
    _step(9, _("Five cures"), _("What each gives your own step."))
    remedies(given, base)
