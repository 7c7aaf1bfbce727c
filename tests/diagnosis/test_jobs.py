"""A folder of jobs: each row says its verdict, what the gap costs and the first cause."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mfu_planner.cli.main import main
from mfu_planner.diagnosis.bench import Bench, bench_of

PEAK = 989.4e12


def _log(folder: Path, name: str, step_s: float, wait_s: float) -> None:
    """A meter's log of eight H100: 65,536 tokens a step."""
    head = {"mfu_planner_meter": 1, "devices": 64, "flops_per_token": 5.79e10, "peak_flops_per_s": PEAK, "rank": 0}
    step = {"step_time_s": step_s, "data_time_s": wait_s, "tokens_per_step": 524288}
    lines = [head, *({"step": n, **step, "timestamp": 1000.0 + step_s * n} for n in range(1, 12))]
    (folder / name).write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")


def test_a_row_says_what_a_job_loses_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """MFU by hand: tokens × FLOP per token ÷ (seconds × devices × peak); the gap costs 1 − MFU ÷ typical of the day."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    _log(folder, "slow.jsonl", 3.0, 1.2)
    _log(folder, "well.jsonl", 1.05, 0.001)
    (folder / "empty.log").write_text("nothing to see\n", encoding="utf-8")
    out = tmp_path / "jobs.csv"
    given = ["--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--seq-len", "8192", "--price", "2"]
    main(["log", str(folder), "--out", str(out), *given, "--json"])
    rows = {row["job"]: row for row in json.loads(capsys.readouterr().out)["jobs"]}
    slow, well = rows["slow.jsonl"], rows["well.jsonl"]
    assert slow["first_cause"] == "data-loading"
    assert slow["confidence"] == "high"
    assert slow["verdict"] == "below"
    assert slow["mfu"] == pytest.approx(524288 * 5.79e10 / (3.0 * 64 * PEAK), rel=0.02)
    assert 0 < slow["gap_cost_usd_per_day"] < 64 * 2 * 24
    assert well["verdict"] in ("inside", "above")
    assert well["first_cause"] is None
    assert rows["empty.log"]["first_cause"] is None
    with out.open(encoding="utf-8") as file:
        assert [row["job"] for row in csv.DictReader(file)] == sorted(rows)


def test_without_a_model_only_what_was_measured_is_a_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rate alone explains nothing; a wait that the log states does."""
    folder = tmp_path / "jobs"
    folder.mkdir()
    _log(folder, "slow.jsonl", 3.0, 1.2)
    _log(folder, "well.jsonl", 1.05, 0.001)
    main(["log", str(folder), "--out", str(tmp_path / "jobs.csv"), "--json"])
    rows = {row["job"]: row for row in json.loads(capsys.readouterr().out)["jobs"]}
    assert rows["slow.jsonl"]["first_cause"] == "data-loading"
    assert rows["well.jsonl"]["first_cause"] is None


def test_what_is_remembered_of_a_job_is_what_a_fresh_bench_says(tmp_path: Path) -> None:
    """Two jobs alike are one bench; another format of numbers, or a file that may change, is not."""
    flags = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "global_batch": 64, "seq_len": 1024}
    held = bench_of(flags)
    assert bench_of(dict(flags)) is held
    assert held.base == Bench(flags).base
    assert bench_of({**flags, "dtype": "fp8"}) is not held
    config = tmp_path / "config.json"
    sizes = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
    config.write_text(json.dumps({"model_type": "llama", "vocab_size": 512, **sizes}), encoding="utf-8")
    own = {**flags, "config": str(config)}
    del own["model"]
    assert bench_of(own) is not bench_of(own)
