"""From files of own runs to a stack of one's own."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfu_planner import InputError, Meter, backtest, calibrate, diagnose, memory, predict, search
from mfu_planner.cli.main import main
from mfu_planner.facts import folder

SAMPLES = Path(__file__).parents[1] / "observe" / "samples"
LLAMA: dict[str, Any] = {
    "model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 8, "global_batch": 32, "zero": 1, "seq_len": 4096,
}  # fmt: skip
LAYOUTS = ({}, {"tp": 2}, {"seq_len": 16384}, {"tp": 4, "seq_len": 2048}, {"micro_batch": 2, "seq_len": 2048})
SLOWER = {
    "kind": "stack-calibration", "name": "truth", "base": "generic",
    "constants": {
        name: {"times": times, "sd": 0.1, "prior": 0.1, "informed": 0.0}
        for name, times in {"product": 1.2, "attention": 1.5, "pointwise": 1.1}.items()
    },
}  # fmt: skip
"""The stack that the runs of these tests come from."""


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def run(where: Path, name: str, seconds: float | None = None, tokens: int | None = None, **flags: Any) -> Path:
    """A file of the Meter, and its flags beside it; as long as SLOWER says unless told otherwise."""
    asked = LLAMA | flags
    seconds = predict(**asked, stack=SLOWER).step_time_s if seconds is None else seconds
    clock, path = Clock(), where / f"{name}.jsonl"
    with Meter(flops_per_token=5e10, peak=989.4e12, devices=asked["devices"], path=path, clock=clock) as meter:
        for _ in range(12):
            clock.now += seconds
            meter.step(tokens=tokens or asked["global_batch"] * asked["seq_len"])
    (where / f"{name}.yaml").write_text(yaml.safe_dump(asked | {"tokens": "2T"}))
    return path


def five(where: Path) -> list[Path]:
    """Five different runs."""
    return [run(where, f"run{i}", **flags) for i, flags in enumerate(LAYOUTS)]


def test_five_runs_of_the_meter_make_a_stack(tmp_path: Path) -> None:
    """The stack predicts them, and a layout that none of them had, far better than the base."""
    stack = tmp_path / "stack.yaml"
    found = calibrate(*five(tmp_path), output=stack)
    for each in found.runs:
        assert each["predicted_s"] == pytest.approx(each["step_s"], rel=0.06)
    assert found.leave_one_out["median"] < 0.06
    asked = LLAMA | {"devices": 16, "tp": 8, "seq_len": 8192}
    truth = predict(**asked, stack=SLOWER).step_time_s
    assert predict(**asked, stack=str(stack)).step_time_s == pytest.approx(truth, rel=0.06)
    assert predict(**asked, stack="generic").step_time_s < 0.88 * truth
    assert predict(**asked, stack=str(stack)).range["low"] < truth < predict(**asked, stack=str(stack)).range["high"]
    assert found.constants["product"]["informed"] > 0.5 > found.constants["crowded_host"]["informed"]


def test_the_file_says_what_the_answer_says(tmp_path: Path) -> None:
    """What predict makes of it is the calibration's own figure of that run."""
    stack = tmp_path / "stack.yaml"
    found = calibrate(*five(tmp_path), output=str(stack))
    assert predict(**LLAMA | LAYOUTS[1], stack=str(stack)).step_time_s == pytest.approx(
        found.runs[1]["predicted_s"], rel=1e-3
    )
    held = yaml.safe_load(stack.read_text())
    assert held == json.loads(json.dumps(found.stack))
    assert held["evidence"]["runs"] == 5
    assert held["evidence"]["seq_len"] == [2048.0, 16384.0]


def test_the_suggested_run_can_be_made(tmp_path: Path) -> None:
    """It differs from those made, its command repeats it, and with it the others are surer."""
    paths = five(tmp_path)[:3]
    found = calibrate(*paths, suggest=2)
    first, second = found.suggested
    assert first["question"] != second["question"]
    assert all({**LLAMA, **flags} != first["question"] for flags in LAYOUTS[:3])
    assert first["gain"] >= second["gain"] > 0
    assert first["command"].startswith("mfu-planner predict ")
    again = calibrate(*paths, run(tmp_path, "next", **first["question"]))
    assert max(c["sd"] / found.constants[n]["sd"] for n, c in again.constants.items()) < 1.05
    assert min(c["sd"] / found.constants[n]["sd"] for n, c in again.constants.items()) < 0.95


def test_one_odd_run_is_named(tmp_path: Path) -> None:
    """It moves nothing: the others say what they say without it."""
    paths = five(tmp_path)
    odd = run(tmp_path, "stalled", seconds=60.0, tp=8, seq_len=4096)
    found = calibrate(*paths, odd)
    assert any(w.startswith("stalled.jsonl left out") for w in found.warnings)
    assert found.constants == calibrate(*paths).constants


def test_runs_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """The same question twice with two answers; one run thrice as fast as physics beside one thrice as slow."""
    first = run(tmp_path, "first", seconds=8.0)
    with pytest.raises(InputError, match=r"first\.jsonl, second\.jsonl.* 8 s and 12 s .*one and the same question"):
        calibrate(first, run(tmp_path, "second", seconds=12.0))
    base = predict(**LLAMA, stack="generic").step_time_s
    fast = run(tmp_path, "fast", seconds=base / 3)
    slow = run(tmp_path, "slow", seconds=4 * base, seq_len=8192)
    with pytest.raises(InputError, match=r"slow\.jsonl, fast\.jsonl.*they take .* and 0\."):
        calibrate(fast, slow)


def test_repeats_count_once(tmp_path: Path) -> None:
    """Two measurements of one question are one run at their middle."""
    found = calibrate(run(tmp_path, "one", seconds=2.5), run(tmp_path, "two", seconds=2.6), run(tmp_path, "o", tp=2))
    assert len(found.runs) == 2
    assert found.runs[0]["step_s"] == pytest.approx(2.55)


def test_a_table_of_runs(tmp_path: Path) -> None:
    """Rows in the format of the published runs; those that say too little are left out by name."""
    with (folder("published_runs") / "runs.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [row for row in reader if row["id"].startswith("nemo24-")][:6]
        columns = list(reader.fieldnames or ())
    rows.append(dict.fromkeys(columns, "") | {"id": "empty", "model": "x"})
    path = tmp_path / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    found = calibrate(path, base="megatron-2024")
    assert [r["run"] for r in found.runs] == [r["id"] for r in rows[:-1]]
    assert any(w.startswith("empty left out") for w in found.warnings)
    assert found.base == "megatron-2024"


def test_flags_for_all_runs(tmp_path: Path) -> None:
    """Where no file says the layout, the flags do."""
    path = run(tmp_path, "bare")
    (tmp_path / "bare.yaml").unlink()
    with pytest.raises(InputError, match=r"bare\.jsonl \(no bare\.yaml or plan\.yaml beside it\): hardware"):
        calibrate(path)
    found = calibrate(path, **{k: v for k, v in LLAMA.items() if k not in ("devices", "global_batch")})
    assert found.runs[0]["step_s"] == pytest.approx(predict(**LLAMA, stack=SLOWER).step_time_s, rel=1e-3)
    assert found.leave_one_out == {"median": None, "rms": None}
    assert any("say little" in w for w in found.warnings)


@pytest.mark.parametrize(("given", "said"), [(("nothere.jsonl",), "nothere.jsonl"), ((), "runs: got 'nothing'")])
def test_what_cannot_be_read_is_one_line(given: tuple[str, ...], said: str) -> None:
    """It names the file."""
    with pytest.raises(InputError, match=said):
        calibrate(*given)


def test_an_unknown_base_is_refused() -> None:
    """With the nearest name."""
    with pytest.raises(InputError, match="base: got 'megatron-2023'"):
        calibrate("x.jsonl", base="megatron-2023")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The contract's keys, and a file for --stack."""
    paths = [str(p) for p in five(tmp_path)]
    stack = tmp_path / "mine.yaml"
    main(["calibrate", *paths, "-o", str(stack), "--suggest", "2", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert set(said["constants"]["product"]) >= {"times", "sd", "informed"}
    assert set(said["leave_one_out"]) == {"median", "rms"}
    assert said["range"]["low"] < 1 < said["range"]["high"]
    assert len(said["suggested"]) == 2
    assert said["written"] == str(stack)
    main(["calibrate", *paths])
    shown = capsys.readouterr().out
    assert "Run next: mfu-planner predict" in shown
    assert "not written" in shown


def test_what_ran_fits(tmp_path: Path) -> None:
    """70B on 32 devices under full sharding, without recomputation: the model says that it does not fit, but it ran."""
    ran: dict[str, Any] = {
        "model": "llama-3.1-70b", "hardware": "h100-sxm", "devices": 32, "global_batch": 32, "zero": 3, "seq_len": 4096,
        "micro_batch": 1, "recompute": "none",
    }  # fmt: skip
    blank = {k: v for k, v in ran.items() if k not in ("micro_batch", "recompute")}
    before = memory(**ran, stack="generic")
    assert not before.fits
    stack = calibrate(run(tmp_path, "large", **ran)).stack
    after = memory(**ran, stack=stack)
    states = before.weights_bytes + before.gradients_bytes + before.optimizer_bytes
    assert after.fits
    assert after.total_bytes == pytest.approx(before.usable_bytes, rel=2e-3)
    assert after.total_bytes - states == pytest.approx(
        stack["evidence"]["room"] * (before.total_bytes - states), rel=1e-9
    )
    for answer in (predict(**blank, stack=stack), diagnose(**blank, stack=stack, mfu="30%")):
        assert any("recompute none" in line for line in answer.assumptions)
    assert predict(**blank, stack="generic").inputs["recompute"] == "full"
    assert search(**ran, stack=stack, space="usual", top=1).layouts
    assert calibrate(run(tmp_path, "small")).stack["evidence"]["room"] == 1.0


@pytest.mark.parametrize(("share", "refused"), [(1.0, False), (0.9, False), (0.5, True), (0.125, True), (1.25, True)])
def test_a_log_of_another_batch_is_refused(tmp_path: Path, share: float, refused: bool) -> None:
    """32 sequences of 4,096 tokens are 131,072 a step: fewer may be padding, half of them or more than all are not."""
    path = run(tmp_path, "one", tokens=round(131_072 * share))
    if not refused:
        assert calibrate(path).runs[0]["run"] == "one.jsonl"
        return
    with pytest.raises(InputError, match=rf"one.jsonl: {131_072 * share:,.0f} tokens a step.*131,072"):
        calibrate(path)


def test_published_rows_by_ones_own_stack_and_machine(tmp_path: Path) -> None:
    """A row in a table of one's own is asked with the stack and on the machine that are given, and says how."""
    machine = Path(__file__).parents[1] / "machine" / "machine.yaml"
    cells = {
        "id": "ours-1", "kind": "benchmark", "model": "GPT", "hidden": "256", "layers": "4", "heads": "4",
        "kv_heads": "4", "ffn": "768", "vocab": "4000", "seq_len": "128", "hardware": "cpu-test", "num_devices": "1",
        "dtype": "fp32", "global_batch_seqs": "4", "micro_batch": "4",
    }  # fmt: skip
    with (folder("published_runs") / "runs.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))
    table = tmp_path / "mine.csv"

    def written(seconds: float) -> None:
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerow(dict.fromkeys(columns, "") | cells | {"step_time_s": str(seconds)})

    written(0.5)
    (unknown,) = backtest(runs=table).rows
    assert "cpu-test" in unknown["skipped"]
    written(1.2 * backtest(runs=table, machine=str(machine)).rows[0]["predicted"])
    plain = backtest(runs=table, machine=str(machine), row="ours-1")
    found = calibrate(table, machine=str(machine), output=tmp_path / "stack.yaml")
    assert found.runs[0]["base_s"] == pytest.approx(
        backtest(runs=table, machine=str(machine), stack="generic").rows[0]["predicted"], rel=1e-4
    )
    mine = backtest(runs=table, machine=str(machine), stack=str(tmp_path / "stack.yaml"), row="ours-1")
    assert mine.rows[0]["predicted"] == pytest.approx(found.runs[0]["predicted_s"], rel=1e-4)
    assert abs(mine.rows[0]["error"]) < abs(plain.rows[0]["error"])
    assert mine.question["stack"] == str(tmp_path / "stack.yaml")
    assert predict(**mine.question).step_time_s == mine.rows[0]["predicted"]
    for wrong in ({"kind": "mfu"}, {"default_stack": True}, {"calibrate": 3}):
        with pytest.raises(InputError, match="stack"):
            backtest(runs=table, stack="generic", **wrong)
