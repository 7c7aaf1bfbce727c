"""A stack calibrated on own runs and a measured machine, uploaded in the form."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfu_planner import predict

MACHINE = (Path(__file__).parents[1] / "machine" / "machine.yaml").read_text("utf-8")
STACK = {
    "kind": "stack-calibration", "name": "ours", "base": "generic",
    "constants": {"product": {"times": 2.0, "sd": 0.1, "prior": 0.2, "informed": 0.5}},
}  # fmt: skip
ASKED = {"model": "llama-3.1-8b", "devices": "64", "global_batch": "512", "tp": "1", "pp": "1", "vpp": "1"}


def _drop(app: Any, *files: tuple[str, str]) -> None:
    field = next(field for field in app.file_uploader if field.label == "Drop your stack.yaml and machine.yaml")
    field.set_value([(name, text.encode(), "application/yaml") for name, text in files])
    app.run()
    assert not app.exception, app.exception


def _shown(app: Any) -> str:
    bodies = [html.unescape(e.proto.body) for e in app.get("html")]
    return " ".join([*bodies, *(each.value for kind in (app.markdown, app.code, app.info) for each in kind)])


def test_an_uploaded_stack_is_the_answers(page: Any) -> None:
    """The page says whose constants they are, and gives a command with the file's name."""
    app = page("layout", **ASKED)
    _drop(app, ("mine.yaml", yaml.safe_dump(STACK)))
    assert "software stack ours, calibrated on own runs" in _shown(app)
    assert "--stack stack.yaml" in _shown(app)


def test_an_uploaded_machine_is_the_hardware(page: Any) -> None:
    """In place of the accelerator that the field names; the content counts as the file does in a terminal."""
    app = page("layout", **ASKED | {"model": "gpt2", "devices": "1", "global_batch": "8", "dtype": "fp32"})
    _drop(app, ("m.yaml", MACHINE))
    assert "machine measured on 2026-11-30" in _shown(app)
    asked = {"model": "gpt2", "devices": 1, "global_batch": 8, "dtype": "fp32"}
    held = yaml.safe_load(MACHINE)
    there = Path(__file__).parents[1] / "machine" / "machine.yaml"
    assert predict(**asked, machine=held).step_time_s == predict(**asked, machine=str(there)).step_time_s


@pytest.mark.sampled(3)
@pytest.mark.parametrize("text", ["kind: other\n", "- 1\n", "a: [\n", "kind: [1]\n"])
def test_another_file_is_refused_in_one_line(page: Any, text: str) -> None:
    """And the answer is the page's as before."""
    app = page("layout", **ASKED)
    _drop(app, ("x.yaml", text))
    assert any("x.yaml" in error.value and "\n" not in error.value for error in app.error)
