"""Reading published runs by stated rules, and predicting their step time and memory."""

from __future__ import annotations

import csv

import pytest

from mfu_planner.backtesting import backtest
from mfu_planner.backtesting.blanks import batches, usual_layout
from mfu_planner.backtesting.free_text import nic_share, stack_of, zero_of
from mfu_planner.backtesting.question import read_case
from mfu_planner.backtesting.runs import RunRow, Unusable, read_runs
from mfu_planner.backtesting.selection import used_for_calibration
from mfu_planner.backtesting.stated import published_step_time
from mfu_planner.backtesting.steptime import predict_rows, step_case
from mfu_planner.errors import InputError
from mfu_planner.hardware import resolve
from mfu_planner.published.similar import quantile
from mfu_planner.step.evaluate import device_memory

ROW = {
    "id": "own-1",
    "kind": "layout_bench",
    "model": "Llama-like 8B",
    "hidden": "4096",
    "layers": "32",
    "heads": "32",
    "kv_heads": "8",
    "ffn": "14336",
    "vocab": "128256",
    "tied": "0",
    "seq_len": "8192",
    "hw_key": "h100-sxm",
    "num_devices": "64",
    "gpus_per_node": "8",
    "dtype": "bf16",
    "global_batch_seqs": "256",
    "micro_batch": "1",
    "tp": "2",
    "pp": "1",
    "sharding": "distributed optimizer",
    "tokens_per_s_per_device": "9000",
    "source": "own notes",
}


def run(**change: str) -> RunRow:
    """The row with some cells changed."""
    return RunRow({**ROW, **change})


def table(path, *rows: dict[str, str]) -> str:
    """A CSV file of rows."""
    names = sorted({name for row in rows for name in row})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_layout_of_a_row():
    """dp follows from the devices; accumulation from the batch."""
    case = read_case(run()).layout

    assert (case.tp, case.dp, case.micro_batches, case.zero) == (2.0, 32.0, 8.0, 1.0)


def test_rate_becomes_a_step_time():
    """256 sequences of 8,192 tokens at 9,000 tokens/s on each of 64 devices."""
    row = run()

    assert published_step_time(row, read_case(row)) == pytest.approx(256 * 8192 / (9000 * 64))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_devices": ""}, "devices"),
        ({"seq_len": ""}, "sequence"),
        ({"hidden": "", "model": "secret"}, "model"),
        ({"hw_key": "abacus"}, "hardware"),
        ({"tp": "3"}, "divide"),
        ({"pp": "2", "global_batch_seqs": "", "micro_batch": "1"}, "batch"),
    ],
)
def test_reasons_for_leaving_a_row_out(change, reason):
    """What a row does not say is named."""
    with pytest.raises(Unusable, match=reason):
        read_case(run(**change))


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("FSDP FULL_SHARD", 3),
        ("FSDP SHARD_GRAD_OP", 2),
        ("ZeRO-1", 1),
        ("distributed optimizer", 1),
        ("ZeRO-0", 0),
        ("FSDP (no reshard after fwd)", 2),
        ("HSDP", 3),
        ("DDP", 0),
        ("something", 9),
    ],
)
def test_sharding_words(text, stage):
    """The stage that each wording means; the default for others."""
    assert zero_of(text, 9.0) == stage


@pytest.mark.parametrize(
    ("wire", "share"),
    [
        ("8x200Gbps HDR IB", 25e9),
        ("1600 Gbps/node RoCE", 25e9),
        ("400 Gb/s per GPU RDMA", 50e9),
        ("4x ConnectX-7 IB NDR 400Gb/s", 25e9),
        ("EFA (AWS p5)", 0.0),
        ("NVLink 4 + InfiniBand 8x50 GB/s", 50e9),
        ("ROCE2; Data bandwidth for GPU-PCIe: 504 GB/s; PCIe-NIC: 500 GB/s", 0.0),
        ("NVLINK Gen4 900 GB/s + NVSWITCH Gen3", 0.0),
        ("Storage: 2x IB NDR 400Gb/s, Compute: 8x ConnectX-7 IB NDR 400Gb/s", 50e9),
        ("", 0.0),
    ],
)
def test_network_rates(wire, share):
    """One device's share of a node of 8, one direction, byte/s; 0 where nothing is said."""
    assert nic_share(wire, 8.0) == pytest.approx(share)


def test_blank_micro_batch():
    """Accumulation decides; without it one sequence; JAX takes the whole batch."""
    assert batches(run(micro_batch="", grad_accum="2"), 8192, 64, 32, 1, False)[0] == 4.0
    assert batches(run(micro_batch=""), 8192, 64, 32, 1, False)[0] == 1.0
    assert batches(run(micro_batch=""), 8192, 64, 32, 1, True)[0] == 8.0
    assert batches(run(micro_batch=""), 2048, 64, 32, 1, False, 16384.0)[0] == 8.0
    assert batches(run(micro_batch=""), 2048, 64, 32, 1, False, 7000.0)[0] == 2.0
    assert batches(run(micro_batch=""), 8192, 64, 32, 1, False, 7000.0)[0] == 1.0


def test_duplicates_of_a_series_get_its_memory():
    """The scaling chart of the Ultra-Scale Playbook repeats runs whose peak, 36.66 GiB, stands in its table.

    The vocabulary of 131,072 leaves one sequence a device, as the table says (usp-1B-0035, 0094, 0162).
    """
    rows = [row for row in read_runs() if row.id in {f"usp-dp_scaling-dp{n}" for n in (16, 32, 64)}]
    for row in rows:
        case = read_case(row)
        assert case.flags["micro_batch"] == 1
        assert device_memory(step_case([case])).total == pytest.approx(36.66 * 2**30, rel=0.05)


def test_nothing_but_jax_runs_on_tpus():
    """MLPerf's text names Megatron's year; the machine is Google's."""
    assert (
        stack_of(
            "training_results_v3.1:google/results/cloud-tpu-v5e-4096-pax", run(hw_key="tpu-v5e"), resolve("tpu-v5e")
        )
        == "jax-tpu"
    )
    assert (
        stack_of("training_results_v3.1:nvidia/results/dgxh100", run(hw_key="h100-sxm"), resolve("h100-sxm"))
        == "megatron-2024"
    )


def test_usual_layout_of_large_models():
    """1B fits one device, 7B of 7 byte two of 80 GB or four of 40; 175B takes TP 8 and stages until 18 byte a parameter
    take 60% of 80 GB."""
    assert usual_layout(1e9, 64, 80e9, 18.0) == (1.0, 1.0)
    assert usual_layout(6.9e9, 128, 40e9, 7.0) == (4.0, 1.0)
    assert usual_layout(6.9e9, 128, 80e9, 7.0) == (2.0, 1.0)
    assert usual_layout(175e9, 1024, 80e9, 18.0) == (8.0, 16.0)


def test_one_row_through_the_front_door(tmp_path):
    """A file of one row: predicted, with its error, grouped by its id."""
    said = backtest(runs=table(tmp_path / "runs.csv", ROW, {**ROW, "id": "own-2", "num_devices": ""}))

    assert said["rows"][0]["error"] == pytest.approx(said["rows"][0]["predicted"] / said["rows"][0]["published"] - 1)
    assert said["rows"][1]["skipped"]
    assert (said["summary"]["own"]["n"], said["summary"]["own"]["n_skipped"]) == (1, 1)
    assert said["assumptions"]


def test_memory_kind(tmp_path):
    """A peak is compared in GiB, and a layout that ran must fit."""
    said = backtest("memory", table(tmp_path / "runs.csv", {**ROW, "mem_gb_reported": "40", "recompute": "full"}))

    assert said["rows"][0]["published"] == 40 * 2**30
    assert said["fits"]["ran"] == 1


def test_shipped_runs_reach_the_stated_accuracy():
    """Rows that no fit saw: more than nine in ten are predicted, and their median error stays small."""
    rows = [row for row in read_runs() if row.id.startswith(("llmf", "vtrain-multi", "nemo24"))]
    results = predict_rows(rows)
    unseen = [
        abs(result["error"])
        for row, result in zip(rows, results, strict=True)
        if result["error"] is not None and not used_for_calibration(row)
    ]

    assert sum(r["skipped"] is None for r in results) > 0.9 * len(rows)
    assert quantile(sorted(unseen), 0.5) < 0.08


def test_unknown_kind_and_file():
    """Both are refused by name."""
    with pytest.raises(InputError):
        backtest("steptime")
    with pytest.raises(InputError):
        backtest(runs="/nowhere/runs.csv")


def test_sources_are_told_apart():
    """The id's first word, with the single-node part of a source apart."""
    assert RunRow({"id": "vtrain-single-0001"}).source == "vtrain-single"
    assert RunRow({"id": "usp-1B-0002"}).source == "usp"


def test_published_runs_that_ran_fit(on_file):
    """A layout that its source ran is called fitting, 99 times in a hundred."""
    said = on_file("memory")
    ran = [row for row in said["rows"] if row["ran"] and row["fits"] is not None]
    assert said["fits"]["ran"] == len(ran) > 2500
    assert sum(row["fits"] for row in ran) >= 0.99 * len(ran)
