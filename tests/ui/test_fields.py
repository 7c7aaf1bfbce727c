"""The form's fields come from the question classes: every one is drawn, read, kept in the address, and found again."""

from __future__ import annotations

from typing import Any

import pytest

from mfu_planner import plan, predict, search
from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks
from mfu_planner.ui import best_layouts
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.form import shown_as
from mfu_planner.ui.main import _OTHER_KEYS

PAGES = {
    "plan": {"plan": {"mfu_from": "predicted"}},
    "mfu": {"measure": {}},
    "log": {"measure": {"observed": "log"}},
    "predict": {"layout": {}},
    "search": {"layout": {}},
    "memory": {"layout": {}},
    "diagnose": {"diagnose": {}},
    "flops": {"models": {}},
}
"""Question → the page that asks it."""
ELSEWHERE = {"explain", "symbolic", "search", "params", "active_params", "target_seq_len", "config", "convention"}
"""What a page shows without being asked, or draws for some models only."""


def widgets(app: Any) -> set[str]:
    """The keys of a page's fields."""
    drawn = (*app.text_input, *app.selectbox, *app.toggle, *app.multiselect, *app.text_area)
    return {str(w.key) for w in drawn}


@pytest.mark.parametrize("command", PAGES)
def test_a_page_draws_every_field_of_its_question(page: Any, command: str) -> None:
    """What a command can be asked, its page can; observed rates are alternatives, of which one is shown."""
    ((name, query),) = PAGES[command].items()
    app = page(name, **query)
    keys = widgets(app) | (widgets(page(name)) if query else set())
    keys |= {"tokens"} if "run_tokens" in keys else set()
    for field, asked in asks(question_of(command)).items():
        alternative = command in ("mfu", "diagnose") and (asked.ask.group == "Observed" or field == "global_batch")
        if field in ELSEWHERE or alternative:
            continue
        if asked.ask.unit == "path" and field != "column":
            assert app.file_uploader, field
            continue
        if (command, field) == ("plan", "predict"):  # said by where the MFU comes from
            continue
        assert {field, f"layout_{field}", {"cluster": "clouds"}.get(field, field)} & keys, field
        assert field in FIELDS


def test_a_closed_fold_draws_nothing_unless_it_counts(page: Any) -> None:
    """A change of the form costs what is looked at; a field of the address counts all the same."""
    app = page("plan")
    app.session_state["unfolded"] = False
    assert "lora_rank" not in widgets(app.run())
    app = page("plan", lora_rank="16")
    before = app.get("html")[3].proto.body
    app.session_state["unfolded"] = False
    app.run()
    assert "lora_rank" in widgets(app)
    assert app.get("html")[3].proto.body == before


def test_stages_are_summed_as_the_file_is(page: Any) -> None:
    """A second, longer stage at another MFU; and text that is no list is said under its field."""
    run = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": "512", "mfu": "40%"}
    app = page("plan", **run, stages="- {tokens: 14T, seq_len: 8192}\n- {tokens: 1T, seq_len: 131072, mfu: 35%}")
    first = plan(**run, tokens="14T", seq_len=8192).training_time_s
    second = plan(**run | {"mfu": "35%"}, tokens="1T", seq_len=131072).training_time_s
    assert f"{first + second:,.0f} s" in " ".join(e.proto.body for e in app.get("html"))
    app = page("plan", stages="many")
    assert 'data-field="stages"' in " ".join(e.proto.body for e in app.get("html"))


def test_the_search_keeps_what_it_shall(page: Any) -> None:
    """TP of the form in every row, the cheapest first."""
    query = {"model": "gpt2-medium", "devices": "16", "global_batch": "64", "tp": "2", "pp": "1", "vpp": "1"}
    app = page("layout", **query, held="tp", rank="cost", top="4")
    next(b for b in app.button if "Search" in b.label).click().run()
    rows = app.session_state["rows-searched"]
    assert [row["tp"] for row in rows] == [2] * 4


def test_a_field_has_the_label_and_the_example_of_its_class(page: Any) -> None:
    """In the folded part, too."""
    app = page("layout")
    for name in ("zero_group", "expert_imbalance", "nic"):
        asked = asks(question_of("predict"))[name]
        drawn = app.text_input(key=name)
        assert (drawn.label, drawn.placeholder) == (asked.ask.label, asked.ask.example.strip("'"))


def test_a_field_of_the_address_counts(page: Any) -> None:
    """Flags that only the command line had."""
    query = {
        "model": "llama-3.1-8b",
        "devices": "64",
        "tp": "2",
        "pp": "1",
        "vpp": "1",
        "global_batch": "256",
        "micro_batch": "1",
    }
    asked = {**query, "hardware": "h100-sxm"}
    app = page("layout", **query, sequence_parallel="no", zero="3", zero_group="8", lora_rank="16")
    found = predict(**asked, sequence_parallel=False, zero=3, zero_group=8, lora_rank=16)
    assert f"{found.step_time_s!r} s" in " ".join(e.proto.body for e in app.get("html"))


def test_what_a_field_cannot_take_is_said_under_it(page: Any) -> None:
    """By the class's own words."""
    app = page("plan", lora_rank="many")
    said = " ".join(e.proto.body for e in app.get("html"))
    assert "LoRA rank" in app.info[0].value
    assert "a plain count" in said


def test_a_chosen_row_gives_the_rows_figures(page: Any) -> None:
    """Put in the form, it is predicted as it was found: with its group, its recomputed share, its rest."""
    query = {"model": "gpt2-xl", "devices": "16", "global_batch": "64", "tp": "1", "pp": "1", "vpp": "1"}
    app = page("layout", **query)
    next(b for b in app.button if "Search" in b.label).click().run()
    assert not app.exception
    rows = app.session_state["rows-searched"]
    assert len({row["recompute"] for row in rows} | {row["zero_group"] for row in rows}) > 1
    for row in rows:
        for name, value in best_layouts.fields_of_row(row).items():
            app.session_state[name] = value
        app.run()
        assert not app.exception
        assert f"{row['step_time_s']!r} s" in " ".join(e.proto.body for e in app.get("html")), row


def test_a_row_whose_ends_count_as_layers(page: Any) -> None:
    """BLOOM's 30 layers divide by no 32 chunks of stages; with its embedding and loss as layers they do."""
    query = {"model": "bloom-7b1", "devices": "64", "global_batch": "256"}
    rows = search(**query, hardware="h100-sxm", pp=16, vpp=2, space="usual").layouts
    row = next(row for row in rows if row["pipeline_embedding"])
    app = page("layout", **query)
    for name, value in best_layouts.fields_of_row(row).items():
        app.session_state[name] = value
    app.run()
    assert f"{row['step_time_s']!r} s" in " ".join(e.proto.body for e in app.get("html"))


@pytest.mark.parametrize("name", sorted(asks(question_of("predict"))))
def test_a_value_is_shown_as_its_widget_holds_it(name: str) -> None:
    """Text, a choice's word, yes or no; none is empty."""
    asked = asks(question_of("predict"))[name]
    empty = shown_as(asked, None)
    assert empty in ("", "automatic", False)
    assert name not in _OTHER_KEYS
