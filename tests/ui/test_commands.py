"""The command that a page offers gives the page's own number: the form and the command line are one."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from mfu_planner.architectures import from_config
from mfu_planner.architectures.presets import catalogue, preset
from mfu_planner.cli.main import group

DEVICES = ("h100-sxm", "mi300x", "tpu-v5p")
PAGES = ("plan", "measure", "layout", "diagnose")
QUESTIONS = [(page, row["id"], device) for row in catalogue() for device in DEVICES for page in PAGES]
EXACT = {
    "plan": lambda said: f"{said['training_time_s']:,.0f} s",
    "measure": lambda said: f"{100 * said['mfu']!r}%",
    "layout": lambda said: f"{said['step_time_s']!r} s",
    "diagnose": lambda said: f"{100 * said['mfu']!r}%",
}
"""What stands on a page to the last digit, out of the command's JSON."""
OBSERVED = {"measure": {"flops_per_second_per_device": "150 TFLOP/s"}, "diagnose": {"seen": "mfu", "mfu": "20%"}}


def _html(app: Any) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def _length(name: str) -> dict[str, str]:
    """The length of a model that is given one and has none of its own."""
    built = from_config(preset(name).config)
    if built.uses_target:
        return {"seq_len": "512", "target_seq_len": "448"}
    if preset(name).seq_len or (built.fixed_length and not built.has_text):
        return {}
    return {"seq_len": "1024"}


@pytest.mark.sampled(331)
@pytest.mark.each("asked, model, device", QUESTIONS)
def test_the_command_gives_the_pages_number(page: Any, asked: str, model: str, device: str) -> None:
    """Every preset on three devices; what the page refuses, the command refuses."""
    app = page(asked, model=model, hardware=device, **OBSERVED.get(asked, {}), **_length(model))
    commands = [code.value for code in app.get("code") if code.language == "bash"]
    assert commands or app.error or app.info, "neither an answer nor a word"
    for command in commands[:1]:
        said = CliRunner().invoke(group, [*shlex.split(command)[1:], "--json"])
        assert said.exit_code == 0, said.output
        assert EXACT[asked](json.loads(said.stdout)) in _html(app), command
