"""Measure the golden data: torch's FLOP counter over transformers' classes on the meta device.

``python tests/golden/measure.py``                     measure what is missing from the files
``python tests/golden/measure.py --all``               measure everything anew
``python tests/golden/measure.py --only gpt2,opt-350m``  measure these anew
``python tests/golden/measure.py --only gpt2 --check``   measure these and compare with the files; writes nothing

Needs ``torch==2.13.0`` and ``transformers==5.23.0`` (and diffusers for the DiT). ``published.json`` holds the presets,
``variations.json`` small configs that vary every field that changes a count.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SPECS = HERE.parents[1] / "model_specs"
FILES = ("published.json", "variations.json")


def published_cases(config: dict[str, Any]) -> list[dict[str, int]]:
    """The shapes a preset is measured on."""
    from building import kind_of

    kind, model_type = kind_of(config), config.get("model_type", "")
    if kind in {"image", "diffusion"}:
        sizes = {"vit": [{}], "convnext": [{}, {"image": 256}], "resnet": [{}, {"image": 256}]}.get(model_type, [{}])
        default = {"image": config.get("image_size", config.get("sample_size", 224))}
        return [{"batch": batch, **default, **size} for size in sizes for batch in (1, 5)]
    if kind == "text_image":
        return [{"batch": 1, "seq": 77, "image": 224}, {"batch": 8, "seq": 50, "image": 224}]
    if kind == "speech":
        return [{"batch": 1, "target_seq": 448}, {"batch": 3, "target_seq": 100}]
    if kind == "encoder_decoder":
        return [{"batch": 1, "seq": 512, "target_seq": 114}, {"batch": 3, "seq": 200, "target_seq": 300}]
    if kind == "multimodal":
        image = {"gemma3": 896, "llama4": 336, "qwen2_5_vl": 224}.get(model_type, 224)
        more = [] if model_type.startswith("qwen") else [{"batch": 2, "seq": 700, "images": 1, "image": image}]
        return [{"batch": 1, "seq": 128}, {"batch": 1, "seq": 640, "images": 1, "image": image}, *more]
    if kind == "encoder":
        return [{"batch": 1, "seq": 128}, {"batch": 3, "seq": 200}, {"batch": 1, "seq": 512}]
    if model_type in {"mamba", "jamba"}:
        return [{"batch": 1, "seq": 64}, {"batch": 2, "seq": 96}]
    if model_type in {"mamba2", "zamba2", "nemotron_h", "qwen3_next"}:
        return [{"batch": 1, "seq": 128}, {"batch": 3, "seq": 320}]
    longest = next(
        (config[key] for key in ("n_positions", "max_seq_len", "max_position_embeddings") if config.get(key)), 4096
    )
    return [{"batch": 1, "seq": 128}, {"batch": 1, "seq": min(4096, longest)}]


def wanted() -> dict[str, dict[str, tuple[dict[str, Any], list[dict[str, int]], str]]]:
    """Per file: name to (config, cases, what is special)."""
    from variations import variations

    presets = {}
    for path in sorted(SPECS.glob("*.json")):
        spec = json.loads(path.read_text("utf-8"))
        if isinstance(spec, dict) and "config" in spec:
            presets[spec["id"]] = (spec["config"], published_cases(spec["config"]), "")
    return {"published.json": presets, "variations.json": variations()}


def header() -> dict[str, Any]:
    """What measured the file, and when."""
    import torch
    import transformers

    return {
        "torch": torch.__version__.partition("+")[0],
        "transformers": transformers.__version__,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "script": "tests/golden/measure.py",
        "counting": "multiply-add 2; eager attention over every pair; chosen experts only; grouped convolutions exact",
    }


def read(name: str) -> dict[str, Any]:
    """Entries of one golden file by name."""
    path = HERE / name
    return {e["name"]: e for e in json.loads(path.read_text("utf-8"))["entries"]} if path.exists() else {}


def write(name: str, entries: dict[str, Any]) -> None:
    """One entry a line, sorted by name."""
    rows = ",\n".join(json.dumps(entries[key], separators=(",", ":")) for key in sorted(entries))
    head = json.dumps(header(), separators=(",", ":"))
    (HERE / name).write_text(f'{{"measured_with":{head},\n"entries":[\n{rows}\n]}}\n', "utf-8")


def entry(file: str, name: str, config: dict[str, Any], cases: list[dict[str, int]], note: str) -> dict[str, Any]:
    """One measured entry; presets are named, other configs stand in full."""
    from measuring import measure

    said = {"preset": name} if file == "published.json" else {"config": config}
    return {
        "name": name,
        "model_type": config.get("model_type", "dit"),
        **measure(config, cases),
        **said,
        "notes": note,
    }


def main() -> int:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("--file", choices=FILES, help="only the entries of this file")
    parser.add_argument("--all", action="store_true", help="measure everything anew")
    parser.add_argument("--check", action="store_true", help="compare with the files instead of writing them")
    given = parser.parse_args()
    only = set(filter(None, given.only.split(",")))
    warnings.simplefilter("ignore")
    import transformers
    from building import patch

    transformers.logging.set_verbosity_error()
    patch()
    unknown = only - {name for configs in wanted().values() for name in configs}
    if unknown:
        parser.error(f"no such entries: {', '.join(sorted(unknown))}")
    wrong = 0
    for file, configs in wanted().items():
        if given.file not in {None, file}:
            continue
        have = read(file)
        kept = {name: e for name, e in have.items() if name in configs}
        for name, (config, cases, note) in configs.items():
            if (only and name not in only) or (name in have and not given.all and not only):
                continue
            start = time.monotonic()
            found = entry(file, name, config, cases, note)
            if given.check:
                same = json.loads(json.dumps(found)) == have.get(name)
                wrong += not same
                print(name, "as in the file" if same else "DIFFERS FROM THE FILE", flush=True)
                continue
            kept[name] = found
            write(file, kept)
            print(file, name, found["cases"][0]["flops_total"], f"{time.monotonic() - start:.1f} s", flush=True)
        if not given.check and kept != have:
            write(file, kept)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
