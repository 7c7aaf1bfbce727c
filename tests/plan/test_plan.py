"""Planning: published runs by hand arithmetic, every unknown, limits, rounding, stages."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mfu_planner import InputError, NoAnswer, plan, plan_file
from mfu_planner.answers.planfile import plan_stages

DAY = 86400
H100 = 989.4e12


def forward_flops_405b(tokens: int) -> int:
    """Llama 3.1 405B by hand: d 16384, 128 heads of 128, 8 kv heads, ffn 53248, 126 layers, vocabulary 128256."""
    layer = 16384 * 16384 + 2 * 16384 * 1024 + 16384 * 16384 + 3 * 16384 * 53248
    return 2 * tokens * (126 * layer + 16384 * 128256) + 126 * 4 * tokens * tokens * 16384


def test_llama3_405b_plan_matches_hand_arithmetic() -> None:
    """15.6T tokens on 16,384 H100 at 41%: C / (n P MFU); about 28.0M device-hours, not the card's 30.84M."""
    p = plan(model="llama-3.1-405b", hardware="h100-sxm", devices=16384, tokens="15.6T", mfu="41%", goodput=1)

    per_token = 3 * forward_flops_405b(8192) / 8192
    seconds = per_token * 15.6e12 / (16384 * H100 * 0.41)
    assert math.isclose(p.flops_per_token, per_token)
    assert math.isclose(p.training_time_s, seconds, rel_tol=1e-4)
    assert math.isclose(p.device_hours, 28.0e6, rel_tol=5e-3)


def test_llama2_70b_takes_the_published_hours_at_the_mfu_they_imply() -> None:
    """Model card: 1,720,320 A100-hours for 2T tokens. The arithmetic: full attention at 4,096 implies about 46%."""
    p = plan(model="llama-2-70b", hardware="a100-sxm-80gb", devices=2048, tokens="2T", mfu=0.460, goodput=1)

    assert math.isclose(p.device_hours, 1_720_320, rel_tol=0.01)


def test_money_and_days_give_tokens_and_devices() -> None:
    """$2M at $2.50 is 800,000 device-hours; over 60 days 555.56 devices, so 69 nodes of 8."""
    p = plan(
        model="llama-3.1-8b", hardware="h100-sxm", budget="$2M", price="2.5 $/h", deadline="60d", mfu="40%", goodput=1
    )

    assert math.isclose(p.devices_exact, 800_000 / (60 * 24))
    assert p.devices == 552
    assert math.isclose(p.training_time_s, 60 * DAY)
    assert math.isclose(p.tokens, 552 * 60 * DAY * H100 * 0.4 / p.flops_per_token, rel_tol=1e-4)
    assert p.cost_usd is not None
    assert p.cost_usd <= 2e6
    assert p.budget_slack_usd == pytest.approx(2e6 - 552 * 60 * 24 * 2.5)
    assert {"tokens", "devices"} <= set(p.solved_for)


def test_a_deadline_rounds_devices_up_to_whole_nodes() -> None:
    """1T tokens in 30 days at 45%: the exact number is shown, the rounded one finishes early."""
    p = plan(model="llama-3.1-8b", hardware="h100-sxm", tokens="1T", mfu="45%", deadline="30d", goodput=1)

    exact = p.flops_per_token * 1e12 / (30 * DAY * H100 * 0.45)
    assert math.isclose(p.devices_exact, exact, rel_tol=1e-4)
    assert p.devices == math.ceil(exact / 8) * 8
    assert p.training_time_s <= 30 * DAY
    assert p.deadline_slack_s == pytest.approx(30 * DAY - p.training_time_s)


def test_the_mfu_that_a_deadline_needs() -> None:
    """Everything but the MFU: the deadline becomes an equality."""
    p = plan(model="llama-3.1-8b", hardware="h100-sxm", tokens="1T", devices=64, deadline="30d", goodput=1)

    assert math.isclose(p.mfu, p.flops_per_token * 1e12 / (64 * 30 * DAY * H100), rel_tol=1e-4)
    assert "mfu" in p.solved_for


def test_goodput_divides_useful_time() -> None:
    """At 80% goodput the wall clock is 1.25 times the productive time; rates are of productive time."""
    common = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "tokens": "1T", "devices": 64, "mfu": 0.4, "price": 2}
    whole, lossy = plan(**common, goodput=1), plan(**common, goodput=0.8)

    assert math.isclose(lossy.training_time_s, whole.training_time_s / 0.8)
    assert math.isclose(lossy.productive_time_s, whole.training_time_s)
    assert lossy.tokens_per_s == whole.tokens_per_s
    assert lossy.cost_usd == pytest.approx(whole.cost_usd / 0.8)


def test_energy_is_tdp_times_pue_times_device_hours() -> None:
    """700 W × 1.25 for each H100 SXM."""
    p = plan(model="llama-3.1-8b", hardware="h100-sxm", tokens="1T", devices=64, mfu=0.4, goodput=1, pue=1.25, price=2)

    assert p.energy_kwh == pytest.approx(p.device_hours * 0.7 * 1.25)


def test_bare_parameters_use_6n_and_say_so() -> None:
    """70B parameters: 420 GFLOP per token, with a warning."""
    p = plan(params="70B", hardware="h100-sxm", devices=2048, tokens="15T", mfu="40%", goodput=1)

    assert p.flops_per_token == 420e9
    assert p.convention == "6n"
    assert any("6n" in w for w in p.warnings)
    assert math.isclose(p.training_time_s, 420e9 * 15e12 / (2048 * H100 * 0.4), rel_tol=1e-4)


def test_active_parameters_of_a_mixture() -> None:
    """671B with 37B active: the work is that of 37B."""
    p = plan(params="671B", active_params="37B", hardware="h100-sxm", devices=8, tokens="1B", mfu=0.4)

    assert p.flops_per_token == 6 * 37e9


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"deadline": "1d"}, NoAnswer, "deadline"),
        ({"budget": "$10", "price": 2}, NoAnswer, "budget"),
        ({"mfu": None, "hardware": "gtx-1080-ti", "dtype": "fp32"}, InputError, "--mfu"),
        ({"tokens": None}, InputError, "--tokens"),
        ({"mfu": 1.4}, InputError, "mfu"),
        ({"mfu": "40 GB"}, InputError, "mfu"),
        ({"tokens": "15T GB"}, InputError, "tokens"),
        ({"tokens": "-3T"}, InputError, "tokens"),
        ({"devices": 0}, InputError, "devices"),
        ({"devices": 2.5}, InputError, "devices"),
        ({"hardware": "H1OO"}, InputError, "hardware"),
        ({"hardware": "t4"}, InputError, "dtype"),
        ({"hardware": None}, InputError, "hardware"),
        ({"model": "llama-9"}, InputError, "model"),
        ({"model": None}, InputError, "model"),
        ({"params": "8B"}, InputError, "model"),
        ({"dtype": "bf17"}, InputError, "dtype"),
        ({"goodput": 1.2}, InputError, "goodput"),
        ({"price": "3 h"}, InputError, "price"),
        ({"deadline": "30"}, InputError, "deadline"),
        ({"convention": "mega"}, InputError, "convention"),
        ({"tokens_per_second": "1M"}, InputError, "contradiction"),
        ({"unheard_of": 1}, InputError, "unheard-of"),
        ({"step_time": "5s"}, InputError, "step-time"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(
    change: dict[str, object], kind: type[Exception], words: str
) -> None:
    """Each failure says which field, and fits on a line."""
    base = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "tokens": "1T", "mfu": 0.4, "goodput": 1}
    with pytest.raises(kind) as caught:
        plan(**{**base, **change})

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_chips_are_counted_in_devices() -> None:
    """64 MI250X packages are 128 devices: a framework counts each die."""
    p = plan(model="llama-3.1-8b", hardware="mi250x", devices="64 packages", tokens="1T", mfu=0.3, goodput=1)

    assert p.devices == 128


def test_stages_are_summed() -> None:
    """Context extension: each stage at its own length; times, tokens and costs add up."""
    above = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "mfu": 0.4, "goodput": 1, "price": 2}
    whole = plan_stages(
        {**above, "stages": [{"tokens": "900B", "seq_len": 8192}, {"tokens": "100B", "seq_len": 131072}]}
    )
    first = plan(**above, tokens="900B", seq_len=8192)
    second = plan(**above, tokens="100B", seq_len=131072)

    assert whole.tokens == 1e12
    assert math.isclose(whole.training_time_s, first.training_time_s + second.training_time_s)
    assert whole.cost_usd == pytest.approx(first.cost_usd + second.cost_usd)
    assert math.isclose(whole.total_flops, first.total_flops + second.total_flops)
    assert math.isclose(whole.mfu, 0.4)
    assert second.flops_per_token > first.flops_per_token


def test_stages_that_contradict_the_total_are_refused() -> None:
    """2T stated, 1T in the stages."""
    with pytest.raises(InputError, match="sum of the stages"):
        plan_stages(
            {
                "model": "gpt2",
                "hardware": "h100-sxm",
                "devices": 8,
                "mfu": 0.4,
                "tokens": "2T",
                "stages": [{"tokens": "1T"}],
            }
        )


def test_plan_file_is_read_and_flags_win(tmp_path: Path) -> None:
    """What the form exports comes back; a flag replaces a key."""
    path = tmp_path / "plan.yaml"
    path.write_text("model: llama-3.1-8b\nhardware: h100-sxm\ndevices: 64\ntokens: 1T\nmfu: 40%\ngoodput: 1\n")

    assert plan_file(path).devices == 64
    assert plan_file(path, devices=128).training_time_s == pytest.approx(plan_file(path).training_time_s / 2)


def test_a_number_in_a_plan_file_needs_its_unit_too(tmp_path: Path) -> None:
    """``deadline: 30`` is no thirty seconds: the file is text, not Python."""
    path = tmp_path / "plan.yaml"
    path.write_text("model: gpt2\nhardware: h100-sxm\ntokens: 1T\nmfu: 0.4\ndeadline: 30\n")
    with pytest.raises(InputError, match="deadline"):
        plan_file(path)


def test_stages_of_two_conventions_are_refused() -> None:
    """A sum counts all its parts in one way."""
    stages = [{"tokens": "1T", "convention": "6n"}]
    with pytest.raises(InputError, match="convention"):
        plan_stages({"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "mfu": 0.4, "stages": stages})


@pytest.mark.parametrize("text", ["", "- a\n", "model: [", "model: a\nmodel: b\n", "a: &x 1\nb: *x\n", "{" * 99])
def test_a_broken_plan_file_is_an_input_error(tmp_path: Path, text: str) -> None:
    """Empty, a list, cut off, repeated keys, aliases, too deep: never a traceback."""
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(InputError):
        plan_file(path)


def test_the_derivation_carries_formula_numbers_and_source() -> None:
    """Each step shows its closed form, the numbers put in, and where the formula comes from."""
    p = plan(model="llama-3.1-8b", hardware="h100-sxm", devices=64, tokens="1T", mfu=0.4)
    steps = {s.name: s for s in p.steps}

    assert "flops_per_token" in steps["training_time_s"].formula
    assert "64 device" in steps["training_time_s"].substituted
    assert "2204.02311" in steps["training_time_s"].source
    assert p.sources["peak_flops_per_s"].count("http") == 1


def test_limits_that_need_more_than_anybody_reached_are_doubted() -> None:
    """A trillion tokens of 8B for $100k until the end of the month: 94% of the peak, on whole nodes."""
    found = plan(
        model="llama-3.1-8b", hardware="h100-sxm", tokens="1T", deadline="30d", budget="100k", price="4.41 $/h"
    )
    assert found.mfu == pytest.approx(1e12 * found.flops_per_token / (24 * 30 * 86400 * 989.4e12), rel=1e-3)
    assert found.warnings[0].startswith("doubtful: this needs an MFU of 94")

    reached = plan(model="llama-3.1-8b", hardware="h100-sxm", tokens="1T", devices=64, deadline="30d")
    assert not any("doubtful" in said for said in reached.warnings)
