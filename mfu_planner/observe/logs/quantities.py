"""From what a log states and what the user gives to one consistent set of rates: what is stated, what derived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.steady import Window

#: A stated step time printed more coarsely than this gives way to a finer derived one.
COARSE = 0.005
#: Derived counts within this share of a whole number are that number.
NEAR_INTEGER = 0.01
#: Nothing that a log states is larger or smaller; what is, is garbage.
_LARGEST, _SMALLEST = 1e40, 1e-20
#: Nothing does so many tokens or samples, or steps, in a second: a counter has overflowed.
_FASTEST = 1e14
#: A rate of samples that is off by more than this factor is not what its key says.
WRONG = 1.5
#: What a running mean's last value is taken to be known to.
RUNNING = 0.02


_COUNTED = frozenset({"tokens_per_s", "tokens_per_s_per_device", "samples_per_s", "samples_per_s_per_device",
                      "tokens_per_step"})  # fmt: skip
_OF_A_RUN = (
    "step_time_s",
    "tokens_per_s",
    "tokens_per_s_per_device",
    "samples_per_s",
    "global_batch",
    "tokens_per_step",
    "flops_per_s_per_device",
)


@dataclass(frozen=True, slots=True)
class LoggedQuantity:
    """A value in SI, whether it was ``given``, ``stated`` or ``derived`` and how, and its relative half-width."""

    value: float
    origin: str
    resolution: float = 0.0


class Quantities(dict[str, LoggedQuantity]):
    """Named quantities; the first to be set stays."""

    def put(self, name: str, value: float | None, origin: str, resolution: float = 0.0) -> None:
        """Set a quantity that is not set yet."""
        if value is not None and _SMALLEST < value < _LARGEST and name not in self:
            self[name] = LoggedQuantity(value, origin, resolution)

    def value(self, name: str) -> float | None:
        """The value, or ``None``."""
        return self[name].value if name in self else None


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a quantity from others: ``value(*others)``."""

    target: str
    needs: tuple[str, ...]
    words: str
    value: Callable[..., float]


_BATCH = Route("global_batch", ("samples_per_s", "step_time_s"), "samples per second × step time", lambda r, s: r * s)
#: Tried in this order, again and again until nothing new comes out.
ROUTES = (
    Route("tokens_per_step", ("global_batch", "seq_len"), "global batch × length", lambda b, s: b * s),
    Route("tokens_per_s", ("tokens_per_s_per_device", "devices"), "per device × devices", lambda r, n: r * n),
    Route("samples_per_s", ("samples_per_s_per_device", "devices"), "per device × devices", lambda r, n: r * n),
    Route("step_time_s", ("tokens_per_step", "tokens_per_s"), "tokens of a step ÷ rate", lambda t, r: t / r),
    Route("step_time_s", ("global_batch", "samples_per_s"), "global batch ÷ samples per second", lambda b, r: b / r),
    Route("step_time_s", ("steps_per_s",), "1 ÷ steps per second", lambda r: 1 / r),
    Route("tokens_per_s", ("tokens_per_step", "step_time_s"), "tokens of a step ÷ step time", lambda t, s: t / s),
    Route("tokens_per_s", ("samples_per_s", "seq_len"), "samples per second × length", lambda r, s: r * s),
    Route("tokens_per_step", ("tokens_per_s", "step_time_s"), "rate × step time", lambda r, s: r * s),
    Route("step_time_s", ("clock_s",), "the log's time stamps", lambda s: s),
    Route("step_time_s", ("whole_run_s",), "run time ÷ steps of the whole run", lambda s: s),
    Route("tokens_per_s_per_device", ("tokens_per_s", "devices"), "rate ÷ devices", lambda r, n: r / n),
    Route("samples_per_s", ("global_batch", "step_time_s"), "global batch ÷ step time", lambda b, s: b / s),
    Route("flops_per_s_per_device", ("flops_per_s", "devices"), "whole job ÷ devices", lambda f, n: f / n),
    _BATCH,
)


#: What a user may give, and the flag for it.
FLAGS = {"devices": "--devices", "global_batch": "--global-batch", "seq_len": "--seq-len"}


def missing(q: Quantities) -> list[str]:
    """Flags of what is not known yet."""
    unknown = [flag for name, flag in FLAGS.items() if name not in q]
    return [f for f in unknown if f == "--devices" or "tokens_per_s" not in q]


def gather(
    log: Reading,
    window: Window,
    stated: dict[str, float],
    given: dict[str, float | None],
    length: tuple[float | None, str] = (None, ""),
) -> Quantities:
    """Everything known, then what follows from it; ``length`` is that of the model, where nothing else says one."""
    q = Quantities()
    for name, value in given.items():
        q.put(name, value, "given")
    _whole_run(log, q)
    running = log.running
    stated = _without_wrong_samples(log, stated)
    for name, value in stated.items():
        coarse = max(log.resolution.get(name, 0.0), RUNNING if name in running else 0.0)
        origin = "stated (running mean, last value)" if name in running else "stated (mean over the window)"
        if name == "step_time_s" and window.basis in ("elapsed_s", "time"):
            origin = "derived: " + ("elapsed time ÷ steps" if window.basis == "elapsed_s" else "the log's time stamps")
            coarse = max(coarse, window.clock_uncertainty) if window.basis == "time" else coarse
        if name == "mfu" or (name in _COUNTED and value > _FASTEST and _overflowed(log, name, value)):
            continue
        q.put(name, value, origin, coarse)
    for name in ("devices", "global_batch", "seq_len", "tokens_per_step"):
        if name == "tokens_per_step" and "global_batch" in given and given["global_batch"] and "seq_len" in q:
            continue
        q.put(name, log.header.values.get(name), "stated (header)")
    q.put("seq_len", *length)
    if window.clock_s is not None:
        q.put("clock_s", window.clock_s, "stated (time stamps)", window.clock_uncertainty)
    _prefer_fine(q)
    _close(q)
    _whole_devices(q)
    _close(q)
    _whole_batch(q)
    return q


def _overflowed(log: Reading, name: str, value: float) -> bool:
    """Say that a stated rate cannot be."""
    log.note(
        "log/rate-out-of-range", "error",
        f"{name.replace('_per_s', '/s').replace('_per_device', '/device').replace('_', ' ')} of {value:.3g} cannot be: "
        "a counter has overflowed; it is left out", rate=value,
    )  # fmt: skip
    return True


def _without_wrong_samples(log: Reading, stated: dict[str, float]) -> dict[str, float]:
    """Without a stated rate of samples that batch ÷ step time contradicts by more than jitter."""
    batch, seconds, rate = (stated.get(k) for k in ("global_batch", "step_time_s", "samples_per_s"))
    if not (batch and seconds and rate) or 1 / WRONG < rate * seconds / batch < WRONG:
        return stated
    log.note(
        "log/samples-contradict-batch", "warning",
        f"{rate:.4g} samples/s × {seconds:.4g} s is {rate * seconds:.4g}, but the batch is {batch:g}: batch ÷ step "
        "time is used", rate=rate, ratio=rate * seconds / batch,
    )  # fmt: skip
    return {k: v for k, v in stated.items() if k != "samples_per_s"}


def _whole_run(log: Reading, q: Quantities) -> None:
    """Statements about the whole run, where there are any."""
    s = log.summary
    for name in _OF_A_RUN:
        q.put(name, s.get(name), "stated (whole run)", log.resolution.get(name, 0.0))
    runtime, steps = s.get("runtime_s"), s.get("steps")
    if runtime and not steps and s.get("steps_per_s"):
        steps = float(round(min(runtime * s["steps_per_s"], _LARGEST))) or None
        log.resolution["steps"] = log.resolution.get("steps_per_s", 0.05)
    if runtime and steps and "tracker" in s:
        # of the last session where the run was resumed: a stated rate is not gone round with it
        name = "session_s" if s.get("tokens_per_s") or s.get("samples_per_s") else "whole_run_s"
        q.put(name, runtime / steps, "stated (whole run)")
    elif runtime and steps:
        q.put("step_time_s", runtime / steps, "derived: run time ÷ steps", log.resolution.get("steps", 0.0))
        if s.get("samples_per_s") and "steps_per_s" in s:
            samples = runtime * s["samples_per_s"] / steps
            near = round(samples)
            exact = near >= 1 and abs(samples / near - 1) < 0.02
            q.put("global_batch", float(near) if exact else None, "derived: samples ÷ steps", 0.02)


def _prefer_fine(q: Quantities) -> None:
    """Let a coarsely printed or running step time or rate go where a finer road exists."""
    coarse = q.get("step_time_s")
    fine = [r for r in ROUTES if r.target == "step_time_s" and r.needs not in (("clock_s",), ("whole_run_s",))]
    if coarse is not None and coarse.resolution > COARSE and coarse.origin != "given":
        for route in fine:
            if all(n in q for n in route.needs) and 5 * max(q[n].resolution for n in route.needs) < coarse.resolution:
                del q["step_time_s"]
                break
    if "steps_per_s" in q and "step_time_s" not in q and q["steps_per_s"].resolution > COARSE:
        others = [r for r in fine if r.needs != ("steps_per_s",) and all(n in q for n in r.needs)]
        if others:
            del q["steps_per_s"]
    rate = q.get("tokens_per_s")
    if rate is not None and "running" in rate.origin and "step_time_s" in q and _has_step_tokens(q):
        del q["tokens_per_s"]


def _has_step_tokens(q: Quantities) -> bool:
    return "tokens_per_step" in q or ("global_batch" in q and "seq_len" in q)


def _close(q: Quantities) -> None:
    """Follow the routes until nothing new comes out."""
    grew = True
    while grew:
        grew = False
        for route in ROUTES:
            if route.target not in q and all(n in q for n in route.needs):
                parts = [q[n] for n in route.needs]
                q.put(
                    route.target, route.value(*(p.value for p in parts)), f"derived: {route.words}",
                    sum(p.resolution for p in parts),
                )  # fmt: skip
                grew = route.target in q


def _whole_batch(q: Quantities) -> None:
    """A batch from a rate of samples and a step time is whole, and unknown where the step time is coarse."""
    batch = q.get("global_batch")
    if batch is None or batch.origin != f"derived: {_BATCH.words}":
        return
    near = float(round(min(batch.value, _LARGEST)))
    if batch.resolution > NEAR_INTEGER:
        del q["global_batch"]
    elif near >= 1 and abs(batch.value / near - 1) < NEAR_INTEGER:
        q["global_batch"] = LoggedQuantity(near, batch.origin, batch.resolution)


def _whole_devices(q: Quantities) -> None:
    """Devices from a whole-job and a per-device rate, where the quotient is a whole number."""
    if "devices" in q or "tokens_per_s_per_device" not in q:
        return
    job = q.get("tokens_per_s")
    if job is None:
        return
    exact = min(job.value / q["tokens_per_s_per_device"].value, _LARGEST)
    near = round(exact)
    if near >= 1 and abs(exact / near - 1) < NEAR_INTEGER + min(0.02, job.resolution):
        q.put("devices", float(near), "derived: whole-job rate ÷ per-device rate")
