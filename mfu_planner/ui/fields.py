"""Every field of the form: those of the questions, by their classes, and the few controls that are a page's own.

A field's name is a flag of the command line, an argument in Python and a key of the URL.
"""

from __future__ import annotations

from dataclasses import dataclass

from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks
from mfu_planner.questions.texts import help_of
from mfu_planner.ui.text import N_

ASKED = ("plan", "mfu", "predict", "diagnose", "flops", "search", "memory", "log")
"""The questions that pages ask; where two have a field of one name, the first describes it."""
CHOSEN = "automatic"
"""What a choice shows while nothing is chosen."""
NOTHING = (CHOSEN, "unknown", "usual")
"""What stands for no choice, here and in links of before."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: what it is called, what it takes."""

    label: str
    help: str
    default: str = ""
    placeholder: str = ""


_FIRST = {
    "model": "llama-3.1-405b",
    "params": "8B",
    "hardware": "h100-sxm",
    "dtype": "bf16",
    "convention": "full",
    "tokens": "15.6T",
    "devices": "16384",
    "mfu": "41%",
    "grid": "world",
    "term": "on-demand",
    "tokens_per_second_per_device": "150",
    "tokens_per_second": "2.46M",
    "step_time": "6.8s",
    "global_batch": "2048",
    "flops_per_second_per_device": "400 TFLOP/s",
    "device_hours": "30.84M",
    "recompute": "unknown",
    "tp": "8",
    "pp": "16",
    "vpp": "7",
    "micro_batch": "1",
    "framework": "unknown",
    "cluster": "usual",
}
"""What a fresh page shows: the run of the demo."""
_OWN = {
    "mfu_from": Field(
        N_("Where the MFU comes from"),
        N_("Your own figure, what similar published runs reached, or what the step-time model predicts."),
    ),
    "observed": Field(N_("What did you observe?"), N_("The same MFU follows from any of these.")),
    "log_text": Field(N_("Training log"), N_("Paste lines of a log of any framework, or drop the file below.")),
    "layout_recompute": Field(N_("Recomputation"), N_("Activations computed again in the backward pass."), "none"),
    "other_devices": Field(
        N_("Also half and twice the devices"), N_("Shows what more or fewer devices cost and gain.")
    ),
    "clouds": Field(
        N_("Clouds to compare"), N_("The best layout of each machine comes first, at its provider's price.")
    ),
    "run_tokens": Field(N_("Tokens of the whole run"), N_("Gives the time and the cost of all of it."), "", "2T"),
    "seen": Field(N_("What did you observe?"), N_("Anything helps; a trace tells most.")),
    "compare": Field(N_("Compare"), N_("Up to six accelerators side by side.")),
    "vendor": Field(N_("Vendor"), N_("Show one vendor's accelerators in the list."), "all"),
    "held": Field(N_("Keep as in the form"), N_("Fields of the layout that the search shall not vary.")),
    "stages": Field(
        N_("Stages"),
        N_("One a line, as in plan.yaml: its own tokens, length, batch, devices or MFU; the rest is the form's."),
        "",
        "- {tokens: 14.8T, seq_len: 8192}\n- {tokens: 800B, seq_len: 131072}",
    ),
    "left_out": Field(
        N_("Each source is"),
        N_("Predicted by fits that never saw it, as your run will be, or by the constants on file."),
    ),
    "kind": Field(N_("Back-test of"), N_("Which prediction is held against published runs.")),
}
"""What a page asks for itself."""


_TYPED = ("column",)
"""Fields that are no file, though they are read as they are given."""
_UNSEEN = ("explain", "symbolic", "search")
"""Fields of questions that no page asks: it shows what they switch on."""


def _asked() -> dict[str, Field]:
    found: dict[str, Field] = {}
    for command in ASKED:
        question = question_of(command)
        for name, asked in asks(question).items():
            if name in _UNSEEN or (asked.ask.unit == "path" and name not in _TYPED):
                continue
            text = help_of(question).get(name, asked.ask.label)
            found.setdefault(name, Field(asked.ask.label, text, _FIRST.get(name, ""), asked.ask.example.strip("'")))
    return found


FIELDS: dict[str, Field] = {**_asked(), **_OWN}
"""By name."""
