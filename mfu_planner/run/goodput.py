"""From a step to a job of days or months: checkpoints, failures, restarts, and the productive share of the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from mfu_planner.units import DAY

YEAR = 365.25 * DAY


class Job(TypedDict):
    """A run of days or months on these devices."""

    failures_per_day: float
    checkpoint_s: float
    checkpoint_interval_s: float
    goodput: float
    basis: str


def checkpoint_interval(save_s: float, failures_per_s: float) -> float:
    """Time between checkpoints at which saving and lost work together cost least [s].

    Valid where saving takes much less time than passes between failures.

    .. math:: T = sqrt(2*delta/lamda)

    References
    ----------
    .. [1] Young 1974, *A first order approximation to the optimum checkpoint interval*, CACM 17(9), 530-531.
    """
    return float((2.0 * save_s / failures_per_s) ** 0.5)


def goodput(save_s: float, restart_s: float, interval_s: float, failures_per_s: float) -> float:
    """Share of the wall clock not spent saving, restarting, or doing lost work again.

    A failure loses half an interval on average. Valid while the losses add up to well below one.

    .. math:: G = 1/(1 + delta/T + lamda*(R + T/2))
    """
    lost = save_s / interval_s + failures_per_s * (restart_s + interval_s / 2.0)
    return 1.0 / (1.0 + lost)


def job_estimate(
    params: float, devices: float, failures: Mapping[str, Mapping[str, Any]], interruptions_per_s: float = 0.0
) -> Job:
    """Failures, checkpoints and goodput that published runs suggest for a job of this size.

    ``failures``: the figures of ``calibration/failures.yaml`` by name, each with its ``value``;
    ``interruptions_per_s``: of the whole job, beside its failures (spot instances taken away).
    """
    held = {name: float(block["value"]) for name, block in failures.items()}
    rate = devices / (held["device_years_between_failures"] * YEAR) + interruptions_per_s
    save = held["checkpoint_bytes_per_parameter"] * params / (held["checkpoint_bytes_per_s_per_device"] * devices)
    interval = checkpoint_interval(save, rate)
    return {
        "failures_per_day": rate * DAY,
        "checkpoint_s": save,
        "checkpoint_interval_s": interval,
        "goodput": goodput(save, held["restart_s"], interval, rate),
        "basis": "failure and checkpoint figures of published runs (calibration/failures.yaml)",
    }
