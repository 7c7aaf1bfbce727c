"""Compare the project's counts with torch's on random small configs: a search for configs that are counted wrongly.

``PYTHONPATH=. python tests/golden/compare_random.py SEED SECONDS [model_type,…]`` changes some fields of the variations
at random, measures what the library accepts, and prints each config whose counts differ or that only the library takes.
Contradictory configs (two names of one size, layer counts that disagree) are found too: those may well be refused.
"""

from __future__ import annotations

import json
import random
import sys
import time
import warnings
from collections import Counter
from typing import Any

from measure import SPECS
from variations import variations

PARTS = ("text_config", "vision_config", "attn_config", "ffn_config")
LEAVE = ("token", "act", "type", "class_name", "dtype", "image_size", "dim_", "kernels", "mapping", "hidden_layers_")


def changed(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice([1, 2, 4, 8]) if value > 512 or value < 2 else rng.choice([value // 2, value + 1, 2 * value])
    return rng.choice([True, False, 1, 2]) if value is None else value


def mutate(config: dict[str, Any], defaults: dict[str, Any], rng: random.Random) -> None:
    """Change up to four fields that the config has or the class assumes."""
    fields = sorted(key for key in defaults | config if not any(part in key for part in LEAVE))
    for key in rng.sample(fields, min(len(fields), rng.randint(1, 4))):
        value = config.get(key, defaults.get(key))
        if value is None or isinstance(value, bool | int):
            config[key] = changed(value, rng)


def ours(config: dict[str, Any], kind: str, case: dict[str, int]) -> dict[str, Any]:
    """The project's counts."""
    from mfu_planner.architectures import from_config
    from mfu_planner.counting import model_work
    from mfu_planner.operators import Workload

    length = case.get("target_seq") if kind == "speech" else case.get("seq")
    model = from_config(config, image_size=case.get("image") if kind != "diffusion" else None)
    batch = Workload(
        batch=case["batch"],
        seq_len=length or 0,
        target_seq_len=case.get("target_seq") or 0,
        images=case.get("images") or 0,
    )
    work = model_work(model, batch)
    return {
        "total": model.params,
        "embedding": model.embedding_params,
        "active": model.active_params,
        "forward": work.forward,
        "forward_backward": work.total,
    }


def main(seed: int, seconds: float, only: set[str]) -> None:
    """Try configs until the time is up."""
    import transformers
    from building import kind_of, patch
    from measuring import measure

    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    patch()
    rng, stop, seen = random.Random(seed), time.monotonic() + seconds, Counter[str]()
    defaults = json.loads((SPECS / "config_defaults.json").read_text("utf-8"))["defaults"]
    rows = [row for row in variations().values() if not only or row[0].get("model_type", "dit") in only]
    while time.monotonic() < stop:
        config, cases, _ = rng.choice(rows)
        config, case = json.loads(json.dumps(config)), dict(rng.choice(cases))
        model_type = config.get("model_type", "dit")
        part = rng.choice([name for name in PARTS if name in config] or [""])
        key = f"{model_type}.{part}" if part else model_type
        mutate(config[part] if part else config, defaults.get(key, {}), rng)
        try:
            found = measure(json.loads(json.dumps(config)), [case])
        except Exception:  # noqa: BLE001 - the library may refuse in any way
            seen["refused by the library"] += 1
            continue
        modes = {one["mode"]: one["flops_total"] for one in found["cases"]}
        try:
            counted: Any = ours(config, kind_of(config), case)
        except Exception as error:  # noqa: BLE001 - what was raised is the finding
            counted = f"{type(error).__name__}: {error}"
        measured = {name: found["params"][name] for name in ("total", "embedding", "active")} | modes
        seen["equal" if counted == measured else "different"] += 1
        if counted != measured:
            print(model_type, case, "measured", measured, "counted", counted, "\n   ", json.dumps(config), flush=True)
    print(dict(seen))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), set(filter(None, "".join(sys.argv[3:]).split(","))))
