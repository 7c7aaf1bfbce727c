"""Llama 3.1 405B planned and measured from what Meta published."""

from __future__ import annotations

from typing import Any

from mfu_planner.answers.measure import Measurement, measure
from mfu_planner.answers.plan import plan
from mfu_planner.answers.planned import Plan
from mfu_planner.run.frozen import Frozen
from mfu_planner.units import HOUR

_RUN = "llama-3.1-405b.yaml"
_STATED = ("devices", "tokens", "seq_len", "mfu", "flops_per_second_per_device", "device_hours")


class Demo(Frozen):
    """The published figures and the arithmetic beside them."""

    published: dict[str, Any]
    """What the paper and the model card print, each with its place."""
    plan: Plan
    """At the published MFU."""
    from_throughput: Measurement
    """From the published FLOP/s per device."""
    from_hours: Measurement
    """From the published tokens and device-hours: the whole programme."""
    device_hours_published: float
    mfu_published: float

    def as_json(self) -> dict[str, Any]:
        """The JSON object of the command line."""
        return {**self.model_dump(mode="json"), "warnings": []}


def llama_405b() -> Demo:
    """Plan and measure the run."""
    from mfu_planner.facts import folder, load_file
    from mfu_planner.units import parse

    facts = load_file(folder("published_runs") / _RUN)
    said = {name: facts[name]["value"] for name in _STATED}
    common = {k: facts[k] for k in ("model", "hardware", "dtype")} | {"seq_len": said["seq_len"]}
    job = {**common, "devices": said["devices"]}
    hours = parse(said["device_hours"], "device_time", field="device_hours", bare_unit="device*hour") / HOUR
    return Demo(
        published={n: facts[n] for n in (*_STATED, "sources")},
        plan=plan(**job, tokens=said["tokens"], mfu=said["mfu"], goodput=1.0),
        from_throughput=measure(
            **job, flops_per_second_per_device=said["flops_per_second_per_device"], reported_mfu=said["mfu"]
        ),
        from_hours=measure(**job, tokens=said["tokens"], device_hours=said["device_hours"], goodput=1.0),
        device_hours_published=hours,
        mfu_published=parse(said["mfu"], "fraction", field="mfu"),
    )
