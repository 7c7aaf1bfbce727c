"""The gate of the log reader: what cannot be is an error and no headline; flags that were given are not asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfu_planner import flops
from mfu_planner.observe.logs import read_log

SAMPLES = Path(__file__).parent / "samples"
LINES = "".join(f"step: {i} tps: 6,000 tflops: 300 mfu: 30%\n" for i in (10, 20, 30, 40))


def severities(report):
    """Code → severity."""
    return {f.code: f.severity for f in report.findings}


def test_impossible_mfu_is_no_headline():
    """A 70B model at the rate of an 8B one comes out far above 100%: an error first, its causes, and no MFU."""
    report = read_log(LINES, devices=8, model="llama-3.1-70b", hardware="h100-sxm")

    by_hand = 6000 * flops(model="llama-3.1-70b", seq_len=8192).flops["total"] / 8192 / 989.4e12
    assert report.mfu is None
    assert report.mfu_by_arithmetic == pytest.approx(by_hand, rel=1e-3)
    assert report.findings[0].code == "sanity/above-100"
    assert report.findings[0].severity == "error"
    assert any(f.evidence.get("mfu_if_so") for f in report.findings[1:])
    assert severities(report)["log/other-work"] == "warning"
    dumped = json.loads(report.model_dump_json())["findings"][0]
    assert {"code", "severity", "text"} <= set(dumped)


def test_impossible_hfu_is_an_error():
    """Full recomputation makes 4/3 of an MFU of 78%: above 100%."""
    rate = 0.78 * 989.4e12 / (flops(model="llama-3.1-8b", seq_len=8192).flops["total"] / 8192)
    lines = "".join(f"step: {i} tps: {rate:.0f}\n" for i in (10, 20, 30))
    report = read_log(lines, devices=8, model="llama-3.1-8b", hardware="h100-sxm", recompute="full")

    assert report.mfu is None
    assert report.hfu is None
    assert report.mfu_by_arithmetic == pytest.approx(0.78, rel=1e-3)
    assert severities(report)["log/hfu-out-of-range"] == "error"


def test_rate_of_the_job_under_the_name_of_a_device():
    """8 devices, 16 sequences of 1,024 tokens in a second are 2,048 a device; 16,384 are stated a device."""
    lines = "".join(f"step: {i} tokens/gpu/sec: 16384 step_time: 1.0s\n" for i in (10, 20, 30))
    report = read_log(lines, devices=8, global_batch=16, seq_len=1024, model="llama-3.2-1b", hardware="h100-sxm")

    assert severities(report)["log/rate-contradicts-batch"] == "error"
    assert report.mfu is None
    assert report.mfu_by_arithmetic is not None


def test_job_and_device_that_do_not_divide_are_both_kept():
    """100,000 tokens/s and 50,000 a device cannot be of eight devices; both readings of the MFU are said."""
    lines = "".join(f"step: {i} tok/s: 100000 tokens/gpu/sec: 50000\n" for i in (10, 20, 30))
    report = read_log(lines, devices=8, model="llama-3.2-1b", hardware="h100-sxm", seq_len=4096)

    assert severities(report)["log/per-device-contradicts-job"] == "error"
    other = next(f for f in report.findings if f.code == "log/other-reading")
    assert other.evidence["mfu_if_so"] == pytest.approx(report.mfu_by_arithmetic / 4)


def test_length_of_a_preset_is_taken_as_mfu_takes_it():
    """BLOOM's branch prints seconds and a batch, no length: the preset's 2,048, and no HFU as the MFU."""
    line = (" iteration {0}/ 900 | consumed samples: {0} | elapsed time per iteration (s): 100.00 | "
            "global batch size: 2048 | samples per second: 20.48 | TFLOPs: 147.00 |\n")  # fmt: skip
    report = read_log("".join(line.format(i) for i in (31, 32, 33)), devices=384, model="bloom-176b",
                      hardware="a100-sxm-80gb")  # fmt: skip

    work = flops(model="bloom-176b", seq_len=2048).flops["total"] / 2048
    assert report.seq_len == 2048
    assert report.mfu == pytest.approx(2048 * 2048 / 100 / 384 * work / 312e12, rel=2e-3)
    assert report.reported.tflops_per_device == 147


@pytest.mark.parametrize("given", [{"devices": 8}, {"devices": 8, "seq_len": 128}, {"devices": 8, "global_batch": 4}])
def test_what_was_given_is_not_asked_for(given):
    """``--devices`` is not asked for when it was given, nor a model and hardware."""
    log = "{'loss': 1.2, 'tokens/train_per_sec_per_gpu': 500.0}\n 5%|# | 5/90 [00:50<10:00, 10.0s/it]\n"
    said = read_log(log, model="llama-3.2-1b", hardware="h100-sxm", **given)
    text = " ".join([*said.warnings, *(f.message for f in said.findings)])

    for name in given:
        assert f"--{name.replace('_', '-')}" not in text
    assert "--model" not in text
    assert "--hardware" not in text


def test_phases_of_a_reinforcement_step():
    """400 tokens/s over 80 s and 8 devices; training is three passes, generation and log-probabilities one each."""
    report = read_log(SAMPLES / "verl.log", model="qwen2.5-7b", hardware="h100-sxm", seq_len=4096)

    work = flops(model="qwen2.5-7b", seq_len=4096).flops["total"] / 4096
    tokens, step, peak = 800_000, 80.0, 8 * 989.4e12
    by_name = {p.name: p for p in report.phases}
    assert list(by_name) == ["generation", "log-probabilities", "reference", "training", "weight sync"]
    assert by_name["generation"].seconds_per_step == pytest.approx(40)
    assert by_name["training"].mfu == pytest.approx(tokens * work / (20 * peak), rel=1e-3)
    assert by_name["generation"].model_flops_per_token == pytest.approx(work / 3)
    assert by_name["generation"].mfu == pytest.approx(tokens * work / 3 / (40 * peak), rel=1e-3)
    assert by_name["weight sync"].mfu is None
    assert by_name["training"].reported_mfu == pytest.approx(0.4)
    assert report.mfu == pytest.approx(tokens * work * (1 + 3 / 3) / (step * peak), rel=1e-3)


def test_a_phase_above_all_peaks_has_no_mfu():
    """A fiftieth of the peak makes fifty times the MFU of every phase: beyond 100% it is not shown."""
    report = read_log(SAMPLES / "verl.log", model="qwen2.5-7b", peak="20 TFLOP/s", seq_len=4096, devices=8)

    assert all(p.mfu is None or p.mfu <= 1 for p in report.phases)
    assert severities(report)["log/phase-mfu-out-of-range"] == "error"
    assert report.mfu is None


def test_mfu_of_a_phase_is_not_the_mfu_of_the_job():
    """Without a model, verl's ``perf/mfu/actor`` is reported, not repeated as the answer."""
    report = read_log(SAMPLES / "verl.log")

    assert report.mfu is None
    assert report.reported.mfu == pytest.approx(0.4)


def test_what_the_file_says_of_the_whole_run_is_apart():
    """The last loss comes after 200 s; the run ends at 250 s with its checkpoint."""
    report = read_log(SAMPLES / "hf-tokens.log")

    assert report.step_time_s == pytest.approx(4)
    assert report.job["runtime_s"] == 250
    assert report.job["tokens_total"] == 1_600_000


def test_parts_without_a_step_are_a_lower_bound():
    """Old forks of verl time the phases only: no step time, and their sum is said to be a lower bound."""
    report = read_log("step:3 - timing/gen:300.0 - timing/adv:1.0 - timing/update_actor:84.0 - actor/grad_norm:0.1\n")

    assert report.step_time_s is None
    assert severities(report)["log/only-phases"] == "warning"
    assert sum(p.seconds_per_step for p in report.phases) == pytest.approx(385)


def test_samples_per_second_a_thousand_times_too_small():
    """A branch of Megatron-DeepSpeed divided by milliseconds: 2,048 ÷ 400 s is 5.12, not 0.005."""
    line = (" iteration {0}/ 900 | elapsed time per iteration (ms): 400000.0 | global batch size:  2048 | "
            "samples per second: 0.005 | TFLOPs: 35.24 |\n")  # fmt: skip
    report = read_log("".join(line.format(i) for i in (10, 11, 12)))

    assert report.samples_per_s == pytest.approx(5.12)
    assert severities(report)["log/samples-contradict-batch"] == "warning"


def test_format_that_finds_nothing_gives_way():
    """A line of DeepSpeed's profiler that is off does not hide the Trainer's results."""
    log = (
        "DeepSpeed Flops Profiler -----\n"
        "{'train_runtime': 200.0, 'train_samples_per_second': 6.4, 'train_steps_per_second': 0.4, 'epoch': 1.0}\n"
    )

    assert read_log(log).samples_per_s == pytest.approx(6.4)


def test_coarse_step_time_has_its_range():
    """0.008 steps/s has one digit: 3,600 s make 29 steps, and 124 s a step is known to ±6%."""
    table = (
        "***** train metrics *****\n[worker :0]   train_runtime            = 1:00:00.00\n"
        "[worker :0]   train_samples_per_second =      1.051\n"
        "[worker :0]   train_steps_per_second   =      0.008\n"
    )
    found = next(f for f in read_log(table).findings if f.code == "log/coarse-step-time")

    assert found.evidence["low_s"] < 1 / 0.0085 + 1
    assert found.evidence["high_s"] > 1 / 0.0075 - 1


def test_bars_that_read_or_tokenise_are_no_steps():
    """143,000 it/s is no training."""
    log = "100%|##########| 2000/2000 [00:00<00:00, 143000.00it/s]\n 50%|#####     | 5/10 [00:05<00:05, 1.00s/it]\n"

    assert read_log(log).step_time_s == pytest.approx(1)


def test_work_of_a_server_is_forward_passes():
    """60 TFLOP/s of a GPU ÷ its peak; without them a token is a third of a training token's work."""
    by_flops = read_log(SAMPLES / "vllm.log", hardware="h100-sxm", model="llama-3.1-8b")
    assert by_flops.mfu == pytest.approx(60 / 989.4, rel=1e-3)

    by_tokens = read_log(SAMPLES / "sglang.log", hardware="h100-sxm", model="llama-3.1-8b", devices=1, seq_len=4096)
    work = flops(model="llama-3.1-8b", seq_len=4096).flops["forward"] / 4096
    assert by_tokens.mfu == pytest.approx(2000 * work / 989.4e12, rel=3e-3)


def test_validation_of_torchtitan_is_not_training():
    """Its line has a step and a rate too."""
    lines = LINES + "validate step: 40  loss: 2.1  memory: 9.0GiB(9%)  tps: 19,000\n"

    assert read_log(lines).tokens_per_s_per_device == pytest.approx(6000)


def test_padding_is_reported_and_real_tokens_win():
    """16 × 1,024 places hold 12,000 tokens: 27% is padding, and the rate is of the 12,000."""
    dicts = ({"step": i, "step_time": 2.0, "num_tokens": 12000 * i, "loss": 1.0} for i in (1, 2, 3, 4))
    rows = "".join(json.dumps(d) + "\n" for d in dicts)
    report = read_log(rows, global_batch=16, seq_len=1024)

    assert report.tokens_per_s == pytest.approx(6000)
    padding = next(f for f in report.findings if f.code == "log/padding")
    assert padding.evidence["share"] == pytest.approx(1 - 12000 / 16384)


def test_hardware_of_the_log_and_of_the_user():
    """The flag wins, and that the text names another device is said."""
    report = read_log("NVIDIA A100-SXM4-80GB\n" + LINES, devices=8, model="llama-3.1-8b", hardware="h100-sxm")

    assert report.peak_flops_per_s == pytest.approx(989.4e12, rel=1e-3)
    assert severities(report)["log/contradicts-hardware"] == "warning"


def test_steps_of_a_tracker_are_updates():
    """The tracker counts eight calls an update of 4 s: a step is an update."""
    dicts = ({"_step": 8 * i, "_timestamp": 1.9e9 + 4 * i, "train/update_step": i, "train/loss": 1.0} for i in range(9))
    report = read_log("".join(json.dumps(d) + "\n" for d in dicts))

    assert report.step_time_s == pytest.approx(4)
    assert report.last_step == 8


def test_batch_may_be_a_mean():
    """Batches that are filled by tokens have 46.4 sequences on average."""
    report = read_log("".join(f"step: {i} dt: 2000ms\n" for i in (5, 6, 7)), global_batch="46.4", seq_len=100)

    assert report.tokens_per_s == pytest.approx(2320)


def test_own_convention_of_a_phase_beside_the_planners():
    """verl counts table and head, and half of attention: by hand from Qwen2.5 7B's shape at 4,096."""
    report = read_log(SAMPLES / "verl.log", model="qwen2.5-7b", hardware="h100-sxm", seq_len=4096)
    training = next(p for p in report.phases if p.name == "training")

    dense = 28 * (2 * 3584 * 128 * (28 + 4) + 3 * 3584 * 18944) + 2 * 152064 * 3584
    work = 6 * dense + 6 * 28 * 28 * 128 * 4096
    assert training.own_convention_mfu == pytest.approx(work * 800_000 / 20 / (8 * 989.4e12), rel=2e-3)
    assert training.reported_mfu == pytest.approx(0.4)


def test_idle_share_of_devices_that_do_all_phases():
    """80 s hold 40 + 5 + 5 + 20 + 2 s of a model's phases: a tenth is idle."""
    (group,) = read_log(SAMPLES / "verl.log").device_groups

    assert (group.name, group.idle_share) == ("devices", pytest.approx(0.1))


def test_idle_share_of_trainers_beside_generators():
    """Four train 20 of 50 s, four others generate for 10: both counted by the log's own groups."""
    lines = (
        "===== Step 2/5 =====", "Training Results:", "• Total step time: 50.00s", "• policy_training: 20.00s (40%)",
        "• generation: 10.00s (20%)", "- E2E (Tokens/sec/gpu): 1000.00",
        "- Training Worker Group (Tokens/sec/gpu): 5000.0",
        "- Generation Worker Group (Tokens/sec/gpu): 10000.0", "- E2E (Tokens/sec): 8000.00",
        "- Training Worker Group (Tokens/sec): 20000.0", "- Generation Worker Group (Tokens/sec): 40000.0",
    )  # fmt: skip
    report = read_log("\n".join(lines) + "\n")

    told = [(g.name, g.devices, round(g.idle_share, 6)) for g in report.device_groups]
    assert told == [("training devices", 4, 0.6), ("generating devices", 4, 0.8)]
    assert report.devices == 8


def test_flops_of_one_phase_are_not_the_mfu_of_the_step():
    """slime's TFLOP/s are of training, a quarter of the step: 180 of 989.4 is the phase's, a quarter the step's."""
    report = read_log(SAMPLES / "slime.log", hardware="h100-sxm")

    training = next(p for p in report.phases if p.name == "training")
    assert training.mfu == pytest.approx(180 / 989.4, rel=1e-3)
    assert report.mfu == pytest.approx(180 / 989.4 / 4, rel=1e-3)


def test_a_trainer_that_waits_for_generators_beside_it():
    """verl's asynchronous trainer calls its wait ``gen``: 36 of 96 s; forward of 6 s and update alone are its work.

    By hand: 3 + 1 passes of 2 FLOP per parameter and token, 16 devices of 989.4 TFLOP/s, 96 s; more with attention.
    """
    report = read_log(SAMPLES / "verl-async.log", model="qwen2.5-7b", hardware="h100-sxm", seq_len=4096)
    seconds = {p.name: p.seconds_per_step for p in report.phases}
    assert seconds == {"waiting": 36, "log-probabilities": 6, "training": 48, "weight sync": 3}
    assert {p.mfu for p in report.phases} == {None}  # how many of the 16 devices train is not said
    (trainers,) = report.device_groups
    assert trainers.idle_share == 36 / 96
    products = 4 * 2 * 7.07e9 * 1536000 / (16 * 96 * 989.4e12)
    assert products < report.mfu < 1.2 * products
    assert "log/generation-elsewhere" in {f.code for f in report.findings}


def test_overflowed_rate_is_an_error_and_left_out():
    """A counter that overflowed makes 8e19 tokens/s of a step of half a second: the step stays, the rate goes."""
    line = "{}/88743 [10:51:46<53:53, 2.09it/s, loss=5.7, wps=8.4e+19, ups=2, wpb=4.2e+19, bsz=64, num_updates={}]\n"

    report = read_log("".join(line.format(n, n) for n in range(100, 105)), seq_len=128)

    assert severities(report)["log/rate-out-of-range"] == "error"
    assert report.step_time_s == pytest.approx(0.5, rel=0.01)
    assert report.tokens_per_s is None or report.tokens_per_s < 1e6


def test_batch_of_a_coarse_clock_is_not_said():
    """400 samples/s between stamps of whole seconds, 5 ± 1 s for 20 steps: a batch of 80 to 120 is no batch."""
    lines = "".join(
        f"| Training Device=xla:0/0 Epoch=1 Step={step} Loss=0.1 Rate=400.00 GlobalRate=396.82 Time=22:01:{second}\n"
        for step, second in ((700, 47), (720, 52))
    )

    report = read_log(lines)

    assert report.samples_per_s == pytest.approx(400) or report.samples_per_s is None
    assert report.global_batch is None
