"""Find the classes of transformers that no row of ``types.json`` measures yet, and write a row for each.

Run it where the pinned torch and transformers are installed::

    python tests/golden/heads.py                 a row for each class without one, measured
    python tests/golden/heads.py --only llama    of these model types
    python tests/golden/heads.py --list          names alone; exit status 1 where there are any

Every accepted model type counts, and every class that its module of transformers offers for its config: bare, sequence
and token classification, question answering, multiple choice, images, sound, contrastive, backbones.  A new row takes
the config and inputs of a row of the same type, less what the class does not take.  A type that is a part of another
one (``qwen3_vl_text``) takes that part of its row.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import json
import sys
import warnings
from typing import Any

import measure_types
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from mfu_planner.architectures import known_model_types


def classes(model_type: str) -> list[str]:
    """The model classes that a type's module offers for its config, without those that only others inherit from."""
    if model_type not in CONFIG_MAPPING:
        return []
    config = CONFIG_MAPPING[model_type]
    try:
        module = importlib.import_module(config.__module__.replace("configuration_", "modeling_"))
    except ModuleNotFoundError:  # a config alone
        return []
    found = {}
    for name in module.__all__:
        cls = getattr(module, name, None)
        if not inspect.isclass(cls) or not issubclass(cls, transformers.PreTrainedModel):
            continue
        if cls.config_class is config and cls.__name__ == name and "forward" in vars(cls) | _inherited(cls):
            found[name] = cls
    return sorted(name for name in found if "PreTrained" not in name and "Pretrained" not in name)


def _inherited(cls: type) -> dict[str, Any]:
    """What a class has from others of transformers, torch's own empty ``forward`` apart."""
    own = (base for base in cls.__mro__ if base.__module__.startswith("transformers"))
    return {name: value for base in own for name, value in vars(base).items()}


def missing(rows: list[dict[str, Any]], only: set[str]) -> list[tuple[str, str]]:
    """(model type, class) of each class that no row measures."""
    have = {(row["config"].get("model_type"), row["class"]) for row in rows}
    types = [one for one in known_model_types() if not only or one in only]
    return [(one, name) for one in types for name in classes(one) if (one, name) not in have]


def bases(rows: list[dict[str, Any]], model_type: str) -> list[dict[str, Any]]:
    """Rows of the type (those with most inputs first), or of the types that it is a part of."""
    own = [row for row in rows if row["config"].get("model_type") == model_type]
    if own:
        inputs = ("images" in row["work"][0] for row in own)
        return [row for _, row in sorted(zip(inputs, own, strict=True), key=lambda pair: not pair[0])]
    found, cls = [], CONFIG_MAPPING[model_type]
    for row in rows:
        kind = row["config"].get("model_type")
        whole = CONFIG_MAPPING[kind] if kind in CONFIG_MAPPING else None  # noqa: SIM401 - its get() knows no lazy keys
        for name, part in getattr(whole, "sub_configs", {}).items():
            if part is cls and isinstance(row["config"].get(name), dict):
                length = {key: value for key, value in row["work"][0].items() if key in ("batch", "seq_len")}
                found.append({"config": {**row["config"][name], "model_type": model_type}, "work": [length]})
    return found


def row_of(like: dict[str, Any], model_type: str, name: str, *, whole: bool) -> dict[str, Any]:
    """The new row, not measured yet; ``whole``: with inputs that the class does not name (it may hand them on)."""
    row = {key: value for key, value in like.items() if key not in ("params", "flops", "drop")}
    config = {key: value for key, value in row["config"].items() if key != "architectures"}
    row |= {"name": f"{model_type}-{name}", "class": name, "config": config}
    if name.endswith("ForMultipleChoice"):
        row["choices"] = True
    if name.endswith("ForQuestionAnswering"):
        row["config"]["num_labels"] = 2
    takes = inspect.signature(getattr(transformers, name).forward).parameters
    given = measure_types.inputs(row, row["work"][0])
    drop = [one for one in given if one not in takes and not whole]
    drop += [one for one in like.get("drop", ()) if one not in given]
    return row | ({"drop": drop} if drop else {})


def measured(rows: list[dict[str, Any]], model_type: str, name: str) -> dict[str, Any] | None:
    """The class measured with the config of the first row that it takes."""
    said = "no row of the type, nor of one that it is a part of"
    for like, whole in itertools.product(bases(rows, model_type), (True, False)):
        try:
            return measure_types.measured(row_of(like, model_type, name, whole=whole))
        except Exception as error:  # noqa: BLE001 - a class may refuse in any way
            said = f"{type(error).__name__}: {str(error)[:200]}"
    print(model_type, name, said, flush=True)
    return None


def main() -> int:
    """Find, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="model types, separated by commas")
    parser.add_argument("--list", action="store_true", help="names of classes without a row; writes nothing")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    rows = json.loads(measure_types.FILE.read_text("utf-8"))["rows"]
    wanted = missing(rows, set(filter(None, given.only.split(","))))
    if given.list:
        print(*(f"{model_type} {name}" for model_type, name in wanted), sep="\n")
        return int(bool(wanted))
    new = [measured(rows, model_type, name) for model_type, name in wanted]
    measure_types.write(rows + [row for row in new if row is not None])
    return 0


if __name__ == "__main__":
    sys.exit(main())
