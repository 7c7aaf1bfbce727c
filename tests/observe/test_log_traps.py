"""The traps that log lines set, each caught as a finding or by the right number."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.observe.logs import LogReport, read_log

SAMPLES = Path(__file__).parent / "samples"


def codes(report: LogReport) -> set[str]:
    """Codes of a report's findings."""
    return {f.code for f in report.findings}


def megatron(i: int, ms: float, extra: str = "") -> str:
    """A short Megatron line."""
    counts = f"iteration {i:8}/ 900 | consumed samples: {8 * i}"
    return f" {counts} | elapsed time per iteration (ms): {ms:.1f} | global batch size: 8 |{extra}\n"


def test_first_iteration_alone_is_not_the_steady_state():
    """A log with only iteration 1 says so."""
    report = read_log(megatron(1, 9000.0), seq_len=1024)

    assert report.step_time_s == 9.0
    assert "log/only-warm-up" in codes(report)


def test_warm_up_evaluation_and_hiccups_are_dropped_with_reasons():
    """Start-up and an evaluation of ten times the length leave the mean alone."""
    text = "".join(megatron(i, 8000.0 if i == 1 else 10_000.0 if i == 15 else 1000.0 + i % 2) for i in range(1, 30))
    report = read_log(text)

    assert report.step_time_s == pytest.approx(1.0005, rel=1e-3)
    assert {d.step for d in report.dropped} == {1.0, 15.0}
    assert report.window.dropped["warm-up"] == 1
    assert report.window.records == 27


def test_ranks_collapse_to_one_record_a_step():
    """Two ranks printed every step; copies are counted, not averaged."""
    report = read_log(SAMPLES / "torchtitan.log", devices=8)

    assert report.steps == 4
    assert report.copies == 4


def test_ranks_one_file_after_the_other_are_one_rank():
    """Logs of two ranks concatenated read as one of them."""
    rank = "".join(f"{{r}}: {megatron(i, 1000.0).strip()}\n" for i in range(2, 12))
    report = read_log(rank.replace("{r}", "0") + rank.replace("{r}", "1"))

    assert report.steps == 10
    assert report.copies == 10


def test_restart_from_a_checkpoint_counts_repeated_steps():
    """Steps that come again after a restart are steps, not copies of ranks."""
    text = "".join(megatron(i, 1000.0) for i in (*range(2, 20), *range(10, 20)))

    assert read_log(text).copies == 0
    assert read_log(text).steps == 28


def test_bare_time_is_never_guessed():
    """A console time without a unit is not used."""
    with pytest.raises(NoAnswer, match=r"console|format unknown"):
        read_log("".join(f"step {i} loss 2.0 time: 812\n" for i in range(5)))
    assert read_log("".join(f"step {i} loss 2.0 time: 812ms\n" for i in range(2, 9))).step_time_s == pytest.approx(
        0.812
    )


def test_sentinel_mfu_is_unknown():
    """−100% is not a number to report."""
    report = read_log(SAMPLES / "llmc-sentinel.log", devices=1)

    assert report.reported.mfu is None
    assert report.mfu is None
    assert "log/mfu-sentinel" in codes(report)


def test_mfu_above_100_percent_is_an_error():
    """337% is reported as the log's claim, not as the MFU."""
    report = read_log(SAMPLES / "prime-overflow.log", devices=8)

    assert report.reported.mfu == pytest.approx(3.372)
    assert report.mfu is None
    assert [f.severity for f in report.findings if f.code == "log/mfu-out-of-range"] == ["error"]


def test_implied_peak_from_tflops_and_mfu():
    """720 TFLOP/s at 72.77% divides by 989.4."""
    report = read_log(SAMPLES / "torchtitan.log")

    assert report.implied_peak is not None
    assert report.implied_peak.flops_per_s == pytest.approx(720e12 / 0.7277)


def test_hard_coded_peak_is_named():
    """nanoGPT divides by one A100 whatever the device."""
    assert "log/hard-coded-peak" in codes(read_log(SAMPLES / "nanogpt.log"))


def test_rate_times_time_against_batch_times_length():
    """A per-device rate logged as the job's rate is off by the number of devices."""
    line = "step {i}/900 | loss 3.2 (+nanz)| norm 1.0 (+nanz)| lr 3e-4 | 1000.00 ms | 40.0% bf16 MFU | 8192 tok/s\n"
    text = "".join(line.format(i=i) for i in range(2, 9))
    report = read_log(text, devices=8, global_batch=64, seq_len=1024)

    (finding,) = [f for f in report.findings if f.code == "log/rate-contradicts-batch"]
    assert finding.evidence["ratio"] == pytest.approx(1 / 8)
    assert "devices" in finding.message


def test_per_device_against_whole_job():
    """Both rates are stated, and the given number of devices does not fit."""
    report = read_log(SAMPLES / "nanotron.log", devices=16, seq_len=4096)

    assert "log/per-device-contradicts-job" in codes(report)


def test_devices_follow_from_two_rates():
    """839K ÷ 105K is 8 devices to three digits."""
    report = read_log(SAMPLES / "nanotron.log")

    assert report.devices == 8
    assert report.origins["devices"].startswith("derived")


def test_running_mean_against_the_clock():
    """A running mean that hides waits is contradicted by the time stamps."""
    text = "".join(
        f"[2030-04-17 09:{i:02}:00] INFO [olmo.train:816, rank=0] [step={i}/900]\n"
        f"    throughput/total_tokens={1048576 * i:,}\n    throughput/device/tokens_per_second=16,384\n"
        for i in range(1, 9)
    )
    report = read_log(text, devices=8)

    assert report.step_time_s == pytest.approx(8.0)
    (finding,) = [f for f in report.findings if f.code == "log/clock-contradicts-running-mean"]
    assert finding.evidence["by_clock_s"] == pytest.approx(60.0)


def test_goodput_gap_between_step_and_run():
    """OLMo-core prints both: 15,000 of 20,000."""
    assert "log/goodput-gap" in codes(read_log(SAMPLES / "olmo-core.log"))


def test_rounded_rate_gives_way():
    """0.0040 batches a second is known to 1.25%: samples decide."""
    report = read_log(SAMPLES / "composer.log", global_batch=512, devices=8)

    assert report.step_time_s == pytest.approx(512 / 2.05)
    assert "log/rounded-rate" in codes(report)


def test_runtime_beats_a_rounded_rate():
    """0.4 steps a second over 200 s are 80 steps of 2.5 s; every rank's copy is counted once."""
    report = read_log(SAMPLES / "hf-console.log")

    assert report.step_time_s == pytest.approx(2.5, rel=2e-3)
    assert report.copies == 3


def test_exposed_all_reduce_is_a_finding():
    """700 ms of all-reduce in a step of 2 s."""
    report = read_log(SAMPLES / "megatron-keyvalue.log")

    assert report.parts_s["bwd_allreduce"] == pytest.approx(0.7)
    assert "log/exposed-communication" in codes(report)
    assert "log/recomputation-may-be-counted" in codes(report)


def test_batch_ramp_uses_the_last_batch():
    """Records of the smaller batch are left out."""
    report = read_log(SAMPLES / "megatron-ramp.log", seq_len=1024)

    assert report.global_batch == 64
    assert report.window.dropped["other batch size"] == 3


def test_skipped_iterations_are_said():
    """Throughput is real where the loss scale skipped steps, training is not."""
    text = "".join(megatron(i, 1000.0, " number of skipped iterations:   1 |") for i in range(2, 6))

    assert "log/skipped-steps" in codes(read_log(text))


def test_tracker_time_of_the_last_session():
    """Run time ÷ steps below the step time: the steps were counted over several sessions."""
    report = read_log(SAMPLES / "levanter.json", devices=64, global_batch=1024, seq_len=4096)

    assert report.step_time_s == pytest.approx(20.97152)
    assert "log/resumed-run" in codes(report)


def test_header_contradicting_a_flag():
    """The given number wins, and the contradiction is said."""
    report = read_log(SAMPLES / "megatron-seconds.log", devices=32)

    assert report.devices == 32
    assert "log/contradicts-devices" in codes(report)


def test_stalls_are_said_though_they_are_dropped():
    """A tenth of the steps take six times as long: a third of the time is outside the steady window."""
    text = "".join(megatron(i, 6000.0 if i % 10 == 0 else 1000.0 + i % 3) for i in range(2, 102))
    report = read_log(text)

    (finding,) = [f for f in report.findings if f.code == "log/irregular-steps"]
    assert finding.evidence["lost_share"] == pytest.approx(10 * 5 / (10 * 6 + 90), rel=0.02)


def test_remaining_time_hours_and_cost():
    """8192 tokens a second on 8 devices, 10 steps done, 1M tokens to reach."""
    text = "".join(megatron(i, 1000.0) for i in range(2, 11))
    report = read_log(text, devices=8, seq_len=1024, target_tokens=1_000_000, price=2.0)
    left = (1_000_000 - 10 * 8 * 1024) / 8192

    assert report.remaining_s == pytest.approx(left)
    assert report.remaining_device_hours == pytest.approx(left * 8 / 3600)
    assert report.remaining_cost_usd == pytest.approx(left * 8 / 3600 * 2)


def test_columns_name_what_a_table_means():
    """--column reads any table; an unknown meaning is refused with the nearest."""
    text = "n,took,work\n" + "".join(f"{i},0.5,4096\n" for i in range(3, 20))
    report = read_log(text, columns={"step": "n", "time": "took", "tokens": "work"})

    assert report.tokens_per_s == pytest.approx(8192)
    with pytest.raises(InputError, match="column"):
        read_log(text, columns={"tyme": "took"})


def test_no_timing_is_an_answer_that_names_the_format():
    """A table without any time is said to be one."""
    with pytest.raises(NoAnswer, match="lightning-csv: no timing"):
        read_log(SAMPLES / "lightning.csv")
    with pytest.raises(NoAnswer, match="format unknown"):
        read_log(SAMPLES / "no-timing.log")


def test_encodings_compression_and_parts_of_a_run(tmp_path):
    """gzip, UTF-16 and two files of one run read like the plain log."""
    text = "".join(megatron(i, 1000.0) for i in range(2, 12))
    packed, wide, first, second = (tmp_path / n for n in ("a.gz", "b", "c", "d"))
    packed.write_bytes(gzip.compress(text.encode()))
    wide.write_bytes(text.replace("\n", "\r\n").encode("utf-16"))
    first.write_text(text, encoding="utf-8")
    second.write_text("".join(megatron(i, 1000.0) for i in range(12, 20)), encoding="utf-8")

    assert read_log(packed).steps == read_log(wide).steps == 10
    assert read_log([first, second]).steps == 18


def test_folder_reads_the_file_most_like_a_log(tmp_path):
    """Beside notes and weights, the training log is found."""
    (tmp_path / "notes.txt").write_text("nothing here\n", encoding="utf-8")
    (tmp_path / "weights.bin").write_bytes(b"\0" * 500)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "out.log").write_bytes((SAMPLES / "torchtitan.log").read_bytes())

    assert read_log(tmp_path).format == "torchtitan"


def test_large_logs_are_sampled_and_counted(monkeypatch):
    """With little room, blocks are thinned; the count of steps and the mean stay right."""
    monkeypatch.setattr("mfu_planner.observe.logs.store.CAPACITY", 500)
    monkeypatch.setattr("mfu_planner.observe.logs.source.STRETCH", 1 << 13)
    text = "".join(megatron(i, 1000.0 + i % 2) for i in range(2, 6002))
    report = read_log(text)

    assert report.steps == pytest.approx(6000, rel=0.01)
    assert report.last_step == 6001
    assert report.window.records < 1500
    assert report.step_time_s == pytest.approx(1.0005, rel=1e-3)


VARIANTS = {
    "nemo wrapped": (
        "".join(
            f"(run, pid=4) Training epoch 0, iteration {i}/99 | lr: 1e-6 | global_batch_size: 16 | global_step: "
            f"{i} | train_step_timing\n"
            f"(run, pid=4) in s: 2.5 | consumed_samples: {16 * i}\n"
            for i in range(1, 9)
        ),
        2.5,
    ),
    "nemo list": (
        "[NeMo I 2030-03-04 02:58:29 perf:56] train_step_timing in s: [11.8, 4.1, 2.5, 2.5, 2.5, 2.5]\n",
        2.5,
    ),
    "nemo without a global step": (
        "".join(f"iteration {i}/9 | train_step_timing in s: 2.5\n" for i in range(1, 5)),
        2.5,
    ),
    "megatron wrapped": (
        "".join(
            f" iteration {i}/ 90 | consumed samples: 8\n | elapsed time per iteration (ms):\n2500.0 | lm loss: 1.0 |\n"
            for i in range(2, 9)
        ),
        2.5,
    ),
    "composer on one line": (
        "".join(f"[batch={i}/9]: Train throughput/batches_per_sec: 0.4000\n" for i in range(3, 9)),
        2.5,
    ),
    "a trainer with its own words": (
        "".join(f"Training Step: {i}  | total loss: 2.0 | time: 2.500s\n" for i in range(3, 9)),
        2.5,
    ),
    "units after numbers": ("".join(f"iter {i} | loss 3.1 | 2500.0 ms/step | 12.3k tok/s\n" for i in range(3, 9)), 2.5),
    "iterations per second": ("".join(f"step={i} loss=3.1 0.40000 it/s\n" for i in range(3, 9)), 2.5),
    "swift": (
        "".join(
            f"{{'loss': 1.0, 'global_step/max_steps': '{i}/90', 'train_speed(iter/s)': 0.400000}}\n"
            for i in range(3, 9)
        ),
        2.5,
    ),
    "mlperf losses": (
        ':::MLLOG {"time_ms": 1, "key": "global_batch_size", "value": 8, "metadata": {}}\n'
        + "".join(
            f':::MLLOG {{"time_ms": {25000 * i}, "key": "train_loss", "value": 1.0, "metadata": {{"samples_count": '
            f"{80 * i}}}}}\n"
            for i in range(1, 6)
        ),
        2.5,
    ),
    "python dicts": ("".join(f"{{'step': {i}, 'loss': 1.2, 'step_time_s': 2.5}}\n" for i in range(3, 9)), 2.5),
    "docker compose": ("".join(f"trainer-1  | step {i} loss 2.0 step_time=2.5s\n" for i in range(3, 9)), 2.5),
    "tracker history": (
        "".join(f'{{"_step": {i}, "_runtime": {100 + 2.5 * i}, "loss": 2}}\n' for i in range(3, 9)),
        2.5,
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_seen_in_other_versions(name):
    """Other versions and neighbours of the known formats: each states a step of 2.5 s."""
    written, seconds = VARIANTS[name]

    assert read_log(written).step_time_s == pytest.approx(seconds, rel=0.01)


def test_bridge_rate_before_the_iteration_belongs_to_it():
    """Megatron Bridge prints TFLOP/s on the line before."""
    text = "".join(
        f"Step Time : 2.50s GPU utilization: 700.5MODEL_TFLOP/s/GPU\n{megatron(i, 2500.0)}" for i in range(2, 9)
    )

    assert read_log(text).reported.tflops_per_device == pytest.approx(700.5)


def test_a_long_step_without_a_unit_is_doubted():
    """813 under ``iter_time`` may be milliseconds: said, with the flag that settles it."""
    table = "step,loss,iter_time\n" + "".join(f"{i},2.1,813\n" for i in range(1, 9))
    found = {f.code: f for f in read_log(table).findings}

    assert "time_ms=iter_time" in found["log/unit-unclear"].message
    assert read_log(table, columns={"time_ms": "iter_time", "step": "step"}).step_time_s == pytest.approx(0.813)
    assert "log/unit-unclear" not in {f.code for f in read_log(table.replace("iter_time", "iter_time_s")).findings}


def test_lines_of_micro_batches_are_said_to_be():
    """Three of eight: the step takes eight of these times."""
    lines = "".join(f"iter {i} micro_step 3/8 loss 2.1 dt 120ms tok/s 34000\n" for i in range(100, 109))
    found = {f.code: f for f in read_log(lines).findings}

    assert found["log/micro-steps"].severity == "warning"


def test_a_column_called_time_may_hold_the_clock():
    """Seconds or milliseconds since 1970, two seconds apart; ``time_ms`` is a duration where it is small."""
    for first, tick in ((1_700_000_000, 1), (1_700_000_000_000, 1000)):
        rows = "".join(f'{{"step": {i}, "loss": 2.1, "time": {first + 2 * tick * i}}}\n' for i in range(1, 12))
        assert read_log(rows).step_time_s == pytest.approx(2)
    rows = "".join(f'{{"step": {i}, "loss": 2.1, "time_ms": 812.0}}\n' for i in range(1, 12))
    assert read_log(rows).step_time_s == pytest.approx(0.812)


@pytest.mark.parametrize("part", ["trace time", "data time", "epoch time", "total_time", "forward time"])
def test_the_time_of_a_part_or_of_an_epoch_is_no_step(part):
    """The step's own time beside it is read; without one there is none."""
    lines = "".join(f"Epoch: 0, step: {i}, loss: 10.2, {part}: 12.5 ms{{}}\n" for i in range(1, 9))
    with pytest.raises(NoAnswer):
        read_log(lines.format(*[""] * 8))
    assert read_log(lines.format(*[", step time: 800 ms"] * 8)).step_time_s == pytest.approx(0.8)


@pytest.mark.parametrize("between", ["\t", ";"])
def test_tables_with_other_delimiters(between):
    """Tabs and semicolons stand for commas."""
    rows = ["step,loss,tokens_per_sec,step_time_s", *(f"{i},2.1,52000,1.26" for i in range(1, 12))]
    report = read_log("\n".join(row.replace(",", between) for row in rows) + "\n")

    assert (report.tokens_per_s, report.step_time_s) == (pytest.approx(52000), pytest.approx(1.26))


def test_bars_of_evaluation_between_those_of_training_part_nothing():
    """100 s for the first 50 steps with start-up, then 2 s a step, an evaluation after each 50."""
    lines = ["{'loss': 2.1, 'learning_rate': 1e-5, 'epoch': 0.1}"]
    for i in range(1, 9):
        seconds = 200 + 100 * (i - 1)
        lines.append(f" {i}%|█ | {50 * i}/1000 [{seconds // 60:02d}:{seconds % 60:02d}<31:40,  2.00s/it]")
        lines.append("100%|██████████| 13/13 [00:02<00:00,  5.2it/s]")

    assert read_log("\n".join(lines) + "\n").step_time_s == pytest.approx(2.0)


def test_steps_and_time_go_on_over_the_bars_of_epochs():
    """Three epochs of 100 steps and 200 s, four lines each: 2 s a step, over their borders too."""
    lines = [
        f"Epoch {e}: {n}%|█ | {n}/100 [{2 * n // 60:02d}:{2 * n % 60:02d}<01:00,  2.00s/it]"
        for e in range(3) for n in (25, 50, 75, 100)
    ]  # fmt: skip
    report = read_log("\n".join(lines) + "\n")

    assert report.step_time_s == pytest.approx(2.0)
    assert report.last_step == 300


def test_tracker_calls_beside_a_counter_of_frames_are_no_steps(tmp_path):
    """A simulator of 57,104 frames called its tracker six times: 1,422 s ÷ 6 is the time of nothing."""
    path = tmp_path / "wandb-summary.json"
    path.write_text('{"training_step": 57104, "_step": 6, "_runtime": 1422, "train-misc/approx_fps": 24.5}')

    with pytest.raises(NoAnswer):
        read_log(path)
