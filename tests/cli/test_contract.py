"""The keys that scripts rely on: every command's JSON object holds them, and null only with a warning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.cli.main import main

SMALL = ["--model", "gpt2", "--hardware", "h100-sxm"]
LAYOUT = [*SMALL, "--devices", "8", "--global-batch", "64"]
KEYS = {
    "plan": "solved_for training_time_s device_hours cost_usd energy_kwh tokens devices mfu goodput "
    "price_usd_per_device_hour flops_per_token total_flops peak_flops_per_s tokens_per_s tokens_per_s_per_device "
    "convention seq_len range warnings",
    "mfu": "mfu hfu convention by_convention achieved_flops_per_s_per_device peak_flops_per_s flops_per_token warnings",
    "flops": "params flops by_convention operators",
    "hardware": "id vendor name device_kind devices_per_package peak_flops_per_s memory_bytes "
    "memory_bandwidth_bytes_per_s tdp_w interconnect sources",
    "models": "id name family params source",
    "memory": "weights_bytes gradients_bytes optimizer_bytes activations_bytes other_bytes total_bytes capacity_bytes "
    "fits",
    "predict": "step_time_s tokens_per_s_per_device mfu hfu waterfall memory range assumptions",
    "search": "evaluated feasible elapsed_s layouts",
    "log": "format steps step_time_s tokens_per_s tokens_per_s_per_device reported mfu warnings remaining_s "
    "remaining_device_hours remaining_cost_usd",
    "trace": "window_s busy_s compute_s communication_s exposed_communication_s idle_s idle device world_size",
    "diagnose": "gap actions",
    "backtest": "rows summary assumptions",
}
INSIDE = {
    ("flops", "params"): "total embedding active",
    ("flops", "flops"): "forward backward total",
    ("log", "reported"): "mfu tflops_per_device",
    ("predict", "range"): "low high",
}
EACH = {
    ("flops", "operators"): "name count params forward_flops",
    ("predict", "waterfall"): "name seconds share",
    ("search", "layouts"): "tp pp vpp cp ep dp zero sequence_parallel micro_batch recompute devices step_time_s mfu "
    "cost_usd total_bytes",
    ("diagnose", "gap"): "cause share evidence",
    ("diagnose", "actions"): "change predicted_mfu gain",
    ("backtest", "rows"): "id published predicted error skipped",
}


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    """A question for each command."""
    log, trace = tmp_path / "train.log", tmp_path / "trace.json"
    log.write_text(
        "".join(f"step: {i}  loss: 3.1  tps: {7000 + i % 3}  tflops: 400.1  mfu: 40.4%\n" for i in range(20))
    )
    kernels = [
        {"ph": "X", "cat": "kernel", "name": "gemm", "ts": 10.5 * i, "dur": 7.25, "pid": 0, "tid": 7,
         "args": {"stream": 7, "device": 0}}
        for i in range(20)
    ]  # fmt: skip
    trace.write_text(json.dumps({"deviceProperties": [{"name": "NVIDIA H100 80GB HBM3"}], "traceEvents": kernels}))
    return {
        "plan": [*SMALL, "--devices", "8", "--tokens", "1B", "--mfu", "40%"],
        "mfu": [*SMALL, "--tokens-per-second-per-device", "200K"],
        "flops": ["--model", "gpt2"],
        "hardware": ["h100-sxm"],
        "models": ["gpt2"],
        "memory": LAYOUT,
        "predict": LAYOUT,
        "search": LAYOUT,
        "log": [str(log), "--devices", "8", "--target-tokens", "1B", "--price", "2"],
        "trace": [str(trace)],
        "diagnose": [*LAYOUT, "--tokens-per-second-per-device", "50K"],
        "backtest": ["--kind", "mfu"],
    }


@pytest.mark.parametrize("command", sorted(KEYS))
def test_the_keys_of_the_contract(
    command: str, commands: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """At the top, inside its objects, and in each entry of its lists."""
    main([command, *commands[command], "--json"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    got: dict[str, Any] = json.loads(lines[0])

    assert got["schema_version"] == 1
    assert set(KEYS[command].split()) <= got.keys()
    for (of, key), inside in INSIDE.items():
        if of == command:
            assert set(inside.split()) <= got[key].keys()
    for (of, key), inside in EACH.items():
        if of == command:
            assert got[key]
            assert all(set(inside.split()) <= entry.keys() for entry in got[key])


def test_the_waterfall_adds_up_to_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Seconds to the step's time, shares to one."""
    main(["predict", *LAYOUT, "--json"])
    got = json.loads(capsys.readouterr().out)

    assert sum(part["seconds"] for part in got["waterfall"]) == pytest.approx(got["step_time_s"])
    assert sum(part["share"] for part in got["waterfall"]) == pytest.approx(1)


@pytest.mark.parametrize("command", [*sorted(KEYS), "app", "demo"])
def test_help_fits_a_terminal_and_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No line is wider than 120; what the command does stands first."""
    main([command, "--help"])
    shown = capsys.readouterr().out

    assert shown.startswith(f"Usage: mfu-planner {command}")
    assert max(map(len, shown.splitlines())) <= 120
