"""The Plan page: what it shows is what the API says; what is wrong is said beside the field."""

from __future__ import annotations

from typing import Any

from mfu_planner import plan, predict
from mfu_planner.answers.suggest import typical_mfu
from mfu_planner.report.human import percent, show


def _html(app: Any) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def test_answer_is_that_of_the_api(page: Any) -> None:
    """Days, device-hours and cost of a link, as Python computes them."""
    app = page("plan", model="llama-3.1-8b", devices="512", tokens="2T", mfu="38%")
    expected = plan(model="llama-3.1-8b", hardware="h100-sxm", devices=512, tokens="2T", mfu="38%")
    shown = _html(app)
    for text in (show(expected.training_time_s, "time", 3), show(expected.device_hours, "count", 4)):
        assert text in shown
    assert f"{expected.training_time_s:,.0f} s" in shown, "the exact value is there on hover"
    assert f"${expected.cost_usd:,.2f}" in shown


def test_change_of_a_field_changes_the_answer(page: Any) -> None:
    """No submit button."""
    app = page("plan")
    before = _html(app)
    app.text_input(key="mfu").set_value("20%").run()
    assert not app.exception
    assert _html(app) != before


def test_blank_devices_are_solved_for(page: Any) -> None:
    """A deadline closes the plan, in whole nodes."""
    app = page("plan", devices="", deadline="90d")
    expected = plan(model="llama-3.1-405b", hardware="h100-sxm", tokens="15.6T", mfu="41%", deadline="90d")
    assert f"{expected.devices:,}" in _html(app)
    assert "solved for" in _html(app)


def test_wrong_unit_is_said_under_the_field(page: Any) -> None:
    """And the answer names the field instead of showing a number."""
    app = page("plan", budget="3 parsecs")
    assert 'role="alert"' in _html(app)
    assert "parsecs" in _html(app)
    assert "Budget" in app.info[0].value


def test_unknown_model_of_a_link_is_said(page: Any) -> None:
    """Not swallowed, and the nearest names are given."""
    app = page("plan", model="llama-9")
    assert "llama-9" in _html(app)


def test_markup_in_a_field_stays_text(page: Any) -> None:
    """A link cannot bring its own markup."""
    app = page("plan", tokens="<b onclick=alert(1)>x")
    assert "<b onclick" not in _html(app)
    assert "&lt;b onclick" in _html(app)


def test_contradiction_is_said(page: Any) -> None:
    """A deadline that the devices cannot meet."""
    app = page("plan", deadline="1d")
    assert "cannot be met" in app.error[0].value


def test_mfu_of_published_runs(page: Any) -> None:
    """The median of similar runs stands in for an own figure."""
    app = page("plan", mfu_from="published")
    found = typical_mfu(model="llama-3.1-405b", hardware="h100-sxm", tokens="15.6T", devices="16384")
    assert percent(found.typical) in _html(app)


def test_mfu_of_a_layout(page: Any) -> None:
    """The step-time model's figure stands in for an own one."""
    app = page("plan", mfu_from="predicted")
    found = predict(
        model="llama-3.1-405b", hardware="h100-sxm", devices="16384", global_batch="2048", tp=8, pp=16, vpp=7
    )
    assert percent(found.mfu) in _html(app)


def test_compute_optimal_tokens_go_to_the_field(page: Any) -> None:
    """The button writes what the scaling law says."""
    app = page("plan", model="llama-3.1-8b")
    app.button[0].click().run()
    assert app.text_input(key="tokens").value.endswith("B")


def test_own_config_counts_as_the_preset(page: Any) -> None:
    """The published config pasted gives the preset's work."""
    import json

    from mfu_planner.architectures.presets import preset

    text = json.dumps(preset("llama-3.1-8b").config)
    app = page("plan", model="own config.json", config=text, seq_len="8192", tokens="15.6T", devices="16384", mfu="41%")
    expected = plan(model="llama-3.1-8b", hardware="h100-sxm", tokens="15.6T", devices=16384, mfu="41%")
    assert show(expected.training_time_s, "time", 3) in _html(app)


def test_charts_have_alternative_text(page: Any) -> None:
    """Every picture says in words what it shows."""
    app = page("plan")
    found = app.get("vega_lite_chart")
    assert len(found) == 3
    assert all(chart.proto.alt for chart in found)


def test_providers_stand_side_by_side(page: Any) -> None:
    """A row each with price, day and source; on spot instances the goodput follows; energy and CO₂ are the site's."""
    asked = {"model": "llama-3.1-8b", "devices": "64", "tokens": "1T", "mfu": "40%"}
    shown = _html(page("plan", **asked, provider="aws,lambda"))
    for text in ("Amazon Web Services", "Lambda", "6.88", "3.99", "https://"):
        assert text in shown
    expected = plan(**asked, hardware="h100-sxm", provider="gcp", term="spot", grid="france")
    shown = _html(page("plan", **asked, provider="gcp", term="spot", grid="france"))
    assert f"${expected.cost_usd:,.2f}" in shown
    assert f"{expected.co2_total_kg:,.0f} kg" in shown
    assert f"{expected.energy_total_kwh:,.0f} kWh" in shown
