"""The fields that every page begins with: the model and the hardware."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import streamlit as st

from mfu_planner.architectures.presets import catalogue
from mfu_planner.errors import InputError
from mfu_planner.model import parse_config
from mfu_planner.ui.fields import Field, choice, key, text_field, without_empty
from mfu_planner.ui.text import _

OWN_CONFIG, OWN_SIZE = "own config.json", "own size"
_DTYPES = ("bf16", "fp16", "fp8", "fp4", "tf32", "fp32")


@cache
def model_names() -> tuple[str, ...]:
    """Presets, then the two ways to bring one's own."""
    return (OWN_CONFIG, OWN_SIZE, *(row["id"] for row in catalogue()))


@cache
def hardware_names() -> tuple[str, ...]:
    """Every accelerator of the catalogue."""
    from mfu_planner.hardware._index import index

    return tuple(index()["accelerators"])


def model_fields(page: str, default: str) -> dict[str, Any]:
    """Model and sequence length."""
    name = choice(page, "model", "Model", model_names(), default, "A published model, or your own. Type to search.")
    given: dict[str, Any] = {}
    if name == OWN_SIZE:
        given["params"] = text_field(page, Field("params", "Parameters", "6N only: no attention.", "8B"))
        given["active_params"] = text_field(
            page, Field("active_params", "Active parameters", "Of a mixture, per token.")
        )
    elif name == OWN_CONFIG:
        given["config"] = _own_config(page)
    else:
        given["model"] = name
    help_text = "Tokens per sequence. Empty: the length that the model was trained at."
    given["seq_len"] = text_field(page, Field("seq_len", "Sequence length", help_text, placeholder="8192"))
    return without_empty(given)


def _own_config(page: str) -> dict[str, Any] | None:
    pasted = st.text_area(
        _("config.json"),
        key=key(page, "config"),
        height=160,
        max_chars=200_000,
        help=_("Paste a Hugging Face config.json."),
    )
    dropped = st.file_uploader(_("or drop the file"), type=["json"], key=key(page, "config_file"))
    text = dropped.getvalue() if dropped is not None else (pasted or "").encode()
    if not text.strip():
        st.caption(_("Paste or drop a config.json to count its work exactly."))
        return None
    try:
        return parse_config(text, "config.json")
    except InputError as error:
        st.caption(f":red[{error}]")
        return None


def hardware_fields(page: str, default: str) -> dict[str, Any]:
    """Accelerator and number format."""
    name = choice(page, "hardware", "Hardware", hardware_names(), default, "The device, with its exact variant.")
    dtype = choice(
        page, "dtype", "Number format", _DTYPES, "bf16", "Of the matrix products; MFU divides by its dense peak."
    )
    peak = text_field(
        page, Field("peak", "Own peak", "In place of the catalogue's, per device.", placeholder="989 TFLOP/s")
    )
    return without_empty({"hardware": name, "dtype": dtype if dtype != "bf16" else None, "peak": peak})


def shown(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as a command shows them: a pasted config stands for its file."""
    return {k: "config.json" if k == "config" and isinstance(v, dict) else v for k, v in given.items()}


def for_yaml(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as plain data."""
    plain: dict[str, Any] = json.loads(json.dumps(given))
    return plain
