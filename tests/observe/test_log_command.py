"""``mfu-planner log``: the JSON contract, exit codes, the planner's own MFU."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
from pathlib import Path

import pytest

from mfu_planner.cli.main import main
from mfu_planner.observe.logs import read_log
from mfu_planner.observe.logs.formats import all_formats

SAMPLES = Path(__file__).parent / "samples"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    """The command's JSON."""
    main(["log", *map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out)


def test_json_has_the_contract_keys(capsys):
    """Every key of the interface, in SI units."""
    got = run(capsys, SAMPLES / "torchtitan.log", "--devices", 8, "--global-batch", 8, "--seq-len", 8192,
              "--target-tokens", "1M", "--price", "2 $/h")  # fmt: skip

    assert got["format"] == "torchtitan"
    assert got["steps"] == 4
    assert got["step_time_s"] == pytest.approx(8192 / 12500)
    assert got["tokens_per_s"] == pytest.approx(100_000)
    assert got["tokens_per_s_per_device"] == pytest.approx(12_500)
    assert got["reported"]["mfu"] == pytest.approx(0.7277)
    assert got["reported"]["tflops_per_device"] == pytest.approx(720)
    assert got["schema_version"] >= 1
    left = 1_000_000 - min(1_000_000, 30 * 65536)
    assert got["remaining_s"] == left / 100_000
    assert got["remaining_cost_usd"] == 0
    assert isinstance(got["warnings"], list)


def test_no_timing_exits_1_with_one_line(capsys):
    """Nothing on stdout, one line on stderr that names the format."""
    with pytest.raises(SystemExit) as caught:
        main(["log", str(SAMPLES / "lightning.csv"), "--json"])
    out, err = capsys.readouterr()

    assert caught.value.code == 1
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "lightning-csv" in err


BAD = [["no-such-file"], [SAMPLES / "metrics.csv", "--column", "time"], [SAMPLES / "prime.log", "--devices", "0"]]


@pytest.mark.parametrize("arguments", BAD)
def test_bad_input_exits_2_with_one_line(arguments, capsys):
    """A missing file, a malformed column, no devices."""
    with pytest.raises(SystemExit) as caught:
        main(["log", *map(str, arguments)])

    assert caught.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_people_see_the_rates_and_where_they_come_from(capsys):
    """The table names the window, the rates and their origin."""
    main(["log", str(SAMPLES / "megatron-new.log"), "--devices", "8", "--seq-len", "4096"])
    printed = capsys.readouterr().out

    assert "step time" in printed
    assert "warm-up" in printed
    assert "derived" in printed


def test_planner_computes_the_mfu_from_tokens():
    """12,500 tokens/s of 6 × 10⁹ FLOP on 300 TFLOP/s: a quarter."""
    report = read_log(SAMPLES / "torchtitan.log", devices=8, params="1B", peak="300 TFLOP/s")

    assert report.mfu == pytest.approx(0.25)
    assert report.mfu_source == "computed from tokens per second"
    assert "log/other-peak" in {f.code for f in report.findings}


def test_hardware_flops_called_mfu():
    """A log whose TFLOP/s is four thirds of the model's counts recomputation."""
    tokens = 120e12 / (6e9 * 4 / 3)  # so that 120 TFLOP/s is 4/3 of the model's
    text = "".join(
        f"step: {i} tps: {tokens:.2f} tflops: 120.00 mfu: 40.00%\n".replace(f"{tokens:.2f}", str(round(tokens)))
        for i in range(2, 9)
    )
    report = read_log(text, params="1B", peak="300 TFLOP/s")

    assert "log/hfu-called-mfu" in {f.code for f in report.findings}
    assert report.mfu == pytest.approx(0.3)


def test_claimed_mfu_moves_to_the_given_hardware():
    """45.5% of nanoGPT's A100 is 14.2% of a device three times as fast... by its own peak."""
    report = read_log(SAMPLES / "nanogpt.log", peak="936 TFLOP/s")

    assert report.mfu == pytest.approx(0.455 / 3)


def test_formats_are_listed_from_the_readers(capsys):
    """Every format's name stands in the list, with a sentence on its figures."""
    listed = run(capsys, "--formats")["formats"]

    assert {kind.name for kind in all_formats()} - {"json-lines", "csv"} <= {row["name"] for row in listed}
    assert all(row["means"] and row["comes_as"] for row in listed)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--expect", "mfu>=70%"), 0),
        (("--expect", "mfu>=80%"), 3),
        (("--expect", "step_time_s<=0.7", "--devices", "8"), 0),
        (("--expect", "tokens-per-s > 200k", "--devices", "8"), 3),
        (("--expect", "hfu>=1%"), 3),
        (("--expect", "speed>=1"), 2),
        (("--expect", "mfu=1"), 2),
    ],
)
def test_expectations_have_a_status_of_their_own(arguments, status, capsys):
    """72.77% and 0.65536 s: 0 where they hold, 3 where not or unknown, 2 where they cannot be read."""
    with pytest.raises(SystemExit) if status else contextlib.nullcontext() as left:
        main(["log", str(SAMPLES / "torchtitan.log"), "--global-batch", "8", "--seq-len", "8192", *arguments])

    assert status == 0 or left.value.code == status
    assert (status == 3) == ("not met" in capsys.readouterr().err)


def test_baseline_is_an_answer_or_a_log(tmp_path, capsys):
    """Half the rate of what was saved is slower; the same is not."""
    saved = tmp_path / "before.json"
    saved.write_text(json.dumps(run(capsys, SAMPLES / "torchtitan.log")), encoding="utf-8")
    slow = tmp_path / "slow.log"
    slow.write_text((SAMPLES / "torchtitan.log").read_text("utf-8").replace("12,500", "6,250"), encoding="utf-8")

    main(["log", str(SAMPLES / "torchtitan.log"), "--baseline", str(saved)])
    for baseline in (saved, SAMPLES / "torchtitan.log"):
        with pytest.raises(SystemExit) as left:
            main(["log", str(slow), "--baseline", str(baseline)])
        assert left.value.code == 3


def test_folder_of_jobs_is_a_row_each(tmp_path, capsys):
    """Logs below a folder, what is none with its reason; the same rows as CSV."""
    jobs = tmp_path / "jobs"
    (jobs / "a").mkdir(parents=True)
    (jobs / "a" / "train.log").write_bytes((SAMPLES / "torchtitan.log").read_bytes())
    (jobs / "b.log").write_text("nothing here\n", encoding="utf-8")
    out = tmp_path / "rows.csv"
    rows = {row["job"]: row for row in run(capsys, jobs, "--out", out, "--devices", 8)["jobs"]}

    assert rows["a/train.log"]["tokens_per_s"] == pytest.approx(100_000)
    assert rows["b.log"]["error"].startswith("format unknown")
    table = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert [row["job"] for row in table] == ["a/train.log", "b.log"]
    assert float(table[0]["mfu"]) == pytest.approx(0.7277)


def test_a_tracker_run_is_one_job(tmp_path, capsys):
    """Its summary, its metadata and its configuration tell of one; the metadata's eight devices count."""
    shutil.copytree(SAMPLES / "wandb-run", tmp_path / "jobs" / "run-1")
    rows = run(capsys, tmp_path / "jobs", "--out", tmp_path / "rows.csv")["jobs"]

    assert [(row["job"], row["devices"], row["error"]) for row in rows] == [("run-1", 8, None)]


def test_rows_as_parquet(tmp_path, capsys):
    """The columns of the CSV, with their types."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a.log").write_bytes((SAMPLES / "torchtitan.log").read_bytes())
    (tmp_path / "jobs" / "b.log").write_text("nothing here\n", encoding="utf-8")
    run(capsys, tmp_path / "jobs", "--out", tmp_path / "rows.parquet", "--devices", 8)
    rows = parquet.read_table(tmp_path / "rows.parquet").to_pylist()

    assert [(row["job"], row["tokens_per_s"]) for row in rows] == [("a.log", pytest.approx(100_000)), ("b.log", None)]


def test_follow_is_watch(monkeypatch):
    """The file and the flags reach the watcher."""
    seen = {}

    def watch(files, **flags):
        seen.update(flags, files=files)
        return 0

    monkeypatch.setattr("mfu_planner.observe.watch.watch", watch)
    main(["log", "train.log", "--follow", "--devices", "8"])

    assert seen["files"] == ("train.log",)
    assert int(seen["devices"]) == 8
