"""``mfu-planner record``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mfu_planner.cli.output import emit, json_option

_SHOWN = ("grade", "reasons", "class", "not_called", "assumed", "transformers", "params")


@click.command("record")
@click.option("--config", required=True, metavar="PATH", help="A Hugging Face config.json, or a folder with one.")
@click.option("--class", "model_class", metavar="NAME", help="The class of transformers. Empty: the config's own.")
@click.option("-o", "--output", metavar="FILE", help="Where the operators are written, such as model.operators.json.")
@json_option
def command(config: str, model_class: str | None, output: str | None, as_json: bool) -> None:
    """Record a model's operators from its own code in transformers, without weights (the extra: record).

    The file is read by --config wherever a model is asked for, without torch or transformers.

    \b
    mfu-planner record --config config.json -o model.operators.json
    """
    from mfu_planner.errors import InputError
    from mfu_planner.questions.model import read_config
    from mfu_planner.recording.recorder import record

    found = record(read_config(config), model_class)
    if found["grade"] == "refused" and not as_json:
        raise InputError("record", found["class"], f"code that can be recorded ({'; '.join(found['reasons'])})")
    if output is not None:
        try:
            Path(output).write_text(json.dumps(found) + "\n", "utf-8")
        except OSError as error:
            raise InputError("output", output, f"a file that can be written ({error.strerror})") from None
    shown: dict[str, Any] = {"schema_version": 1, **{key: found.get(key) for key in _SHOWN}, "written": output}
    emit(shown, as_json, lambda console: _print(found, output, console))


def _print(found: dict[str, Any], output: str | None, console: Any) -> None:
    operators = sum(len(block["operators"]) for block in found["blocks"])
    console.print(f"{found['class']} of transformers {found['transformers']}: {found['grade']}", markup=False)
    console.print(
        f"{found['params']:,} parameters, {operators} operators in {len(found['blocks'])} blocks", markup=False
    )
    for reason in found["reasons"]:
        console.print(f"! {reason}", markup=False)
    console.print(f"written to {output}" if output else "not written: -o FILE keeps it", markup=False)
