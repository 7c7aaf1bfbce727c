"""Lessons on a slow step: the five causes, each made on the learner's own step, and the five cures."""

from __future__ import annotations

import streamlit as st

from mfu_planner.diagnosis.causes import FIVE
from mfu_planner.hardware import resolve
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import table
from mfu_planner.ui.charts import learn as charts
from mfu_planner.ui.learning import NOTICED, Cure, Given, Told, cures, slowed
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import N_, _

DOCS = "https://mfu-planner.github.io/mfu-planner/findings/"
"""Where the pages of the causes stand."""
_CAUSES = {
    "data-loading": (
        N_("Data loading bottleneck"),
        N_("Recognised so: train on one batch kept in memory, and the step is faster at once."),
    ),
    "cpu": (
        N_("CPU bottleneck"),
        N_("Recognised so: a trace shows few but long gaps on the device, while Python runs or waits."),
    ),
    "kernel-launch": (
        N_("Kernel launch overhead"),
        N_("Recognised so: double the micro-batch, and the step hardly grows."),
    ),
    "communication": (
        N_("Communication bottleneck"),
        N_("Recognised so: the same micro-batch on one node takes less time a step."),
    ),
    "kernels": (
        N_("Suboptimal implementation"),
        N_("Recognised so: the device is always busy, and a trace shows unfused attention or FP32 kernels."),
    ),
}
_CURES = {
    "workers": (
        N_("Workers, memory mapping, offline preprocessing"),
        N_("a loader half as fast as the step → one that keeps up"),
    ),
    "batch": (N_("A larger micro-batch"), N_("micro-batch 1 → {n}, the fastest that fits")),
    "global": (N_("A larger global batch"), N_("{was} → {n} samples a step: a choice for the learning, too")),
    "compile": ("torch.compile", N_("every operator launched by itself → compiled, fused blocks")),
    "precision": (N_("Mixed precision"), N_("matrix products in FP32 → {narrow}")),
    "compute": (
        N_("Making compute the bottleneck"),
        N_("eager, unfused attention, micro-batch 1 → compiled, fused, micro-batch {n}"),
    ),
}


def causes(given: Given, base: Told) -> None:
    """Each cause: what it does to the learner's step, and how it is recognised."""
    for slug in FIVE:
        title, how = _CAUSES[slug]
        st.subheader(_(title), anchor=slug)
        link = f"[{_('More on this cause')}]({DOCS}{slug}/)"
        found = slowed(slug, given, base)
        if found is None:
            st.markdown(f"{_(how)} {link}")
            continue
        scene, slow = found
        times = slow.step_s / base.step_s
        said = _(scene.said).format(**scene.values)
        text = _("Your step with {change}: **{time}** in place of {before}, {times:.2f} times as long.")
        if times < NOTICED:
            text = _("Your step hides this cause: with {change} it takes **{time}** in place of {before}.")
        step = text.format(
            change=said, time=show(slow.step_s, "time", 3), before=show(base.step_s, "time", 3), times=times
        )
        st.markdown(f"{step} {_(how)} {link}")
        charts.beside([(_("your step"), base.parts, base.step_s), (_("made slow"), slow.parts, slow.step_s)])


def remedies(given: Given, base: Told) -> None:
    """What each cure gives the learner's step."""
    found = cures(given, base)
    columns = (_("cure"), _("what changes"), _("step before"), _("step after"), _("work per second"))
    table(columns, [_cure(each) for each in found], prose=True)
    sample = base.unit == "sample"
    said = _("At {rate:,.0f} {unit}/s the loader must keep up: count the workers by the time that one sample takes.")
    text = said.format(rate=base.rate, unit=_("sample") if sample else _("token"))
    if base.loader_bytes_per_s is not None:
        data = _("As token ids that is {data}.")
        text += " " + data.format(data=show(base.loader_bytes_per_s, "byte_per_s", 3))
    more = _(
        "Where a sample takes long, tokenise or decode once, offline, and read slices of a memory-mapped array "
        "(`numpy.memmap`): hardly any work is left for each."
    )
    st.markdown(f"{text} {more}")
    device = resolve(str(given["hardware"]))
    peak = device.peak.get(str(base.inputs["dtype"]))
    if peak is not None and peak.dense and device.memory_bandwidth_bytes_per_s:
        st.markdown(
            _(
                "Compute is the bottleneck where a kernel does more than {ridge:,.0f} FLOP for each byte that it "
                "reads or writes: the peak over the memory bandwidth of this device. Larger products and fused "
                "kernels get there; of your step, {share} is model FLOPs at the peak."
            ).format(
                ridge=peak.dense / device.memory_bandwidth_bytes_per_s,
                share=percent(dict(base.parts)["ideal"] / base.step_s),
            )
        )


def _cure(cure: Cure) -> tuple[str, ...]:
    title, said = _CURES[cure.slug]
    before, after = (show(t.step_s if t else None, "time", 3) for t in (cure.before, cure.after))
    gain = "–" if cure.gain is None else f"× {cure.gain:.2f}"
    return (_(title), _(said).format(**cure.values), before, after, gain)
