"""The tools: each is a command's question with that command's answer, as one plain function with typed arguments."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, RootModel, TypeAdapter

import mfu_planner
from mfu_planner.agent.files import checked
from mfu_planner.cli.output import SCHEMA_VERSION
from mfu_planner.errors import InputError, PlannerError
from mfu_planner.questions.ask import Asked
from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks
from mfu_planner.questions.texts import help_of


@dataclass(frozen=True, slots=True)
class Kind:
    """A tool's call and its answer."""

    call: str
    """The package's public function."""
    answer: str
    """The public class of its answer."""
    told: str
    """What it is for, and when to take it."""


KINDS = {
    "plan": Kind(
        "plan",
        "Plan",
        "Time, device-hours, cost, energy and CO2 of a training run. Give any sufficient set of tokens, devices, mfu, "
        "deadline and budget; the rest is solved for. Quantities take units: '15T', '30d', '$2M'.",
    ),
    "mfu": Kind(
        "measure",
        "Measurement",
        "MFU of an observed run from a throughput, a step time or device-hours, under every convention, with a verdict "
        "and findings on whether the number can be right.",
    ),
    "flops": Kind(
        "flops", "FlopsResult", "Exact parameters and FLOPs of a model, operator by operator, by convention."
    ),
    "memory": Kind("memory", "Footprint", "Bytes per device for a parallel layout: does it fit?"),
    "predict": Kind(
        "predict",
        "Prediction",
        "Step time and MFU that a parallel layout will reach, with a range and a waterfall from the peak.",
    ),
    "search": Kind(
        "search",
        "SearchResult",
        "The best parallel layouts of a model on hardware, clusters or providers; with tokens, time and cost of the "
        "whole run. May take some seconds.",
    ),
    "diagnose": Kind(
        "diagnose",
        "Diagnosis",
        "Why the MFU of a run is low, what to change first and what each change would bring. Takes whatever is known: "
        "a throughput, the layout, a log, a trace.",
    ),
    "log": Kind("read_log", "LogReport", "Throughput and MFU from a training log of any framework."),
}
"""Tool → what it does; each is named like its command."""


def tools(folder: Path | None) -> dict[str, tuple[Callable[..., Any], str]]:
    """Every tool by name: the function to call, and what to tell of it.

    ``folder``: where files that a caller names may lie; None: nowhere.
    """
    made = {name: (_tool(name, kind, folder), kind.told) for name, kind in KINDS.items()}
    return made | {
        "hardware": (_hardware(), "One accelerator, machine or cloud instance: peaks, memory, links, prices.")
    }


def _tool(name: str, kind: Kind, folder: Path | None) -> Callable[..., Any]:
    question, call = question_of(name), getattr(mfu_planner, kind.call)
    told = help_of(question)
    fields = asks(question)

    def tool(**given: Any) -> dict[str, Any]:
        arguments = checked(given, folder)
        files = [arguments.pop("files")] if "files" in fields and "files" in arguments else []
        if name == "diagnose" and files:
            raise InputError("files", files[0], "nothing: give log or trace")
        return {"schema_version": SCHEMA_VERSION, **call(*files, **arguments).as_json()}

    shown = {n: a for n, a in fields.items() if not (name == "diagnose" and n == "files")}
    order = sorted(shown, key=lambda n: not shown[n].ask.required)
    parameters = [_parameter(n, shown[n], told.get(n, "")) for n in order]
    tool.__name__ = name
    return _typed(tool, parameters, TypeAdapter(getattr(mfu_planner, kind.answer)).json_schema(mode="serialization"))


def _typed(
    call: Callable[..., Any], parameters: Sequence[inspect.Parameter], answer: dict[str, Any]
) -> Callable[..., Any]:
    """The function with these parameters and, as its answer, an object of this JSON schema."""
    answer = _inlined(answer, answer.get("$defs", {}), ())
    if "properties" in answer:
        answer["properties"] |= {"schema_version": {"type": "integer"}}
    told = {"__get_pydantic_json_schema__": classmethod(lambda *_: answer)}
    returned: Any = type("Answer", (RootModel[dict[str, Any]],), told)
    call.__signature__ = inspect.Signature(parameters, return_annotation=returned)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returned}
    return call


def _inlined(schema: Any, parts: Mapping[str, Any], above: tuple[str, ...]) -> Any:
    """A schema with the parts that it refers to in their place; a part within itself is any object."""
    if isinstance(schema, list):
        return [_inlined(each, parts, above) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {"type": "object"} if name in above else _inlined(parts[name], parts, (*above, name))
    return {key: _inlined(value, parts, above) for key, value in schema.items() if key != "$defs"}


def _parameter(name: str, asked: Asked, told: str) -> inspect.Parameter:
    """A field as a parameter: text with units, a number, or what it lists; its example stands in the schema."""
    kind: Any = bool if asked.is_flag else str | int | float
    if asked.ask.many or isinstance(asked.default, tuple):
        kind = kind | list[str]
    if name == "config":
        kind = kind | dict[str, Any]
    example = [asked.ask.example.strip("'")] if asked.ask.example else None
    extra: dict[str, Any] = {"examples": example} if example else {}
    if asked.choices:
        extra["enum"] = [*asked.choices, *(() if asked.ask.required else (None,))]
    annotation: Any = Annotated[
        kind if asked.ask.required else kind | None, Field(description=told, json_schema_extra=extra)
    ]
    default = inspect.Parameter.empty if asked.ask.required else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _hardware() -> Callable[..., Any]:
    from mfu_planner.hardware._records import full_record

    def hardware(name: str) -> dict[str, Any]:
        return {"schema_version": SCHEMA_VERSION, **full_record(name)}

    said = Field(description="A catalogue id, a marketing name, a driver's string, or an instance type.")
    name = inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[str, said])
    keys = ("id", "name", "device_kind", "peak_flops_per_s", "memory_bytes", "interconnect", "price", "sources")
    return _typed(hardware, [name], {"type": "object", "properties": {key: {} for key in keys}})


def error_text(error: PlannerError) -> str:
    """The object that the command line prints under ``--json``."""
    return json.dumps({**error.as_json(), "message": str(error)}, ensure_ascii=False)
