"""Cross-checks: each contradiction in a log is a finding, never a silent choice."""

from __future__ import annotations

from mfu_planner.observe.logs.quantities import Quantities, missing
from mfu_planner.observe.logs.reading import Reading, Severity
from mfu_planner.observe.logs.steady import Window

#: Two roads to one number may differ by this share before it is a finding.
AGREE = 0.03
#: Tokens by rate × time may exceed those of a step by this share (rounding, uneven steps) before it cannot be.
MORE_THAN_IS_THERE = 0.15
#: Slow steps outside the steady window that take more than this share of the time are a finding.
LOST = 0.05
#: A step time known no better than this has its range said.
COARSE_STEP = 0.03
#: A rate known no better than this is said to be rounded.
COARSE_RATE = 0.01
_NAMES = {"devices": "devices", "global_batch": "global batch", "seq_len": "sequence length"}


def cross_check(
    log: Reading, window: Window, q: Quantities, stated: dict[str, float], given: dict[str, float | None]
) -> None:
    """Add a note for everything that does not fit together."""
    _given_against_header(log, given)
    _rate_against_batch(log, q, stated)
    _per_device_against_job(log, q, stated)
    _padding(log, q)
    _clock(log, q)
    _utilisation(log, stated)
    _means(log, q, stated)
    _sessions(q, log)
    _whole_run(log)
    _rounded(log, q)
    if window.lost_share is not None and window.lost_share > LOST:
        log.note(
            "log/irregular-steps", "warning",
            f"steps outside the steady window (evaluation, checkpoints, stalls) take {window.lost_share:.0%} of "
            f"the logged time: "
            "the wall clock runs slower than the steady step time says",
            lost_share=window.lost_share,
        )  # fmt: skip


def scope_of_axolotl(log: Reading, q: Quantities) -> None:
    """Axolotl's ``tokens/train_per_sec_per_gpu``: trained tokens only; of all devices in releases up to 0.12.

    Source: axolotl, src/axolotl/utils/callbacks/tokens_per_second.py, before and after it divides by the data-parallel
    size.
    """
    rate = log.summary.get("trainable_tokens_per_s_of_unknown_scope")
    if not rate:
        return
    job, each = q.value("tokens_per_s"), q.value("tokens_per_s_per_device")
    if job is None:
        text = f"no rate is taken from it: give {' and '.join(missing(q) or ['a log of more steps'])}"
    elif each is not None and abs(rate / job - 1) < abs(rate / each - 1):
        text = "by batch, length and step time it is the whole job's"
    else:
        text = "by batch, length and step time it is one device's"
    log.note(
        "log/rate-of-unclear-scope", "warning",
        f"tokens/train_per_sec_per_gpu is {rate:,.0f}; it counts trained tokens only, and in older releases those of "
        f"all devices; {text}", rate=rate,
    )  # fmt: skip


def _given_against_header(log: Reading, given: dict[str, float | None]) -> None:
    for name, words in _NAMES.items():
        own, said = log.header.values.get(name), given.get(name)
        if own and said and abs(own / said - 1) > 1e-6:
            log.note(
                f"log/contradicts-{name.replace('_', '-')}", "warning",
                f"the log's text says {words} {own:g}, but {said:g} was given: the given value is "
                f"used", log=own, given=said,
            )  # fmt: skip


def _rate_against_batch(log: Reading, q: Quantities, stated: dict[str, float]) -> None:
    """Rate × time against batch × length."""
    seconds, rate = stated.get("step_time_s"), stated.get("tokens_per_s")
    if rate is None and "tokens_per_s_per_device" in stated and "devices" in q:
        rate = stated["tokens_per_s_per_device"] * q["devices"].value
    seconds = seconds or (q["clock_s"].value if "clock_s" in q and q["clock_s"].resolution < AGREE else None)
    batch, length = q.value("global_batch"), q.value("seq_len")
    tokens = (
        q["tokens_per_step"].value
        if "tokens_per_step" in q and "derived: rate" not in q["tokens_per_step"].origin
        else None
    )
    tokens = batch * length if batch and length else tokens
    if not (seconds and rate and tokens):
        return
    ratio = rate * seconds / tokens
    slack = AGREE + sum(log.resolution.get(n, 0.0) for n in ("step_time_s", "tokens_per_s"))
    if abs(ratio - 1) > slack:
        log.note(
            "log/rate-contradicts-batch", _severity(ratio, q),
            f"stated rate × step time is {rate * seconds:,.0f} tokens, but a step has {tokens:,.0f} (× {ratio:.3g}): "
            + _likely(ratio, q),
            ratio=ratio, rate_times_time=rate * seconds, tokens_per_step=tokens,
        )  # fmt: skip
    samples = stated.get("samples_per_s")
    if samples and batch and "step_time_s" in stated and abs(samples * stated["step_time_s"] / batch - 1) > AGREE:
        ratio = samples * stated["step_time_s"] / batch
        log.note(
            "log/samples-contradict-batch", "warning",
            f"samples per second × step time is {ratio:.3g} of the global batch of {batch:g}", ratio=ratio,
        )  # fmt: skip


def _severity(ratio: float, q: Quantities) -> Severity:
    """More tokens than a step has, or a factor of the devices, cannot be; fewer may be padding or waits."""
    devices = q.value("devices")
    mixed = devices is not None and devices > 1 and abs(ratio * devices - 1) < AGREE
    return "error" if ratio > 1 + MORE_THAN_IS_THERE or mixed else "warning"


def _likely(ratio: float, q: Quantities) -> str:
    devices = q.value("devices")
    for factor, words in ((devices, "the number of devices: per device and whole job are mixed up"),
                          (1 / devices if devices else None, "one over the number of devices: per device and whole "
                                                             "job are mixed up")):  # fmt: skip
        if factor and factor != 1 and abs(ratio / factor - 1) < AGREE:
            return f"that is {words}"
    if ratio < 1:
        return (
            "padding or packing may leave fewer real tokens, or the rate includes waits that the step time leaves out"
        )
    return "the step time may be of a micro-batch, or the rate divided by the wrong interval"


def _padding(log: Reading, q: Quantities) -> None:
    """Tokens that were really there against length × batch."""
    tokens, batch, length = q.get("tokens_per_step"), q.value("global_batch"), q.get("seq_len")
    if tokens is None or not batch or length is None or not tokens.origin.startswith("stated") or log.phase_mfu:
        return
    share = 1 - tokens.value / (batch * length.value)
    if 0.01 < share < 1 and "trained at" not in length.origin:
        log.note(
            "log/padding", "note",
            f"a step has {tokens.value:,.0f} tokens of {batch * length.value:,.0f} that batch × length would hold: "
            f"{share:.0%} is padding or unfilled; the rates are of the tokens that were there", share=share,
        )  # fmt: skip


def _per_device_against_job(log: Reading, q: Quantities, stated: dict[str, float]) -> None:
    job, each, devices = stated.get("tokens_per_s"), stated.get("tokens_per_s_per_device"), q.value("devices")
    if job and each and devices and abs(each * devices / job - 1) > AGREE:
        log.note(
            "log/per-device-contradicts-job", "error",
            f"whole-job rate ÷ per-device rate is {job / each:.4g}, but there are {devices:g} "
            f"devices", quotient=job / each,
            devices=devices, ratio=each * devices / job,
        )  # fmt: skip


def _clock(log: Reading, q: Quantities) -> None:
    """A stated step time, running means above all, against the time stamps."""
    seconds, clock = q.get("step_time_s"), q.get("clock_s")
    if seconds is None or clock is None or "time stamps" in seconds.origin:
        return
    off = clock.value / seconds.value - 1
    if abs(off) > AGREE + clock.resolution + (seconds.resolution if seconds.resolution < 1 else 0.0):
        running = "running" in seconds.origin or bool(log.running)
        log.note(
            "log/clock-contradicts-running-mean" if running else "log/clock-contradicts-step-time", "warning",
            f"by the time stamps a step takes {clock.value:.4g} s, the log's own figures give {seconds.value:.4g} "
            f"s ({off:+.1%}): "
            + ("a running mean lags behind or hides waits" if running else "time between steps (loader, logging, "
                                                                           "checkpoints) is not in the stated time"),
            by_clock_s=clock.value, stated_s=seconds.value,
        )  # fmt: skip


def _utilisation(log: Reading, stated: dict[str, float]) -> None:
    for name in ("mfu", "hfu"):
        value = stated.get(name)
        if value is not None and value > 1:
            log.note(
                "log/mfu-out-of-range", "error",
                f"the log claims an {name.upper()} of {value:.1%}: rates of the whole job were divided by one "
                f"device's peak, the peak is "
                "of another device or precision, or FLOPs are counted twice",
                **{name: value},
            )  # fmt: skip
    records = log.store.records()
    sentinels = sum(1 for r in records if r.mfu is not None and r.mfu <= 0)
    if sentinels and sentinels >= len(records) / 2:
        log.note(
            "log/mfu-sentinel", "warning",
            "the logged MFU is a sentinel (zero or negative) that means unknown, usually a device missing from the "
            "framework's table",
            records=float(sentinels),
        )  # fmt: skip


def _means(log: Reading, q: Quantities, stated: dict[str, float]) -> None:
    """Instantaneous against whole-run averages, and two sources of one rate."""
    actual, now = log.summary.get("actual_tokens_per_s_per_device"), stated.get("tokens_per_s_per_device")
    if actual and now and actual < now * (1 - AGREE):
        log.note(
            "log/goodput-gap", "warning",
            f"the whole-run average is {actual:,.0f} tokens/s per device against {now:,.0f} in a step: "
            f"{1 - actual / now:.0%} of the time "
            "goes to evaluation, checkpoints, loading or start-up",
            actual=actual, step=now,
        )  # fmt: skip
    mean = log.summary.get("running_step_time_s")
    seconds = q.value("step_time_s")
    if mean and seconds and abs(mean / seconds - 1) > 0.005:
        log.note(
            "log/running-mean-differs", "note",
            f"the log's running mean is {mean:.5g} s a step, the steps of the window take {seconds:.5g} "
            f"s", running_mean_s=mean, step_time_s=seconds,
        )  # fmt: skip
    timer, samples = log.parts.get("deepspeed_samples_per_s"), stated.get("samples_per_s")
    if timer and samples and abs(timer[0] / timer[1] / samples - 1) > AGREE:
        log.note(
            "log/two-rates", "warning",
            f"DeepSpeed's timer says {timer[0] / timer[1]:.4g} samples/s, the iteration lines {samples:.4g}: the "
            f"timer leaves out "
            "loading and logging between steps",
            deepspeed=timer[0] / timer[1], iteration=samples,
        )  # fmt: skip
    communication, step = log.parts.get("bwd_allreduce"), q.value("step_time_s")
    if communication and step:
        share = communication[0] / communication[1] / step
        if share > 0.1:
            log.note(
                "log/exposed-communication", "warning",
                f"the gradient all-reduce takes {share:.1%} of a step after the backward pass: it is not "
                f"overlapped", share=share,
            )  # fmt: skip


def _sessions(q: Quantities, log: Reading) -> None:
    """Run time ÷ steps of a tracker against the rate: a resumed run counts the time of its last session only."""
    whole, seconds = q.get("whole_run_s") or q.get("session_s"), q.get("step_time_s")
    if whole and seconds and whole.value < seconds.value * (1 - AGREE):
        log.note(
            "log/resumed-run", "warning",
            f"run time ÷ steps is {whole.value:.4g} s, less than a step's {seconds.value:.4g} s: the steps are "
            f"counted over several sessions or "
            "in calls of the tracker, the time is not",
            whole_run_s=whole.value, step_time_s=seconds.value,
        )  # fmt: skip


def _whole_run(log: Reading) -> None:
    """Skipped steps, the Trainer's own count of operations, recomputation and precision that the header states."""
    skipped = log.summary.get("skipped_steps")
    if skipped:
        log.note(
            "log/skipped-steps", "warning",
            f"{skipped:g} of {log.store.counted} iterations were skipped (loss scale): the throughput is real, the "
            f"training is not",
            skipped=skipped,
        )  # fmt: skip
    operations, runtime = log.summary.get("total_flops"), log.summary.get("runtime_s")
    if operations and runtime:
        log.note(
            "log/trainer-operations", "note",
            f"total_flos ÷ run time is {operations / runtime / 1e12:.4g} TFLOP/s of the whole job: the Trainer's 6 "
            f"× parameters × tokens, padding "
            "included, frozen weights not discounted",
            flops_per_s=operations / runtime,
        )  # fmt: skip
    if log.header.recompute:
        log.note(
            "log/recompute-on", "note",
            "the text says that activations are recomputed: a TFLOP/s that counts it is hardware FLOP/s (give "
            "--recompute for the HFU)",
        )  # fmt: skip
    if log.header.fp8:
        log.note(
            "log/fp8", "note",
            "the text speaks of fp8: many frameworks still divide by the bf16 peak (see --peak-dtype)",
        )  # fmt: skip


def _rounded(log: Reading, q: Quantities) -> None:
    """A rate printed with two digits or fewer is not what the step time rests on; else its range is said."""
    step = q.get("step_time_s")
    if step is not None and COARSE_STEP < step.resolution < 1 and "running" not in step.origin:
        low, high = step.value / (1 + step.resolution), step.value / (1 - step.resolution)
        log.note(
            "log/coarse-step-time", "warning",
            f"the step time is known to ±{step.resolution:.0%}, as coarsely as the log prints: between {low:.4g} and "
            f"{high:.4g} s", low_s=low, high_s=high,
        )  # fmt: skip
    for name, words in (("steps_per_s", "steps per second"), ("samples_per_s", "samples per second")):
        width = log.resolution.get(name, 0.0)
        if width >= COARSE_RATE and "step_time_s" in q and words not in q["step_time_s"].origin:
            log.note(
                "log/rounded-rate", "note",
                f"{words} is printed too coarsely (±{width:.1%}): the step time comes from elsewhere "
                f"({q['step_time_s'].origin})",
                half_width=width,
            )  # fmt: skip
