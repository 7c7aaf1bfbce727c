"""The other pages: each shows what the API says."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest

from mfu_planner import diagnose, flops, measure
from mfu_planner.architectures import from_config
from mfu_planner.architectures.presets import catalogue, preset
from mfu_planner.report.human import percent, show
from mfu_planner.ui.query import to_query

_LOG = "".join(
    f"step: {i}  loss: 9.07  memory: 30.91GiB(32.53%)  tps: {7600 + i % 7}  tflops: 443.78  mfu: 44.87%\n"
    for i in range(1, 60)
)


def _html(app: Any) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize(
    "name", ["plan", "measure", "diagnose", "layout", "hardware", "models", "compare", "accuracy", "learn"]
)
def test_opens(page: Any, name: str) -> None:
    """Without an exception or an error; every field has help."""
    app = page(name)
    assert not app.error
    assert app.title[0].value
    for field in (*app.text_input, *app.selectbox, *app.multiselect, *app.toggle):
        assert field.proto.help or (field.key or "").startswith("what-if-"), field.label


@pytest.mark.sampled(3)
@pytest.mark.parametrize("way", ["flops", "device", "job", "step", "hours"])
def test_measure_by_every_way(page: Any, way: str) -> None:
    """Each way of observing gives a percentage."""
    app = page("measure", observed=way)
    assert not app.error
    assert "% <span" in _html(app)


_NO_LENGTH = [row["id"] for row in catalogue() if preset(row["id"]).seq_len is None]


@pytest.mark.sampled(12)
@pytest.mark.parametrize("name", _NO_LENGTH)
def test_measure_of_a_model_without_a_training_length(page: Any, name: str) -> None:
    """A length in the address (images fix it) is enough for the whole page, its pictures too."""
    built = from_config(preset(name).config)
    length = "" if built.fixed_length and not built.has_text else "8192"
    rate = {"flops_per_second_per_device": "300 TFLOP/s"}
    app = page("measure", model=name, seq_len=length, target_seq_len="512", devices="8", **rate)
    assert "% <span" in _html(app)
    assert not app.error


def test_measure_of_an_own_config(page: Any) -> None:
    """Its place among the published runs, too."""
    config = json.dumps(preset("mistral-7b").config)
    app = page(
        "measure", model="own config.json", config=config, seq_len="8192", flops_per_second_per_device="300 TFLOP/s"
    )
    assert not app.error
    assert "You are here" in [header.value for header in app.header]


def test_measure_is_that_of_the_api(page: Any) -> None:
    """The published 400 TFLOP/s of Llama 3.1 405B."""
    app = page("measure")
    expected = measure(
        model="llama-3.1-405b", hardware="h100-sxm", devices=16384, flops_per_second_per_device="400 TFLOP/s"
    )
    assert percent(expected.mfu) in _html(app)


def test_pasted_log_is_read(page: Any) -> None:
    """torchtitan lines, told by their content."""
    app = page("measure", observed="log", model="llama-3.1-8b")
    app.text_area(key="log_text").set_value(_LOG).run()
    assert not app.exception
    assert "torchtitan" in _html(app)


def test_text_that_is_no_log_is_refused(page: Any) -> None:
    """In words, the server alive."""
    app = page("measure", observed="log")
    app.text_area(key="log_text").set_value("/etc/passwd").run()
    assert not app.exception
    assert app.error
    assert "root:" not in app.error[0].value


def test_models_page_has_exact_counts(page: Any) -> None:
    """Parameters to the last one, on hover."""
    app = page("models", model="gpt2", seq_len="128")
    assert f"{flops(model='gpt2', seq_len=128).params['total']:,}" in _html(app)


def test_hardware_page_links_every_source(page: Any) -> None:
    """Each number's source is a link."""
    app = page("hardware", compare=["h100-sxm", "a100-sxm-80gb"])
    assert _html(app).count('href="https://') > 20


def test_layout_says_that_it_does_not_fit(page: Any) -> None:
    """A 405B model on eight devices."""
    app = page("layout", devices="8", tp="8", pp="1", vpp="1", global_batch="8")
    assert "does not fit" in app.error[0].value


def test_layout_contradiction_is_said(page: Any) -> None:
    """tp · pp that does not divide the devices."""
    app = page("layout", devices="100")
    assert "multiple" in _html(app)


def test_search_finds_layouts_and_puts_one_in_the_form(page: Any) -> None:
    """A button, a table, a picture."""
    app = page("layout", model="llama-3.1-8b", devices="64", pp="1", vpp="1", tp="2", global_batch="256")
    app.button[-1].click().run()
    assert not app.exception
    assert len(app.dataframe) == 1
    assert show(0.0, "time") not in _html(app)


def test_compare_shows_what_the_address_holds(page: Any) -> None:
    """Two scenarios side by side."""
    kept = [to_query({"model": "llama-3.1-8b", "devices": "64"}), to_query({"model": "llama-3.1-70b"})]
    app = page("compare", s=kept)
    shown = _html(app)
    assert "llama-3.1-8b" in shown
    assert "llama-3.1-70b" in shown


def test_compare_refuses_a_broken_scenario(page: Any) -> None:
    """And shows the others."""
    app = page("compare", s=[to_query({"model": "no-such-model"}), to_query({"devices": "64"})])
    assert "no-such-model" in app.error[0].value
    assert "training time" in _html(app)


def test_diagnose_says_what_the_api_says(page: Any) -> None:
    """The sentence, and the causes with their shares."""
    app = page("diagnose")
    expected = diagnose(
        model="llama-3.1-405b",
        hardware="h100-sxm",
        devices="16384",
        step_time="7.5s",
        global_batch="2048",
        tp="8",
        pp="16",
        vpp="7",
        micro_batch="1",
    )
    assert html.escape(expected.answer) in _html(app)
    assert percent(expected.mfu) in _html(app)


def test_what_if_switch_moves_the_waterfall(page: Any) -> None:
    """A change switched on shows the MFU after it."""
    app = page("diagnose")
    before = app.get("vega_lite_chart")[0].proto.spec
    switch = next(t for t in app.toggle if (t.key or "").startswith("what-if-"))
    switch.set_value(True).run()
    assert not app.exception
    assert "After these changes" in app.success[0].value
    assert app.get("vega_lite_chart")[0].proto.spec != before


def test_clouds_are_compared_by_the_whole_run(page: Any) -> None:
    """Each machine's best layout at its provider's price, cheapest first; an address brings the question."""
    asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": "16", "global_batch": "64"}
    degrees = {"tp": "1", "pp": "1", "vpp": "", "micro_batch": "1"}
    at = page("layout", **asked, **degrees, clouds=["aws-p5", "oci-h100"], run_tokens="1T")
    next(b for b in at.button if b.label == "Search all layouts").click().run()
    assert not at.exception
    rows = at.session_state["rows-searched"]
    assert [r["cluster"] for r in rows[:2]] == ["aws-p5", "oci-h100"]
    assert [r["price_usd_per_device_hour"] for r in rows[:2]] == pytest.approx([6.88, 10.0])
    assert rows[0]["total_cost_usd"] < rows[1]["total_cost_usd"]
    (table,) = (frame for frame in at.dataframe if "$ per device-hour" in frame.value)
    assert list(table.value["provider"])[:2] == ["Amazon Web Services", "Oracle Cloud"]


def test_search_of_strangers_is_bounded(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many devices are refused; too long a search gives up in words."""
    app = page("layout", model="llama-3.1-8b", devices="2000000", pp="1", vpp="1", tp="1", global_batch="2000000")
    app.button[-1].click().run()
    assert "at most 1,000,000" in app.error[-1].value
    from mfu_planner.ui import best_layouts

    monkeypatch.setattr(best_layouts, "_PATIENCE_S", 0)
    app = page("layout", model="llama-3.1-8b", devices="1024", pp="1", vpp="1", tp="1", global_batch="1024")
    app.button[-1].click().run()
    assert "gave up" in app.error[-1].value


def test_models_page_shows_the_formula(page: Any) -> None:
    """LaTeX and letters as the API derives them."""
    app = page("models", model="gpt2", seq_len="128")
    found = flops(model="gpt2", seq_len=128, symbolic=True).formulas["training_per_token"]
    assert f"$F = {found.latex}$" in [each.value for each in app.markdown]
    assert "hidden width" in _html(app)


def test_learn_uses_the_users_model(page: Any) -> None:
    """Step 2 derives the formula of the model in the form."""
    app = page("learn", model="mixtral-8x7b", seq_len="4096", hardware="h100-sxm", tokens_per_second_per_device="9000")
    found = flops(model="mixtral-8x7b", seq_len=4096, symbolic=True).formulas["training_per_token"]
    assert f"$F = {found.latex}$" in [each.value for each in app.markdown]


def test_layout_page_shows_every_part_as_a_formula(page: Any) -> None:
    """On request: what the step depends on most, and the formulas of its parts."""
    app = page("layout", model="llama-3.1-8b", devices="64", pp="1", vpp="1", tp="2", global_batch="256")
    next(each for each in app.toggle if "formula" in each.label).set_value(True).run()
    assert not app.exception
    shown = " ".join(each.value for each in app.markdown)
    assert "positions in a sequence" in shown
    assert "products" in shown


def test_scenarios_are_named_and_their_differences_shown(page: Any) -> None:
    """The example has three; a name is given, kept in the address, and what differs stands above the answers."""
    app = page("compare")
    next(b for b in app.button if b.label == "Show an example").click().run()
    assert not app.exception
    shown = _html(app)
    assert all(name in shown for name in ("1. H100", "2. B200", "3. MI300X"))
    assert [h.value for h in app.header] == ["What differs"]
    app.text_input[1].set_value("the new one").run()
    assert "2. the new one" in _html(app)
    assert any("name=the+new+one" in kept for kept in app.session_state["saved"])


def test_equal_names_are_told_apart() -> None:
    from mfu_planner.ui.keep import named

    names = named([{"devices": "512"}, {"devices": "512", "goodput": "80%"}, {"devices": "64"}])
    assert len({name.split(". ", 1)[1] for name in names}) == 3


def test_a_layout_and_a_measurement_are_kept_as_plans(page: Any) -> None:
    """With the layout's own MFU; what another page shows is what Compare then says."""
    app = page("layout", model="llama-3.1-8b", devices="64", global_batch="256", tp="4", optimizer="adam-8bit")
    next(b for b in app.button if b.label.startswith("Keep")).click().run()
    (kept,) = app.session_state["saved"]
    from mfu_planner.ui.keep import plan_of
    from mfu_planner.ui.query import from_query

    found = plan_of(from_query(kept))
    assert found.predicted is not None
    assert percent(found.mfu_used) in _html(app)
