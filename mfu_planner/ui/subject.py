"""The fields that every page begins with: the model and the hardware."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import streamlit as st

from mfu_planner.architectures.presets import catalogue, preset
from mfu_planner.errors import InputError
from mfu_planner.hardware import lookup
from mfu_planner.hardware.sellers import seller_of
from mfu_planner.ui.choices import in_words
from mfu_planner.ui.fields import CHOSEN, FIELDS
from mfu_planner.ui.form import Form
from mfu_planner.ui.own_config import OWN_CONFIG, leave_link, own_config
from mfu_planner.ui.own_hardware import FOLDER, own_hardware_field, uploaded

OWN_SIZE = "own size"
_HUB = "https://huggingface.co/"
DTYPES = ("bf16", "fp16", "fp8", "fp4", "tf32", "fp32", "int8")


@cache
def model_names() -> tuple[str, ...]:
    """The two ways to bring one's own, then the presets."""
    return (OWN_CONFIG, OWN_SIZE, *(row["id"] for row in catalogue()))


def hardware_names() -> tuple[str, ...]:
    """The user's own accelerators, then those of the catalogue."""
    from mfu_planner.hardware._index import index

    known, own = index()["accelerators"], uploaded()
    return (*(name for name in own if name in known), *(name for name in known if name not in own))


@cache
def _titles() -> dict[str, str]:
    return {row["id"]: f"{row['name']} — {_repository(row['source']) or row['id']}" for row in catalogue()}


def _repository(source: str) -> str:
    """The name under which Hugging Face has a model; empty where the config stands elsewhere."""
    return source.removeprefix(_HUB) if source.startswith(_HUB) and source.count("/") == _HUB.count("/") + 1 else ""


def _model(name: str) -> str:
    """A model as the list shows it: by every name that people look for."""
    return _titles().get(name) or in_words(name)


def _device(name: str) -> str:
    """An accelerator as the list shows it."""
    from mfu_planner.hardware._index import index

    row = index()["accelerators"].get(name)
    return f"{row['name']} — {name}" if row else in_words(name)


@cache
def convention_names() -> tuple[str, ...]:
    """Every convention, the default first."""
    from mfu_planner.counting import conventions

    return conventions.names()


def model_fields(form: Form, *, convention: bool = True) -> None:
    """Model, sequence length and convention."""
    name = form.choice("model", _or_none(form, model_names()), alias=lambda name: preset(name).id, shown=_model)
    form.put("model", None)
    if name != OWN_CONFIG:
        leave_link()
    if name == OWN_SIZE:
        left, right = st.columns(2)
        with left:
            form.text("params")
        with right:
            form.text("active_params")
    elif name == OWN_CONFIG:
        form.put("config", own_config())
    elif name != CHOSEN:
        form.put("model", name)
    left, right = st.columns(2)
    with left:
        form.text("seq_len")
    with right:
        if _uses_target(form):
            form.text("target_seq_len", placeholder="512")
        elif convention and name != OWN_SIZE:
            chosen = form.choice("convention", convention_names(), shown=str)
            form.put("convention", None if chosen == FIELDS["convention"].default else chosen)


def _or_none(form: Form, names: tuple[str, ...]) -> tuple[str, ...]:
    """The choices; none is one of them beside a log or a trace, which may say it."""
    return (CHOSEN, *names) if form.evidence else names


def _uses_target(form: Form) -> bool:
    """Whether the model is an encoder–decoder, which has two lengths."""
    from mfu_planner.questions.model import choose_model

    named = {k: v for k, v in form.given.items() if k in ("model", "config")}
    if len(named) != 1:
        return False
    try:
        found = choose_model(**named)
    except InputError:
        return False
    return found.architecture is not None and found.architecture.uses_target


def hardware_fields(form: Form) -> None:
    """Accelerator and one of its number formats; the own peak stands among what is rarely needed."""
    known = _or_none(form, hardware_names())
    name = form.choice("hardware", known, alias=lambda name: _machine(form, name), shown=_device)
    form.put("hardware", None if name == CHOSEN else name)
    formats = formats_of(name)
    usual = FIELDS["dtype"].default
    dtype = form.choice("dtype", formats, usual if usual in formats else formats[0])
    form.put("dtype", None if dtype == usual else dtype)
    own_hardware_field()


def _machine(form: Form, name: str) -> str:
    """The accelerator that a name means; that of an instance says devices and provider, too, where nobody has."""
    found = lookup(name, field="hardware")
    if found.devices is not None:
        seller = seller_of(name)
        form.fill({"devices": str(found.devices)} | ({"provider": seller[0]} if seller else {}))
    return found.accelerator.id


def formats_of(name: str) -> tuple[str, ...]:
    """The number formats whose peak an accelerator has on file; all where it is not known."""
    from mfu_planner.hardware._index import index

    row = index()["accelerators"].get(name)
    return tuple(d for d in DTYPES if row is None or d in row["peak"]) or DTYPES


def rare_hardware_fields(form: Form) -> None:
    """Own peak and sparsity."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        form.text("peak")
    with right:
        form.switch("sparse")


def shown(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as a command shows them: a pasted config stands for its file, own hardware for its folder."""
    plain = {k: "config.json" if k == "config" and isinstance(v, dict) else v for k, v in given.items()}
    return plain | ({"specs": FOLDER} if uploaded() else {})


def for_yaml(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as plain data."""
    plain: dict[str, Any] = json.loads(json.dumps(given))
    return plain | ({"specs": FOLDER} if uploaded() else {})
