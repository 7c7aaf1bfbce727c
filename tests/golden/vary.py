"""Vary the configs of ``types.json`` at random and compare what the project counts with what torch counts.

Run it where the pinned torch and transformers are installed::

    PYTHONPATH=. python tests/golden/vary.py SEED COUNT [--only llama,gemma4] [--write]

Of every model type (or those named) ``COUNT`` varied configs that the library takes are compared: parameters, and for
each batch the forward pass, both passes, and the forward pass over the allowed pairs.  A config that is counted
otherwise, or that only the library takes, is printed in full; contradictory ones may well be refused.  ``--write`` adds
a line for each type to ``varied.csv``.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
import random
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import measure_types
import torch
import transformers
from compare_random import mutate

sys.path.insert(0, str(Path(__file__).parents[1] / "architectures"))
from test_types import architecture, unseen, workload

from mfu_planner.counting import model_work
from mfu_planner.errors import InputError
from mfu_planner.operators import Scan

FILE = Path(__file__).with_name("varied.csv")
DEFAULTS = Path(__file__).parents[2] / "model_specs" / "config_defaults.json"
COLUMNS = ("date", "transformers", "seed", "model_type", "equal", "different", "refused_here", "refused_by_library")
KEPT = ("max_source_positions",)
"""What the inputs of a row are made for."""
TRIES = 6
"""Configs tried for each that is wanted: the library refuses many."""


def varied(row: dict[str, Any], defaults: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The row with up to four fields changed, of the config or of one of its parts."""
    row = json.loads(json.dumps({key: value for key, value in row.items() if key not in ("params", "flops")}))
    config = row["config"]
    parts = [name for name, value in config.items() if isinstance(value, dict) and name.endswith("_config")]
    name = rng.choice(["", *parts])
    part = config[name] if name else config
    kept = {key: part[key] for key in KEPT if key in part}
    mutate(part, defaults.get(part.get("model_type", ""), {}), rng)
    part |= kept
    return row


def differences(row: dict[str, Any]) -> list[str]:
    """What is counted otherwise than measured."""
    found = []
    for work, (forward, both, allowed) in zip(row["work"], row["flops"], strict=True):
        built, batch = architecture(row, work), workload(work)
        counted = model_work(built, batch)
        pairs = [("params", built.params, row["params"]), ("forward", counted.forward, forward),
                 ("total", counted.total, both)]  # fmt: skip
        scans = any(isinstance(op, Scan) or getattr(op, "extra_positions", 0) for _, op in built.each())
        if allowed is not None and not scans:
            seen = model_work(built, batch.allowed()).forward + unseen(built, batch)
            pairs.append(("allowed", seen, allowed))
        found += [f"{name} {ours:,} for {theirs:,}" for name, ours, theirs in pairs if ours != theirs]
    return found


def compare(rows: list[dict[str, Any]], count: int, defaults: dict[str, Any], rng: random.Random) -> Counter[str]:
    """How the varied configs of one type were counted."""
    seen: Counter[str] = Counter()
    for _ in range(TRIES * count):
        if seen.total() - seen["refused_by_library"] == count:
            break
        row = varied(rng.choice(rows), defaults, rng)
        try:
            torch.manual_seed(0)
            row = measure_types.measured(row)
        except Exception:  # noqa: BLE001 - the library may refuse in any way
            seen["refused_by_library"] += 1
            continue
        try:
            wrong, outcome = differences(row), "different"
        except InputError as error:
            wrong, outcome = [str(error)], "refused_here"
        seen[outcome if wrong else "equal"] += 1
        if wrong:
            print(row["name"], row["class"], row["work"], *wrong, "\n   ", json.dumps(row["config"]), flush=True)
    return seen


def main() -> int:
    """Compare, print a summary, and write it where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int, help="configs of each type")
    parser.add_argument("--only", default="", help="model types, separated by commas")
    parser.add_argument("--write", action="store_true", help="add the figures to varied.csv")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    only, defaults = set(filter(None, given.only.split(","))), json.loads(DEFAULTS.read_text("utf-8"))["defaults"]
    by_type = defaultdict(list)
    for row in json.loads(measure_types.FILE.read_text("utf-8"))["rows"]:
        if row["name"] != "detr-timm" and "model_type" in row["config"]:
            by_type[row["config"]["model_type"]].append(row)
    whole: Counter[str] = Counter()
    for model_type in sorted(only & set(by_type) if only else by_type):
        seen = compare(by_type[model_type], given.count, defaults, random.Random(f"{given.seed} {model_type}"))
        whole += seen
        if given.write:
            first = (dt.datetime.now(tz=dt.UTC).date(), transformers.__version__, given.seed, model_type)
            with FILE.open("a", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerow([*first, *(seen[name] for name in COLUMNS[4:])])
    print(dict(whole))
    return int(whole["different"] > 0)


if __name__ == "__main__":
    sys.exit(main())
