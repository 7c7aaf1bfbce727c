"""How long until the target, and what it takes."""

from __future__ import annotations

from mfu_planner.observe.logs.quantities import Quantities
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.run import solve
from mfu_planner.units import HOUR, parse

_LEFT = ("remaining_tokens", "remaining_s", "remaining_device_time_s", "remaining_cost_usd")


def tokens_done(log: Reading, q: Quantities, given: float | str | None) -> tuple[float | None, str]:
    """Tokens trained so far: given, the log's running total, or its last step × tokens of a step."""
    if given is not None:
        return parse(given, "token", field="tokens-done"), "given"
    last = next((r for block in reversed(log.store.blocks) for r in reversed(block) if not r.evaluation), None)
    if last is not None and last.tokens_total:
        return last.tokens_total, "stated (running total)"
    if log.summary.get("tokens_total"):
        return log.summary["tokens_total"], "stated (running total)"
    each, length = q.value("tokens_per_step"), q.value("seq_len")
    if last is not None and last.samples_total and length:
        return last.samples_total * length, "derived: consumed samples × length"
    step = last.step if last is not None else log.summary.get("steps")
    if step is not None and each is not None:
        return step * each, "derived: last step × tokens of a step"
    return None, "unknown"


def remaining(
    log: Reading, q: Quantities, done: float | None, target: float | str | None, price: float | str | None
) -> dict[str, float | None]:
    """``remaining_tokens``, ``_s``, ``_device_hours`` and ``_cost_usd`` at the steady rate; empty without a target."""
    usd = None if price is None else parse(price, "usd_per_device_hour", field="price")
    if target is None:
        return {}
    wanted = parse(target, "token", field="target-tokens")
    rate, devices = q.value("tokens_per_s"), q.value("devices")
    if done is None:
        log.note(
            "log/tokens-done-unknown", "warning",
            "the log does not say how many tokens are done: the whole target is counted as remaining (give "
            "--tokens-done)",
        )  # fmt: skip
    given = {
        "tokens": wanted,
        "tokens_done": min(done or 0.0, wanted),
        "tokens_per_s": rate,
        "devices": devices,
        "price_usd_per_device_s": None if usd is None else usd / HOUR,
    }
    found = solve({name: value for name, value in given.items() if value is not None}, _LEFT)
    seconds, device_s = found.get("remaining_s"), found.get("remaining_device_time_s")
    if seconds is None:
        log.note("log/remaining-unknown", "warning", "remaining time unknown: tokens per second of the whole job "
                                                     "is not known (give --devices, or --global-batch and "
                                                     "--seq-len)")  # fmt: skip
    elif device_s is None:
        log.note("log/device-hours-unknown", "warning", "remaining device-hours unknown: give --devices")
    return {
        "remaining_tokens": found["remaining_tokens"],
        "remaining_s": seconds,
        "remaining_device_hours": None if device_s is None else device_s / HOUR,
        "remaining_cost_usd": found.get("remaining_cost_usd"),
    }
