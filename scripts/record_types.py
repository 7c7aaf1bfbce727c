"""Record every model type of transformers from a small default config, and say how each is graded: by hand.

    python scripts/record_types.py --out recorded.csv                     all types, those in the file left out
    python scripts/record_types.py --out recorded.csv --sample 80 --seed 1
    python scripts/record_types.py --out recorded.csv --types llama,vit
    python scripts/record_types.py --out recorded.csv --summary           what the file says, no more
    python scripts/record_types.py --out rows.csv --rows                  small models that torch has counted for real

Each type runs in a process of its own with bounded time and memory, ``--jobs`` at a time; a row is written when it
is done, so a run that is stopped goes on where it was.  The config is the type's own default with fewer layers; where
that is not exact and ``tests/golden/types.json`` has a small valid one of the type, that one; the row says which.

``--rows`` records the small models of ``tests/golden/types.json``, whose FLOP ``FlopCounterMode`` has counted on real
weights, and compares parameters and both passes; one row of each type, or those that ``--types`` names.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

FIELDS = ("model_type", "config", "class", "grade", "seconds", "memory_gib", "params", "letters", "real", "reason")
_DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "depth",
           "num_decoder_layers", "num_encoder_layers", "text_depth", "layers", "encoder_num_hidden_layers",
           "decoder_num_hidden_layers")  # fmt: skip
_BETTER = ("exact", "approximate", "refused", "no config", "failed", "no class")
_STAGES = ("depths", "block_sizes", "layers_per_stage", "num_blocks")
_MOST_LAYERS = 2


def small_config(kind: str) -> dict[str, Any]:
    """The type's default config with at most two layers of each stack, or as it is where its class needs more."""
    from transformers import CONFIG_MAPPING

    whole = {k: v for k, v in CONFIG_MAPPING[kind]().to_dict().items() if v is not None}
    whole["model_type"] = kind
    whole.pop("architectures", None)
    less = json.loads(json.dumps(whole, default=str))
    _shrink(less)
    _join(less)
    try:
        CONFIG_MAPPING[kind].from_dict({k: v for k, v in less.items() if k != "model_type"})
    except Exception:  # noqa: BLE001 - a class may refuse in any way
        return whole
    return less


def _shrink(fields: dict[str, Any]) -> None:
    staged = [name for name in _STAGES if isinstance(fields.get(name), list)]
    for name in staged:  # layers of each stage: the stages stay, or widths would be those of another model
        fields[name] = [min(one, _MOST_LAYERS) if isinstance(one, int) else one for one in fields[name]]
    for name in _DEPTHS if not staged else ():
        count = fields.get(name)
        if isinstance(count, int) and not isinstance(count, bool) and count > _MOST_LAYERS:
            fields[name] = _MOST_LAYERS
            for key, value in fields.items():
                if isinstance(value, list) and len(value) == count:
                    fields[key] = value[:_MOST_LAYERS]
    for name, value in fields.items():
        if name.endswith("_indexes") and isinstance(value, list):  # layers whose output is used
            fields[name] = list(range(min(len(value), _MOST_LAYERS)))
    if isinstance(fields.get("first_k_dense_replace"), int):
        fields["first_k_dense_replace"] = min(1, fields["first_k_dense_replace"])
    for value in fields.values():
        if isinstance(value, dict):
            _shrink(value)


def _join(fields: dict[str, Any]) -> None:
    """The tower's output as wide as the text, where the defaults are those of two models."""
    text, vision = fields.get("text_config"), fields.get("vision_config")
    if not isinstance(text, dict) or not isinstance(vision, dict) or not isinstance(text.get("hidden_size"), int):
        return
    if "out_hidden_size" in vision:
        vision["out_hidden_size"] = text["hidden_size"]
    elif "embed_dim" in vision and "spatial_merge_size" in vision and "hidden_size" in vision:
        vision["hidden_size"] = text["hidden_size"]


def one(kind: str) -> dict[str, Any]:
    """A row of one type: from its default config, and where that is not exact from the small valid one of the tests."""
    row = _recorded(kind, "default", lambda: small_config(kind))
    if row["grade"] not in ("exact", "no class") and kind in _measured():
        golden = _measured()[kind]
        config = {**golden["config"], "architectures": [golden["class"]]}
        again = _recorded(kind, golden["name"], lambda: config)
        row = again if _BETTER.index(again["grade"]) < _BETTER.index(row["grade"]) else row
    return row


def _recorded(kind: str, source: str, config: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A row of one config."""
    from mfu_planner.errors import InputError
    from mfu_planner.recording.recorder import record

    start = time.process_time()
    row: dict[str, Any] = {"model_type": kind, "config": source}
    try:
        found = record(config())
        row |= {"class": found["class"], "grade": found["grade"], "reason": "; ".join(found["reasons"])[:300],
                "params": found.get("params", ""), "letters": json.dumps(found.get("given", {}))[:300]}  # fmt: skip
    except InputError as error:
        row |= {"grade": "no class" if "with a model class" in str(error) else "no config", "reason": str(error)[:300]}
    except BaseException as error:  # noqa: BLE001 - a row says what happened
        row |= {"grade": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return row | {"seconds": round(time.process_time() - start, 2), "memory_gib": round(peak, 2)}


def one_row(name: str) -> dict[str, Any]:
    """A small model that was counted for real, and whether its recording equals that."""
    from mfu_planner.architectures import from_config
    from mfu_planner.counting import model_work
    from mfu_planner.operators import Workload
    from mfu_planner.recording.recorder import record

    start, golden = time.process_time(), next(row for row in _golden() if row["name"] == name)
    config = {**golden["config"], "architectures": [golden["class"]]}
    found = record(config)
    row: dict[str, Any] = {"model_type": name, "class": found["class"], "grade": found["grade"],
                           "reason": "; ".join(found["reasons"])[:200]}  # fmt: skip
    if found["grade"] != "refused":
        built = from_config(found)
        row["params"] = built.params == golden["params"]
        seen = []
        for work, (forward, both, _) in zip(golden["work"], golden["flops"], strict=True):
            target = work.get("target_seq_len", work.get("decoder_seq_len", 0))
            images, clips = work.get("images", 0), work.get("clips", 0)
            batch = Workload(work["batch"], work.get("seq_len", 0), target, images, clips)
            ours = model_work(built, batch)
            seen.append((ours.forward, ours.total) == (forward, both))
        row["letters"] = "equal" if all(seen) else f"differs at {seen.count(False)} of {len(seen)} batches"
        row["real"] = _for_real(config, found["class"], built)
    return row | {"seconds": round(time.process_time() - start, 2)}


def _for_real(config: dict[str, Any], name: str, built: Any) -> str:
    """Whether ``FlopCounterMode`` counts the same on real random weights, at a size that was not recorded."""
    import torch

    from mfu_planner.counting import model_work
    from mfu_planner.recording.building import build
    from mfu_planner.recording.feeding import fed_of
    from mfu_planner.recording.recorder import workload
    from mfu_planner.recording.running import counted_for_real

    fed = fed_of(build(config, name))
    torch.manual_seed(0)
    seen = counted_for_real(build(config, name, "cpu"), fed.recipe, fed.checks[0])
    ours = model_work(built, workload(fed.checks[0]))
    given = " ".join(sorted(fed.recipe.given))
    return f"{'equal' if (ours.forward, ours.total) == seen else 'differs'} ({given})"


def _golden() -> list[dict[str, Any]]:
    path = Path(__file__).parents[1] / "tests" / "golden" / "types.json"
    return list(json.loads(path.read_text("utf-8"))["rows"])


@cache
def _measured() -> dict[str, dict[str, Any]]:
    """A measured row of each type, one with an image or a sound where there is one."""
    found: dict[str, dict[str, Any]] = {}
    for row in _golden():
        if "_class_name" not in row["config"]:
            many = row["work"][0].get("images", 0) + row["work"][0].get("clips", 0)
            kind = row["config"]["model_type"]
            found[kind] = row if many else found.get(kind, row)
    return found


def rows() -> list[str]:
    """One row of each type that transformers has, the first by name."""
    found: dict[str, str] = {}
    for row in _golden():
        if "_class_name" not in row["config"]:
            found.setdefault(row["config"]["model_type"], row["name"])
    return list(found.values())


def run(kinds: list[str], target: Path, jobs: int, limit: int, gib: int, *, golden: bool = False) -> None:
    """All types, each in a child of this process."""
    import torch

    torch.set_num_threads(1)
    one("clip")  # what is imported on the first use, children have already
    new = not target.exists()
    live: dict[int, str] = {}
    todo = iter(kinds)
    with target.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore")
        if new:
            writer.writeheader()
            file.flush()
        while True:
            while len(live) < jobs and (kind := next(todo, None)) is not None:
                live[_child(kind, limit, gib, one_row if golden else one)] = kind
            if not live:
                return
            pid, _ = os.wait()
            kind = live.pop(pid)
            answer = _answer(pid)
            row = {"model_type": kind, "grade": "failed", "reason": f"more than {limit} processor s or {gib} GiB"}
            with contextlib.suppress(OSError, ValueError):
                row = json.loads(answer.read_text("utf-8"))
                answer.unlink()
            writer.writerow(row)
            file.flush()


def _answer(pid: int) -> Path:
    """Where a child leaves its row."""
    return Path(tempfile.gettempdir()) / f"record-{pid}.json"


def _child(kind: str, limit: int, gib: int, work: Callable[[str], dict[str, Any]]) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(10 * limit)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_DATA, (gib << 30, gib << 30))
    if not os.environ.get("SHOW"):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
    try:
        row = work(kind)
    except BaseException as error:  # noqa: BLE001 - the parent must go on whatever a child does
        row = {"model_type": kind, "grade": "failed", "reason": repr(error)[:300]}
    _answer(os.getpid()).write_text(json.dumps(row), "utf-8")
    os._exit(0)


def summary(target: Path) -> None:
    """How many of each grade, the slowest, and the reasons that are met most."""
    rows = list(csv.DictReader(target.open(encoding="utf-8")))
    print(len(rows), dict(Counter(row["grade"] for row in rows)))
    times = sorted(float(row["seconds"] or 0) for row in rows)
    memory = sorted(float(row["memory_gib"] or 0) for row in rows)
    print(f"median {times[len(times) // 2]} s, longest {times[-1]} s, most memory {memory[-1]} GiB")
    for grade in ("refused", "failed", "no config", "approximate"):
        for row in rows:
            if row["grade"] == grade:
                print(
                    grade,
                    row["model_type"],
                    row["class"],
                    row["seconds"],
                    row["reason"][:170],
                    row["letters"][:60],
                    sep=" | ",
                )


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--types", default="")
    parser.add_argument("--sample", type=int, default=0, help="this many more, and no more")
    parser.add_argument("--seed", type=int, default=0, help="in this order, by chance; 0: in transformers' order")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, default=40, help="processor seconds for one type")
    parser.add_argument("--gib", type=int, default=6)
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("--rows", action="store_true")
    given = parser.parse_args()
    if not given.summary:
        from transformers import CONFIG_MAPPING

        every = rows() if given.rows else list(CONFIG_MAPPING.keys())
        kinds = given.types.split(",") if given.types else every
        if given.seed:
            random.Random(given.seed).shuffle(kinds)  # noqa: S311
        done = set()
        if given.out.exists():
            done = {row["model_type"] for row in csv.DictReader(given.out.open(encoding="utf-8"))}
        kinds = [kind for kind in kinds if kind not in done][: given.sample or None]
        run(kinds, given.out, given.jobs, given.limit, given.gib, golden=given.rows)
    summary(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
