"""Choices: every name of a model and a device is found, formats are the hardware's, words follow the language."""

from __future__ import annotations

from typing import Any

import pytest


def _html(app: Any) -> str:
    return " ".join(block.proto.body for block in app.get("html"))


@pytest.mark.parametrize(
    ("key", "typed", "meant"),
    [
        ("model", "Llama 3.1 8B", "llama-3.1-8b"),
        ("model", "meta-llama/Llama-3.1-8B", "llama-3.1-8b"),
        ("hardware", "NVIDIA H100 80GB", "h100-sxm"),
        ("hardware", "p5.48xlarge", "h100-sxm"),
    ],
)
def test_pickers_take_every_name(page: Any, key: str, typed: str, meant: str) -> None:
    """In the address, which then holds the plain name; a name in vain is said beside its field."""
    app = page("plan", **{key: typed})
    assert app.session_state[key] == meant
    assert "not known here" not in _html(app)


@pytest.mark.parametrize(("name", "typed", "devices"), [("plan", "p5.48xlarge", 8), ("measure", "2x p5.48xlarge", 16)])
def test_an_instance_says_devices_and_provider(page: Any, name: str, typed: str, devices: int) -> None:
    """AWS's p5.48xlarge has eight H100 (aws.amazon.com/ec2/instance-types/p5); what the address says wins."""
    app = page(name, hardware=typed, model="llama-3.1-8b", observed="device")
    assert app.session_state["hardware"] == "h100-sxm"
    assert app.text_input(key="devices").value == str(devices)
    assert app.text_input(key="provider").value == "aws"
    app = page(name, hardware=typed, model="llama-3.1-8b", observed="device", devices="64")
    assert app.text_input(key="devices").value == "64"


def test_formats_are_those_of_the_hardware(page: Any) -> None:
    """A device without bf16 offers what it has and starts with the first of it; a link's other format is said."""
    app = page("plan", hardware="v100-sxm-32gb")
    assert not app.error
    assert list(app.selectbox(key="dtype").options) == ["fp16", "fp32"]
    assert app.session_state["dtype"] == "fp16"
    app = page("plan", hardware="v100-sxm-32gb", dtype="fp8")
    assert "“fp8” is not known here" in _html(app)


def test_words_of_choices_follow_the_language_and_the_address_does_not(page: Any) -> None:
    """A choice is shown in Chinese and kept by its plain name."""
    app = page("layout", lang="zh")
    box = app.selectbox(key="layout_recompute")
    assert list(box.options) == ["无", "选择性", "完全"]
    box.select("full").run()
    assert app.query_params["layout_recompute"] in ("full", ["full"])
