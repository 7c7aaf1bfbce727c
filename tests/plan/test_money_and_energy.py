"""Providers side by side, spot instances, energy and CO₂ by part, and what a low MFU costs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mfu_planner import measure, plan
from mfu_planner.answers.planfile import plan_file
from mfu_planner.diagnosis import diagnose
from mfu_planner.errors import InputError

RUN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "tokens": "1T", "mfu": "40%", "goodput": 1}


def test_a_machines_name_prices_the_plan() -> None:
    """p5.48xlarge is $55.04 an hour, the whole run device-hours × 6.88."""
    p = plan(**{**RUN, "hardware": "p5.48xlarge"})
    assert p.price_usd_per_device_hour == pytest.approx(55.04 / 8)
    assert p.cost_usd == pytest.approx(p.device_hours * 55.04 / 8)
    assert (p.provider, p.term) == ("Amazon Web Services", "on-demand")
    assert p.price_date is not None
    assert p.price_date >= "2026-10"
    assert str(p.price_source).startswith("https://")


def test_providers_are_compared_cheapest_first() -> None:
    """Time is the same, cost is each one's price × device-hours; the answer is the cheapest one's."""
    p = plan(**RUN, provider="azure, aws,lambda")
    assert [r.provider for r in p.providers] == ["Lambda", "Amazon Web Services", "Microsoft Azure"]
    for row, usd in zip(p.providers, (3.99, 6.88, 12.29), strict=True):
        assert row.price_usd_per_device_hour == pytest.approx(usd)
        assert row.training_time_s == pytest.approx(p.training_time_s)
        assert row.total_cost_usd == pytest.approx(usd * p.device_hours)
        assert row.price_date
        assert str(row.price_source).startswith("https://")
    assert p.provider == "Lambda"
    assert p.cost_usd == p.providers[0].total_cost_usd


def test_the_cheapest_under_a_budget_trains_most() -> None:
    """Device-hours a dollar buys decide; a provider whose budget pays for no node has a row that says so."""
    asked = {**RUN, "tokens": None, "devices": None, "budget": "100k", "deadline": "60d"}
    p = plan(**asked, provider="gcp,aws,lambda")
    tokens = [r.tokens for r in p.providers if r.tokens is not None]
    assert p.tokens in tokens
    lost = p.providers[-1]
    assert lost.provider == "Google Cloud"
    assert lost.total_cost_usd is None
    assert "budget" in lost.said


def test_a_provider_without_a_price_has_a_null_row() -> None:
    """Crusoe's and Lambda's lists hold no TPU."""
    p = plan(**{**RUN, "hardware": "tpu-v5p"}, provider="gcp,lambda")
    assert [r.total_cost_usd is None for r in p.providers] == [False, True]
    assert "no on-demand price of Lambda" in p.providers[1].said


def test_stages_are_compared_as_a_whole(tmp_path: Path) -> None:
    """Two stages, two providers: each row is the sum of both stages at that provider."""
    file = tmp_path / "plan.yaml"
    file.write_text(
        "model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\nmfu: 0.4\ngoodput: 1\nprovider: aws,lambda\n"
        "stages: [{tokens: 900B}, {tokens: 100B, mfu: 0.38}]\n"
    )
    p = plan_file(file)
    assert [r.provider for r in p.providers] == ["Lambda", "Amazon Web Services"]
    assert p.providers[1].total_cost_usd == pytest.approx(p.device_hours * 6.88)
    assert sum(p.energy.values()) == pytest.approx(p.energy_total_kwh)  # type: ignore[union-attr]


def test_unknown_providers_and_terms_are_refused() -> None:
    """One line with the nearest."""
    with pytest.raises(InputError, match="crusoe"):
        plan(**RUN, provider="aws,cruso")
    with pytest.raises(InputError, match="beside --price"):
        plan(**RUN, provider="aws,lambda", price=2)
    assert any("spot interruptions" in w for w in plan(**RUN, price=2, term="spot").warnings)
    with pytest.raises(InputError, match="reserved-1y"):
        plan(**RUN, term="reserved 1 year")


def test_providers_may_be_a_list() -> None:
    """As text with commas."""
    assert [r.provider for r in plan(**RUN, provider=["aws", "lambda"]).providers] == ["Lambda", "Amazon Web Services"]
    assert plan(**RUN, provider=["aws"]).price_usd_per_device_hour == pytest.approx(6.88)


def test_spot_interruptions_lower_the_goodput() -> None:
    """Eight a3-highgpu-8g at 0.0042 an hour each, by hand with Young's interval; goodput given by the user stays."""
    asked = {k: v for k, v in RUN.items() if k != "goodput"}
    p = plan(**asked, provider="gcp", term="spot")
    a_second = (8 * 0.0042 + 64 / (5.78 * 365.25 * 24)) / 3600
    save = 13 * 8030261248 / (1.5e8 * 64)
    interval = math.sqrt(2 * save / a_second)
    expected = 1 / (1 + save / interval + a_second * (1500 + interval / 2))
    assert p.goodput == pytest.approx(expected, rel=1e-6)
    assert p.interruptions_per_day == pytest.approx(a_second * 86400)
    assert any("https://cloud.google.com" in w for w in p.warnings)
    assert p.term == "spot"
    assert plan(**RUN, provider="gcp", term="spot").goodput == 1
    assert plan(**asked, provider="gcp").interruptions_per_day is None


def test_devices_and_spot_goodput_agree() -> None:
    """Devices solved for a deadline: the goodput is that of these devices, and the deadline holds."""
    asked = {k: v for k, v in RUN.items() if k not in ("goodput", "devices")}
    p = plan(**asked, provider="gcp", term="spot", deadline="30d")
    again = plan(**asked, provider="gcp", term="spot", devices=p.devices)
    assert p.goodput == pytest.approx(again.goodput)
    assert p.training_time_s <= 30 * 86400


def test_energy_by_part() -> None:
    """H100 in a DGX: 700 W, (10,200 − 5,600)/8 W of host, 12% of all IT for the network, PUE 1.25 on all of it."""
    p = plan(**RUN, pue=1.25)
    host = (10200 - 8 * 700) / 8
    network = 0.12 / 0.88 * (700 + host)
    parts = {"device": 700, "host": host, "network": network, "cooling": 0.25 * (700 + host + network)}
    assert p.energy == pytest.approx({k: w * p.device_hours / 1000 for k, w in parts.items()})
    assert p.energy_total_kwh == pytest.approx(sum(parts.values()) * p.device_hours / 1000)
    assert p.energy_kwh == pytest.approx(0.7 * 1.25 * p.device_hours)
    assert any("assumed host" in w and "assumed network" in w for w in p.warnings)
    assert "host_w" in p.sources
    assert "network_w" in p.sources


def test_one_server_has_no_network_between_servers() -> None:
    """Eight devices fill one."""
    p = plan(**{**RUN, "devices": 8})
    assert p.energy is not None
    assert p.energy["network"] == 0


def test_carbon_in_the_same_parts() -> None:
    """kWh × g per kWh ÷ 1000 by part; the world where no country is named, and said."""
    france, world = plan(**RUN, grid="France"), plan(**RUN)
    assert france.energy is not None
    assert france.co2_kg == pytest.approx({k: v * 56 / 1000 for k, v in france.energy.items()})
    assert france.co2_total_kg == pytest.approx(sum(france.co2_kg.values()))  # type: ignore[union-attr]
    assert world.grid == "world"
    assert any("--grid" in w for w in world.warnings)
    assert not any("--grid" in w for w in france.warnings)
    with pytest.raises(InputError, match="country"):
        plan(**RUN, grid="Atlantis")


def test_what_the_gap_to_similar_runs_costs() -> None:
    """The share of the time that the typical MFU would save, in device-hours of the run and in dollars a day."""
    p = plan(**RUN, price=2)
    assert p.range is not None
    wasted = 1 - 0.40 / p.range.mfu_typical
    assert p.gap_device_hours == pytest.approx(wasted * p.device_hours)
    assert p.gap_cost_usd_per_day == pytest.approx(wasted * 64 * 24 * 2)
    assert plan(**{**RUN, "mfu": "80%"}).gap_device_hours == 0
    assert plan(params="8B", peak="900 TFLOP/s", devices=8, tokens="1T", mfu=0.3).gap_device_hours is None


def test_measure_and_diagnose_say_the_same_gap() -> None:
    """With a provider, per day; device-hours only where the length of the run is known."""
    seen = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "provider": "aws"}
    m = measure(**seen, tokens_per_second_per_device=4000)
    assert m.verdict is not None
    wasted = 1 - m.mfu / m.verdict.similar_typical  # type: ignore[operator]
    assert m.gap_cost_usd_per_day == pytest.approx(wasted * 64 * 24 * 6.88)
    assert m.gap_device_hours is None
    d = diagnose(**seen, tokens_per_second_per_device=4000, search=False)
    assert d.gap_cost_usd_per_day == pytest.approx(m.gap_cost_usd_per_day)
    whole = measure(model="llama-3.1-8b", hardware="h100-sxm", tokens="1T", device_hours="100k")
    assert whole.verdict is not None
    lost = 1 - whole.mfu / whole.verdict.similar_typical  # type: ignore[operator]
    assert whole.gap_device_hours == pytest.approx(lost * 100_000)
    assert json.loads(json.dumps(whole.as_json()))["gap_cost_usd_per_day"] is None


def test_a_run_of_known_tokens_says_what_the_gap_and_each_cure_cost_it():
    """2T tokens at 4,000 a second and device are 138,889 device-hours; the gap and the cures take their shares."""
    run = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "tokens": "2T", "price": "2 $/h"}
    m = measure(**run, tokens_per_second_per_device=4000)
    hours = 2e12 / 4000 / 3600

    lost = (1 - m.mfu / m.verdict.similar_typical) * hours
    assert m.gap_device_hours == pytest.approx(lost)
    assert m.gap_cost_usd == pytest.approx(2 * lost)
    d = diagnose(**run, tokens_per_second_per_device=4000, zero=3, search=False)
    assert d.gap_cost_usd == pytest.approx(m.gap_cost_usd)
    for a in d.actions:
        assert a.saves_device_hours == pytest.approx(hours * a.saves_usd_per_day / (64 * 24 * 2))
