"""Write ``index.json``, which the program reads, from the YAML of this folder."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

HERE = pathlib.Path(__file__).parent
NAMES = (
    "products",
    "collectives",
    "stacks",
    "fabrics",
    "rules",
    "ranges",
    "memory",
    "fits",
    "failures",
    "multipliers",
    "eager",
    "attention",
)
NOT_CONSTANTS = ("script", "source")


def index() -> dict[str, object]:
    """All calibration files as one object."""
    held = {name: yaml.safe_load((HERE / f"{name}.yaml").read_text("utf-8")) for name in NAMES}
    for name in ("stacks", "fabrics"):
        held[name] = {key: value for key, value in held[name].items() if key not in NOT_CONSTANTS}
    held["stacks"] = inherited(held["stacks"])
    held["products"]["best_rates"] = best_rates()
    backward = float(held["stacks"]["generic"]["constants"]["attention_backward"])
    held["attention"] = kernels(held["attention"]["kernels"], held["products"]["devices"].values(), backward)
    return held


def inherited(stacks: Mapping[str, Any]) -> dict[str, Any]:
    """Stacks with the constants of those that they extend."""
    found: dict[str, Any] = {}
    for name, block in stacks.items():
        under = found[block["extends"]]["constants"] if "extends" in block else {}
        found[name] = {**block, "constants": {**under, **block["constants"]}}
    return found


def kernels(measured: Mapping[str, Any], devices: Iterable[Mapping[str, Any]], backward: float) -> dict[str, Any]:
    """Constants of a stack by attention kernel: share of the peak at long sequences, and where half of it is reached.

    ``backward``: FLOPs of a backward pass over the forward's, both of which go at one rate in the constants.
    """
    found: dict[str, Any] = {}
    peaks = {name: block["peak_16_bit"] for block in devices for name in block["ids"]}
    for name, generations in measured.items():
        shares, ramps = {}, {}
        for generation, at in generations.items():
            rate = {s: (1.0 + backward) / (1.0 / at[s][0] + backward / at[s][1]) for s in at if s != "device"}
            short, long = min(rate), max(rate)
            ramp = (rate[long] - rate[short]) / (rate[short] / short - rate[long] / long)
            shares[generation] = rate[long] * (1.0 + ramp / long) * 1e12 / peaks[at["device"]]
            ramps[generation] = ramp
        found[name] = {"attention_fraction": shares, "attention_ramp_tokens": ramps}
    return found


def best_rates() -> dict[str, dict[str, float]]:
    """Best measured rate [FLOP/s] by device and format, out of ``achievable_rates.yaml``."""
    found: dict[str, dict[str, float]] = {}
    for row in yaml.safe_load((HERE / "achievable_rates.yaml").read_text("utf-8"))["rates"]:
        number, unit = row["rate"].split()
        scale = {"TFLOP/s": 1e12, "PFLOP/s": 1e15}[unit]
        for device in row["accelerators"]:
            held = found.setdefault(device, {})
            held[row["dtype"]] = max(held.get(row["dtype"], 0.0), float(number) * scale)
    return found


def text() -> str:
    """The file as it should stand."""
    return json.dumps(index(), separators=(",", ":"), default=str) + "\n"


if __name__ == "__main__":
    (HERE / "index.json").write_text(text(), "utf-8")
