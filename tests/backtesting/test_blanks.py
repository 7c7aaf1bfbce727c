"""Blank cells of published runs: what the rest of the row tells."""

from __future__ import annotations

import pytest

from mfu_planner.backtesting.blanks import left_over
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.row_model import model_of
from mfu_planner.backtesting.runs import RunRow, Unusable

ROW = {
    "id": "own-1",
    "kind": "layout_bench",
    "model": "Llama-like",
    "params": "8030261248",
    "hidden": "4096",
    "layers": "32",
    "heads": "32",
    "kv_heads": "8",
    "ffn": "14336",
    "vocab": "128256",
    "seq_len": "8192",
    "hw_key": "h100-sxm",
    "num_devices": "64",
    "dtype": "bf16",
    "global_batch_seqs": "256",
    "micro_batch": "1",
    "tp": "4",
    "pp": "2",
    "dp": "8",
    "sharding": "ZeRO-1",
    "step_time_s": "10",
}


def run(**change: str) -> RunRow:
    """The row with some cells changed."""
    return RunRow({**ROW, **change})


@pytest.mark.parametrize("column", ["ffn", "vocab"])
def test_width_and_vocabulary_follow_from_the_parameters(column):
    whole, blank = model_of(run()), model_of(run(**{column: ""}))

    assert blank.architecture.params == pytest.approx(whole.architecture.params, rel=0.01)
    assert blank.guessed == {column}


def test_width_follows_from_the_parameters_in_the_name():
    blank = model_of(run(ffn="", params="", model="Llama-like 8B"))

    assert blank.architecture.params == pytest.approx(8.03e9, rel=0.02)


def test_preset_of_the_name_fills_blanks_where_its_sizes_agree():
    assert read_case(run(ffn="", vocab="", params="", model="Llama 3.1 8B")).architecture.params == 8030261248


@pytest.mark.parametrize("column", ["tp", "pp"])
def test_blank_parallelism_follows_from_dp(column):
    case = read_case(run(**{column: ""}))

    assert (case.layout.tp, case.layout.pp, case.layout.dp) == (4, 2, 8)


def test_both_blank_take_a_node_of_tensor_parallelism_first():
    assert left_over(run(tp="", pp=""), 64, 1, 1, 1) == (8, 1)
    assert left_over(run(tp="", pp="", dp="2"), 64, 1, 1, 1) == (8, 4)


def test_devices_and_sequence_follow_from_the_rest():
    case = read_case(run(num_devices="", seq_len="", global_batch_tokens=str(256 * 8192)))

    assert (case.request.devices, case.request.seq_len) == (64, 8192)


def test_marketing_name_does_where_the_key_is_blank():
    assert read_case(run(hw_key="", hardware="H100 SXM")).request.accelerator.id == "h100-sxm"


def test_absurd_depth_is_refused():
    with pytest.raises(Unusable):
        read_case(run(layers="1000000000000"))


def test_named_dispatch_library_means_expert_parallelism():
    """48 devices and 64 experts: 16 experts' groups divide both."""
    change = {
        "arch_notes": "top-4 of 64",
        "num_devices": "48",
        "tp": "1",
        "pp": "1",
        "dp": "",
        "global_batch_seqs": "96",
    }

    assert read_case(run(**change)).layout.ep == 1
    assert read_case(run(**change, notes="TE + DeepEP")).layout.ep == 16
    assert read_case(run(**change, notes="TE + DeepEP", ep="8")).layout.ep == 8
