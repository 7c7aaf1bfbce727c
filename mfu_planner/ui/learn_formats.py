"""Lessons on the denominator and on money: number formats on a data sheet, and what an MFU costs."""

from __future__ import annotations

from typing import Any

import streamlit as st

from mfu_planner import plan
from mfu_planner.hardware import resolve
from mfu_planner.report.human import percent
from mfu_planner.ui.cards import table
from mfu_planner.ui.numbers import show
from mfu_planner.ui.text import _

FORMATS = {"fp32": (8, 23), "tf32": (8, 10), "fp16": (5, 10), "bf16": (8, 7), "fp8": (4, 3)}
"""Bits of exponent and fraction: IEEE 754, NVIDIA's TF32, bfloat16; FP8 as E4M3 (OCP OFP8 1.0, December 2023)."""
SHEET = "h100-sxm"
"""The data sheet that the lesson reads."""
LEVELS = (0.1, 0.2, 0.5)


def formats(device: Any) -> None:
    """Each format's bits, its rates on the H100's data sheet, and the learner's device beside it."""
    sheet = resolve(SHEET)
    own = device.id != sheet.id
    columns = [_("number format"), _("bits: sign + exponent + fraction"), _("H100, dense"), _("H100, 2:4 sparse")]
    rows, sources = [], {}
    for name, (exponent, fraction) in FORMATS.items():
        peak = sheet.peak[name]
        bits = f"1 + {exponent} + {fraction}"
        row: list[Any] = [name.upper(), bits, show(peak.dense, "flop_per_s"), show(peak.sparse, "flop_per_s")]
        if own:
            theirs = device.peak.get(name)
            row.append(show(theirs.dense if theirs else None, "flop_per_s"))
        sources[peak.source] = sheet.sources[peak.source]
        rows.append(row)
    table([*columns, *([device.name] if own else [])], rows)
    st.caption(" · ".join(f"[{source['title']}]({source['url']})" for source in sources.values()))
    st.markdown(
        _(
            "A format of half the bits moves half the bytes, and the matrix units do twice the products. BF16 keeps "
            "the range of FP32 with fewer digits; FP16 has more digits and needs loss scaling; FP8 needs scales for "
            "each tensor or block. **2:4 sparsity** skips two of each four weights: the data sheet's largest figures "
            "assume it, and dividing by them halves the MFU that is stated."
        )
    )


def amount(unit: str) -> tuple[str, str]:
    """(a long training of this work unit as ``plan`` takes it, the same in words)."""
    return ("1B", _("a billion samples")) if unit == "sample" else ("1T", _("a trillion tokens"))


def levels(given: dict[str, Any], measured: Any) -> None:
    """Time and money of the same training at several MFUs."""
    tokens, words = amount(measured.work_unit)
    own = min(measured.mfu, 1.0)
    told = sorted({*LEVELS, own})
    rows = []
    for level in told:
        p = plan(**given, tokens=tokens, mfu=level)
        cost = "–" if p.cost_usd is None else show(p.cost_usd, "usd", 3)
        rows.append((percent(level), show(p.training_time_s, "time", 3), cost))
    table(("MFU", _("time for {amount}").format(amount=words), _("cost")), rows, here=told.index(own))
    st.markdown(
        _(
            "At 10% nine tenths of the peak that is paid for do no work of the model; at 50% it is half. From 20% to "
            "50% the same training takes two fifths of the time and of the money."
        )
    )
