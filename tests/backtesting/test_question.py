"""A published row is a question that a user can ask, and the answer is the back-test's to the last bit."""

from __future__ import annotations

import json
import os
import random
import shlex
from typing import Any

import pytest
from click.testing import CliRunner

from mfu_planner import backtest, measure, memory, predict
from mfu_planner.backtesting.memory import asked as peak_asked
from mfu_planner.backtesting.question import question_of, read_case
from mfu_planner.backtesting.runs import RunRow, Unusable, read_runs
from mfu_planner.cli.main import group
from mfu_planner.errors import InputError

OF_A_SOURCE = 3 if "MFU_PLANNER_WHOLE" in os.environ else 1
ROW = {
    "id": "own-1",
    "model": "Llama-like",
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
    "dtype": "bf16",
    "global_batch_seqs": "256",
    "micro_batch": "1",
    "tp": "4",
    "pp": "2",
    "sharding": "ZeRO-1",
    "step_time_s": "10",
}


def run(**change: str) -> RunRow:
    """The row with some cells changed."""
    return RunRow({**ROW, **change})


@pytest.fixture(scope="module")
def sampled() -> list[RunRow]:
    """A row of every source; up to three in ``make proof``."""
    draw, by_source = random.Random(500), {}
    for row in read_runs():
        by_source.setdefault(row.source, []).append(row)
    return [row for rows in by_source.values() for row in draw.sample(rows, min(OF_A_SOURCE, len(rows)))]


def flags_of(row: RunRow) -> dict[str, Any] | None:
    """A row's question, where it has one."""
    try:
        return dict(read_case(row).flags)
    except Unusable:
        return None


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("kind", "ask", "key"), [("step-time", predict, "step_time_s"), ("memory", memory, "total_bytes")]
)
def test_the_question_gives_the_back_tests_figure(
    sampled: list[RunRow], kind: str, ask: Any, key: str, on_file: Any
) -> None:
    """Alone or among thousands of rows: one number."""
    kept = {row["id"]: row for row in on_file(kind).rows}
    compared = 0
    for row in sampled:
        flags = flags_of(row) if kind == "step-time" else peak_asked(row)[1]
        if flags is None or kept[row.id]["predicted"] is None:
            continue
        found = ask(**flags)
        assert found[key] == kept[row.id]["predicted"], row.id
        if kind == "step-time":
            assert (found["range"]["low"], found["range"]["high"]) == (kept[row.id]["low"], kept[row.id]["high"])
        compared += 1
    assert compared > 20 * OF_A_SOURCE


def test_flags_of_a_row() -> None:
    """Every degree, the network and the stack are said; what the row leaves blank comes from the rules."""
    asked = question_of(run(interconnect="8x 400Gb/s InfiniBand NDR", gpus_per_node="8", recompute="full"))
    assert asked["config"]["hidden_size"] == 4096
    assert {n: asked[n] for n in ("devices", "tp", "pp", "dp", "micro_batch", "global_batch", "zero")} == {
        "devices": 64, "tp": 4, "pp": 2, "dp": 8, "micro_batch": 1, "global_batch": 256, "zero": 1,
    }  # fmt: skip
    assert (asked["fabric"], asked["nic"], asked["devices_per_node"]) == ("infiniband-ndr", 50e9, 8)
    assert asked["recompute"] == "full"
    assert "offload" not in asked


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"global_batch_seqs": "4", "cp": "1", "micro_batch": ""}, "part of one"),
        ({"pp": "64", "tp": "1"}, "at most 32 layers"),
        ({"num_devices": "60"}, "does not divide"),
        ({"hw_key": "abacus"}, "abacus"),
    ],
)
def test_what_nobody_can_ask_is_left_out(cells: dict[str, str], reason: str) -> None:
    """A layout that ``predict`` refuses is not judged either; the reason is said."""
    with pytest.raises(Unusable, match=reason):
        read_case(run(**cells))


def test_network_flags_change_the_network_alone() -> None:
    """A slower network makes the exposed exchange longer; devices of a node decide what crosses it."""
    common = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64, "tp": 8, "global_batch": 64}
    usual = predict(**common)
    named = predict(**common, cluster="dgx-h100")
    slow = predict(**common, nic="5 GB/s")
    small = predict(**common, devices_per_node=4)
    parts = {p["name"]: p["seconds"] for p in usual.waterfall}
    of_slow = {p["name"]: p["seconds"] for p in slow.waterfall}
    assert named.step_time_s == usual.step_time_s
    assert slow.step_time_s > usual.step_time_s
    assert {n for n in parts if parts[n] != of_slow[n]} == {"data_parallel"}
    assert {p["name"]: p["seconds"] for p in small.waterfall}["tensor_parallel"] > parts["tensor_parallel"]
    assert small.inputs["devices_per_node"] == 4
    assert any("5 GB/s" in text for text in slow.assumptions)
    assert predict(**common, fabric="infiniband-ndr", nic="50 GB/s").step_time_s == usual.step_time_s


@pytest.mark.parametrize(
    ("flag", "value"), [("fabric", "string"), ("nic", "25"), ("nic", "fast"), ("devices_per_node", 0)]
)
def test_network_flags_that_cannot_be(flag: str, value: Any) -> None:
    """A bare number of a bandwidth is byte/s: nobody means it."""
    with pytest.raises(InputError, match=flag.replace("_", "-")):
        predict(model="llama-3.1-8b", hardware="h100-sxm", devices=8, **{flag: value})


def test_experts_may_be_spread_over_tensor_parallel_devices() -> None:
    """ep divides tp · cp · dp; chunks may be as many as layers, embedding and head."""
    common = {"model": "mixtral-8x7b", "hardware": "h100-sxm", "seq_len": 2048}
    assert predict(**common, devices=8, tp=4, ep=8).step_time_s > 0
    with pytest.raises(InputError, match="tp · dp · cp = 8"):
        predict(**common, devices=8, tp=4, ep=16)
    assert predict(model="llama-3.1-405b", hardware="h100-sxm", devices=128, pp=16, vpp=8, tp=8).step_time_s > 0


@pytest.mark.parametrize("kind", ["step-time", "memory"])
def test_the_command_of_a_row(kind: str) -> None:
    """``backtest --row`` prints a command; run, it prints the row's figure."""
    found = backtest(kind, row="llmf-004")
    (row,) = found.rows
    assert found.command is not None
    words = shlex.split(found.command)[1:]
    done = CliRunner().invoke(group, [*words, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["step_time_s" if kind == "step-time" else "total_bytes"] == row["predicted"]


def test_the_command_of_a_published_utilisation() -> None:
    """MFU rows whose source counts as a convention does can be asked; the others say that no command does."""
    found = backtest("mfu", row="llmf-004")
    assert found.question is not None
    assert 100 * measure(**found.question).mfu == pytest.approx(found.rows[0]["predicted"], rel=1e-9)
    whole = backtest("total", row="total-Llama_2_7B")
    assert whole.question is not None
    assert 100 * measure(**whole.question).mfu == pytest.approx(whole.rows[0]["published"], rel=1e-9)


def test_one_row_for_people() -> None:
    """Predicted with its range, published, and the command."""
    said = CliRunner().invoke(group, ["backtest", "--row", "llmf-004"])
    assert said.exit_code == 0
    assert "published 7.743 s" in said.output
    assert "mfu-planner predict --config" in said.output
    with pytest.raises(InputError, match="nearest: llmf-"):
        backtest(row="llmf-04")


def test_ranges_are_judged(on_file: Any) -> None:
    """``coverage`` is the share of published figures inside the range; by hand for one source."""
    found = on_file("step-time")
    mine = [r for r in found.rows if r["source"] == "llmf" and r["error"] is not None]
    inside = [r for r in mine if r["low"] <= r["published"] <= r["high"]]
    figures = found.summary["llmf"]
    assert figures["coverage"] == len(inside) / len(mine)
    widths = sorted((r["high"] - r["low"]) / 2 / r["predicted"] for r in mine)
    assert widths[0] <= figures["half_width"] <= widths[-1]
    assert found.summary["all"]["coverage"] > 0.5
    assert on_file("memory").summary["all"]["coverage"] is None
