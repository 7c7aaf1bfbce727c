"""The calls that are fuzzed, warm and in this process: what the command line, the form and a notebook stand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mfu_planner
from fuzz.made import Made

Call = Callable[[Made, Path], Any]
"""(what was made, a folder for its file) → an answer."""
QUESTIONS = {
    "plan": "plan", "mfu": "measure", "flops": "flops", "predict": "predict", "memory": "memory", "search": "search",
    "diagnose": "diagnose",
}  # fmt: skip
"""Command → the public function that answers it."""


def _asks(name: str) -> Call:
    def ask(made: Made, place: Path) -> Any:
        del place
        return getattr(mfu_planner, QUESTIONS[name])(**made.given)

    return ask


def _in_file(made: Made, place: Path, name: str = "input") -> Path:
    file = place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(made.text, "utf-8", "surrogatepass")
    return file


def _config(made: Made, place: Path) -> Any:
    del place
    function, *_ = made.arguments
    return getattr(mfu_planner, QUESTIONS[function])(config=made.text, **made.given)


def _log(made: Made, place: Path) -> Any:
    del place
    return mfu_planner.read_log(made.text + "\n", **made.given)


def _trace(made: Made, place: Path) -> Any:
    return mfu_planner.read_trace(str(_in_file(made, place)), **made.given)


def _plan_file(made: Made, place: Path) -> Any:
    return mfu_planner.plan_file(_in_file(made, place, "plan.yaml"), **made.given)


def _hardware(made: Made, place: Path) -> Any:
    from mfu_planner.hardware._build import accelerator_records, cluster_records
    from mfu_planner.hardware._index import from_record

    kind, name = made.arguments
    file = _in_file(made, place, f"{kind}/{name}.yaml")
    try:
        if kind == "clusters":
            return cluster_records(place, {"h100-sxm": {}, "a100-sxm-80gb": {}, "mi300x": {}})
        found = accelerator_records(place)
        for record in found.values():
            from_record(record)
    finally:
        file.unlink()
    return found


def _measured(field: str) -> Call:
    def ask(made: Made, place: Path) -> Any:
        return mfu_planner.predict(**{field: str(_in_file(made, place, f"{field}.yaml"))}, **made.given)

    return ask


def _runs(made: Made, place: Path) -> Any:
    return mfu_planner.backtest(made.arguments[0], _in_file(made, place, "runs.csv"))


def _device(made: Made, place: Path) -> Any:
    del place
    from mfu_planner.hardware._records import full_record

    return full_record(*made.arguments)


def _preset(made: Made, place: Path) -> Any:
    del place
    from mfu_planner.report.models import model_record

    return model_record(*made.arguments)


CALLS: dict[str, Call] = {
    **{name: _asks(name) for name in QUESTIONS},
    "config.json": _config, "log": _log, "trace": _trace, "plan.yaml": _plan_file, "hardware.yaml": _hardware,
    "machine.yaml": _measured("machine"), "stack.yaml": _measured("stack"), "runs.csv": _runs, "device": _device,
    "preset": _preset,
}  # fmt: skip
