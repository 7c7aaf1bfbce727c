"""The demo ends where the user's own matter begins: evidence wins, proposals follow the question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfu_planner import predict, read_log
from mfu_planner.answers.starting import starting_point
from mfu_planner.errors import PlannerError
from mfu_planner.report.human import percent

SAMPLES = sorted(
    path
    for path in (Path(__file__).parents[1] / "observe" / "samples").iterdir()
    if path.suffix in (".log", ".jsonl", ".json", ".csv") and path.name != "expected.csv"
)


def _html(app: Any) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.mark.sampled(40)
@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_a_fresh_page_with_a_log_gives_the_command_lines_number(page: Any, path: Path) -> None:
    """Nothing of the demo is asked beside it."""
    text = path.read_text("utf-8", "replace")
    app = page("measure", observed="log")
    app.text_area(key="log_text").set_value(text).run()
    assert not app.exception
    try:
        said = read_log(path)
    except PlannerError:
        assert app.error, "the page refuses it too"
        return
    shown = _html(app)
    if said.mfu is not None:
        assert f"{percent(said.mfu)} <span" in shown
    if said.tokens_per_s is not None:
        assert f"{said.tokens_per_s:,.0f}" in shown
    assert app.selectbox(key="model").value == "automatic"
    assert app.selectbox(key="hardware").value == "automatic"
    assert app.text_input(key="devices").value == ""


def test_what_the_user_says_stays_beside_a_log(page: Any) -> None:
    """A model in the address wins over nothing."""
    app = page("measure", observed="log", model="llama-3.1-8b", devices="64")
    assert app.selectbox(key="model").value == "llama-3.1-8b"
    assert app.text_input(key="devices").value == "64"


def test_another_model_proposes_another_run(page: Any) -> None:
    """Tokens, devices, MFU follow; what was typed stays; the demo comes back with its model."""
    app = page("plan")
    app.text_input(key="tokens").set_value("3T").run()
    app.selectbox(key="model").set_value("llama-3.1-8b").run()
    start = starting_point(model="llama-3.1-8b", hardware="h100-sxm")
    assert app.text_input(key="tokens").value == "3T"
    assert app.text_input(key="devices").value == str(start.devices)
    assert any("Proposed" in caption.value and "Devices" in caption.value for caption in app.caption)
    app.selectbox(key="model").set_value("llama-3.1-405b").run()
    assert app.text_input(key="devices").value == "16384"


def test_another_number_of_devices_proposes_a_layout_that_fits(page: Any) -> None:
    """It is predicted without an error, and fits."""
    app = page("layout", model="llama-3.1-70b", devices="64")
    assert not app.error
    held = {name: app.text_input(key=name).value for name in ("tp", "pp", "vpp", "cp", "ep", "micro_batch")}
    found = predict(
        model="llama-3.1-70b", hardware="h100-sxm", devices=64, global_batch=app.text_input(key="global_batch").value,
        **{n: v for n, v in held.items() if v},
        zero={"automatic": None}.get(app.selectbox(key="zero").value, app.selectbox(key="zero").value),
        recompute=app.selectbox(key="layout_recompute").value,
    )  # fmt: skip
    assert found.memory.fits
    assert f"{found.step_time_s!r} s" in _html(app)


def test_a_layout_that_is_given_is_kept_in_the_proposal(page: Any) -> None:
    app = page("layout", model="llama-3.1-70b", devices="64", tp="8")
    assert app.text_input(key="tp").value == "8"
    assert not app.error


@pytest.mark.parametrize("name", ["measure", "diagnose"])
def test_nothing_observed_is_asked_for_and_not_made_up(page: Any, name: str) -> None:
    app = page(name, model="llama-3.1-8b")
    assert not app.error
    assert "observed" in app.info[0].value


@pytest.mark.parametrize("model", ["gpt2", "vit-b16", "mixtral-8x7b", "bert-base", "resnet-50", "whisper-small"])
@pytest.mark.parametrize("hardware", ["rtx-4090", "mi300x", "tpu-v5p"])
def test_every_question_has_a_proposal(model: str, hardware: str) -> None:
    start = starting_point(model=model, hardware=hardware, seq_len=None if model != "mixtral-8x7b" else 4096,
                           target_seq_len=448 if model == "whisper-small" else None)  # fmt: skip
    assert start.devices >= 1
    assert start.tokens > 1e6
    assert 0.01 < start.mfu < 0.7
