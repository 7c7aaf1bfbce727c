"""Answers of predict, memory, search and back-test: frozen, by attribute and by key, as JSON."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

import mfu_planner
from mfu_planner import BacktestResult, Footprint, Prediction, SearchResult, backtest, memory, predict, search
from mfu_planner.errors import InputError

QUESTION = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "global_batch": 64, "seq_len": 4096}
RUNS = """id,model,hw_key,num_devices,tp,pp,hidden,layers,heads,ffn,vocab,seq_len,global_batch_seqs,step_time_s
mine-1,GPT 1B,a100-sxm-80gb,8,1,1,2048,24,16,8192,50304,2048,64,3.0
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """One answer of each kind."""
    runs = tmp_path_factory.mktemp("runs") / "runs.csv"
    runs.write_text(RUNS, "utf-8")
    return {
        Prediction: predict(**QUESTION),
        Footprint: memory(**QUESTION),
        SearchResult: search(**QUESTION, space="usual"),
        BacktestResult: backtest("step-time", runs),
    }


@pytest.mark.parametrize("kind", [Prediction, Footprint, SearchResult, BacktestResult])
def test_by_attribute_and_by_key(answers, kind):
    """The same field both ways, ``in`` and ``get`` as of a mapping; unknown keys are KeyErrors."""
    found = answers[kind]

    assert isinstance(found, kind)
    assert found["inputs"] is found.inputs
    assert "schema_version" in found
    assert found.get("nothing", 5) == 5
    assert list(found) == list(found.keys())
    with pytest.raises(KeyError):
        found["nothing"]


@pytest.mark.parametrize("kind", [Prediction, Footprint, SearchResult, BacktestResult])
def test_answers_hold_what_their_class_says(answers, kind):
    """Built without validation where speed asks for it: validating the JSON again changes nothing."""
    found = answers[kind]
    plain = json.loads(json.dumps(found.as_json(), allow_nan=False))

    assert kind.model_validate_json(json.dumps(plain)).as_json() == plain
    assert json.loads(json.dumps(dict(found), default=dict)) == plain
    with pytest.raises(ValidationError):
        found.schema_version = 2


def test_sources_say_where_the_peak_is_from(answers):
    """An address for the peak, the model's origin for its work."""
    assert "https://" in answers[Prediction].sources["peak_flops_per_s"]
    assert "Llama" in answers[Footprint].sources["flops_per_token"]


def test_classes_are_public():
    """Named in the package's list."""
    assert {"Prediction", "Footprint", "SearchResult", "BacktestResult"} <= set(mfu_planner.__all__)


@pytest.mark.parametrize("flag", ["tp", "micro_batch", "zero", "top"])
def test_search_names_a_flag_that_is_no_number(flag):
    """Never a traceback."""
    with pytest.raises(InputError) as refused:
        search(**QUESTION, **{flag: "x"})

    assert refused.value.field == flag.replace("_", "-")
