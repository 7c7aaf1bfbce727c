"""A plan whose MFU nobody says: what similar runs reached, or a predicted step; sizes that a scaling law gives."""

import math

import pytest

from mfu_planner import plan, predict, search
from mfu_planner.errors import InputError, NoAnswer

GIVEN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "tokens": "1T"}
DAY = 86400


def test_without_an_mfu_the_answer_is_a_range_and_no_mfu():
    found = plan(**GIVEN)
    assert found.mfu is None
    assert "mfu" not in found.solved_for
    assert "no MFU was given" in found.warnings[0]
    reach = found.range
    assert reach is not None
    assert reach.training_time_s_low < found.training_time_s < reach.training_time_s_high
    said = plan(**GIVEN, mfu=reach.mfu_typical)
    assert found.training_time_s == pytest.approx(said.training_time_s)
    assert plan(**GIVEN, mfu=reach.mfu_low).training_time_s == pytest.approx(reach.training_time_s_high)


def test_too_few_similar_runs_are_no_range():
    with pytest.raises(InputError, match="--mfu"):
        plan(model="llama-3.1-8b", hardware="gtx-1080-ti", devices=8, tokens="1B", dtype="fp32")


def test_an_mfu_that_follows_is_still_solved_for():
    """10 · 8.03e9 ... by hand: the work ÷ (devices · peak · time)."""
    found = plan(**GIVEN, deadline="30d", convention="6n")
    assert found.mfu == pytest.approx(6 * 8_030_261_248 * 1e12 / (64 * 989.4e12 * 30 * DAY), rel=1e-4)
    assert "mfu" in found.solved_for


def test_a_predicted_plan_is_the_predicted_step_times_its_steps():
    layout = {"zero": 3, "micro_batch": 1, "recompute": "full"}
    found = plan(**GIVEN, predict=True, global_batch=512, **layout)
    step = predict(model="llama-3.1-8b", hardware="h100-sxm", devices=64, global_batch=512, **layout)
    steps = 1e12 / (512 * 8192)
    assert found.training_time_s == pytest.approx(steps * step.step_time_s, rel=1e-9)
    assert found.mfu == pytest.approx(step.mfu, rel=1e-9)
    assert found.predicted is not None
    assert found.predicted.training_time_s_high == pytest.approx(steps * step.range["high"], rel=1e-9)
    assert not found.predicted.searched


def test_without_a_layout_the_best_of_a_search_is_predicted():
    found = plan(**GIVEN, predict=True, global_batch=512)
    best = search(model="llama-3.1-8b", hardware="h100-sxm", devices=64, global_batch=512, top=1).layouts[0]
    assert found.predicted is not None
    assert found.predicted.searched
    assert found.predicted.step_time_s == best["step_time_s"]
    assert found.predicted.command == best["command"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"predict": True}, "global-batch"),
        ({"predict": True, "global_batch": 512, "mfu": "40%"}, "predict"),
        ({"tp": 8}, "tp"),
        ({"predict": True, "global_batch": 512, "devices": None}, "devices"),
    ],
)
def test_a_prediction_says_what_it_needs(more, field):
    with pytest.raises(InputError) as error:
        plan(**{**GIVEN, **more})
    assert error.value.field == field


def chinchilla(params):
    """D = (βB / αA)^(1/β) · N^(α/β), constants of arXiv:2404.10102, section 3."""
    a, b, alpha, beta = 482.01, 2085.43, 0.3478, 0.3658
    return (beta * b / (alpha * a)) ** (1 / beta) * params ** (alpha / beta)


def test_compute_optimal_tokens_of_a_model():
    found = plan(model="llama-3.1-8b", hardware="h100-sxm", devices=64, mfu="40%", optimal="chinchilla")
    assert found.tokens == pytest.approx(chinchilla(8_030_261_248), rel=1e-6)
    assert found.optimal is not None
    assert "2404.10102" in found.optimal.url


def test_the_largest_compute_optimal_model_for_money_and_time():
    """8 H100 for four weeks at 40%: C = 8 · 989.4e12 · 0.4 · 28 days, and 6 · N · D(N) = C."""
    found = plan(
        hardware="h100-sxm",
        devices=8,
        deadline="4 weeks",
        budget="$50k",
        price="2 $/h",
        mfu="40%",
        optimal="chinchilla",
    )
    compute = 8 * 989.4e12 * 0.4 * 28 * DAY
    assert 6 * found.params * found.tokens == pytest.approx(compute, rel=1e-4)
    assert found.tokens == pytest.approx(chinchilla(found.params), rel=1e-3)
    assert found.training_time_s == pytest.approx(28 * DAY)
    assert found.cost_usd == pytest.approx(8 * 28 * 24 * 2)
    assert found.budget_slack_usd == pytest.approx(50_000 - 10_752)
    assert set(found.solved_for) == {"tokens", "training_time_s", "cost_usd"}


def test_the_budget_binds_where_it_ends_first():
    found = plan(
        hardware="h100-sxm", devices=8, deadline="4 weeks", budget="$5k", price="2 $/h", mfu="40%", optimal="chinchilla"
    )
    assert found.cost_usd == pytest.approx(5_000)
    assert found.training_time_s == pytest.approx(5_000 / 2 / 8 * 3600)


def test_devices_out_of_budget_and_deadline_are_whole_nodes():
    found = plan(hardware="h100-sxm", deadline="30d", budget="$500k", price="2 $/h", mfu="40%", optimal="chinchilla")
    assert found.devices == math.floor(500_000 / 2 / 720 / 8) * 8
    assert found.cost_usd <= 500_000


def test_without_an_mfu_size_and_range_of_similar_runs_agree():
    found = plan(hardware="h100-sxm", devices=8, deadline="4 weeks", optimal="chinchilla")
    assert found.mfu is None
    assert found.range is not None
    assert found.training_time_s == pytest.approx(28 * DAY, rel=1e-6)


def test_a_size_out_of_tokens():
    found = plan(hardware="h100-sxm", devices=64, tokens="1T", mfu="40%", optimal="besiroglu-2024")
    assert chinchilla(found.params) == pytest.approx(1e12, rel=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        {"optimal": "chinchila", "model": "llama-3.1-8b"},
        {"optimal": "chinchilla", "model": "llama-3.1-8b", "tokens": "1T"},
        {"optimal": "chinchilla"},
        {"optimal": "chinchilla", "model": "resnet-50"},
    ],
)
def test_what_a_law_cannot_say_is_refused_by_its_field(more):
    with pytest.raises(InputError) as error:
        plan(hardware="h100-sxm", devices=64, mfu="40%", **more)
    assert error.value.field == "optimal"


def test_less_than_a_node_is_no_plan():
    with pytest.raises(NoAnswer, match="node"):
        plan(hardware="h100-sxm", deadline="30d", budget="$5k", price="2 $/h", mfu="40%", optimal="chinchilla")
