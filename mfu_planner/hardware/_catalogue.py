"""Everything that is generated from ``hardware_specs``: the index and the JSON schemas for editors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic

from mfu_planner.errors import InputError
from mfu_planner.facts import Spec, folder, read
from mfu_planner.hardware._build import accelerator_records, cluster_records
from mfu_planner.hardware._cluster_spec import ClusterSpec, InstancesSpec
from mfu_planner.hardware._index import INDEX_NAME, NAMES_NAME, light
from mfu_planner.hardware._market import AchievableSpec, EnergySpec
from mfu_planner.hardware._memory import UsableSpec
from mfu_planner.hardware._quotes import ProvidersSpec, price_index
from mfu_planner.hardware._spec import AcceleratorSpec
from mfu_planner.hardware._words import words


class Ambiguous(Spec):
    """A name that several devices share."""

    name: str
    """As it is printed or written."""
    candidates: list[str]
    """Catalogue ids."""
    reason: str
    """Why it cannot be decided."""


class WordsSpec(Spec):
    """``names.yaml``: words that mean nothing by themselves, and names that several devices share."""

    common: list[str]
    """Words that any device's string may hold."""
    vendors: dict[str, str]
    """A vendor in lower case → the word that stands for it in names."""
    partial: list[str]
    """Words that say the device is only a share of one (MIG, vGPU)."""
    ambiguous: list[Ambiguous] = pydantic.Field(default_factory=list)


def build_index(specs: Path) -> dict[str, Any]:
    """The whole index."""
    said = read(WordsSpec, specs / "names.yaml")
    accelerators = accelerator_records(specs)
    clouds = read(InstancesSpec, specs / "instances.yaml")
    _known(clouds, accelerators, said)
    return {
        "accelerators": accelerators,
        "clusters": cluster_records(specs, accelerators),
        "instances": {
            " ".join(words(spelling)): {"accelerator": group.accelerator, "devices": count}
            for group in clouds.instances
            for name, count in group.types.items()
            for spelling in (name, name.removeprefix("Standard_"))
        },
        "slices": {p: s.model_dump(exclude={"prefixes"}) for s in clouds.slices for p in s.prefixes},
        "run_keys": {k: r.model_dump() for k, r in clouds.run_keys.items()},
        "common_words": sorted(said.common),
        "vendor_words": dict(sorted(said.vendors.items())),
        "partial_words": sorted(said.partial),
        "shares": {" ".join(words(n)): what for n, what in clouds.shares.items()},
        "ambiguous": {
            " ".join(words(a.name)): {"candidates": a.candidates, "reason": a.reason} for a in said.ambiguous
        },
    }


def _known(clouds: InstancesSpec, accelerators: dict[str, Any], said: WordsSpec) -> None:
    used = {g.accelerator for g in clouds.instances} | {s.accelerator for s in clouds.slices}
    used |= {r.accelerator for r in clouds.run_keys.values()} | {c for a in said.ambiguous for c in a.candidates}
    if unknown := used - set(accelerators):
        raise InputError("instances.yaml, names.yaml", sorted(unknown)[0], "a catalogue id")
    sources = {g.source for g in clouds.instances} | {s.source for s in clouds.slices}
    if sources != set(clouds.sources):
        raise InputError("instances.yaml: sources", ", ".join(sorted(clouds.sources)), ", ".join(sorted(sources)))


def energy_record(specs: Path) -> dict[str, Any]:
    """PUE and carbon figures with their sources in place."""
    said = read(EnergySpec, specs / "energy" / "energy.yaml")
    sources = {k: s.record() for k, s in said.sources.items()}
    return {
        "typical_pue": said.typical_pue,
        "pue": {k: {**p.model_dump(), "source": sources[p.source]} for k, p in said.pue.items()},
        "servers": {k: {**v.model_dump(), "source": sources[v.source]} for k, v in said.servers.items()},
        "typical_server": said.typical_server,
        "network": {**said.network.model_dump(), "source": sources[said.network.source]},
        "carbon_year": said.carbon_year,
        "carbon_source": sources[said.carbon_source],
        "carbon_g_per_kwh": dict(sorted(said.carbon_g_per_kwh.items())),
    }


def achievable_records(specs: Path) -> list[dict[str, Any]]:
    """The measured tops, for ids that are in the catalogue."""
    rows = read(AchievableSpec, folder("calibration") / "achievable_rates.yaml").records()
    known = accelerator_records(specs)
    if unknown := {r["accelerator"] for r in rows} - set(known):
        raise InputError("achievable_rates.yaml", sorted(unknown)[0], "a catalogue id")
    return rows


def _json(data: object, lines: int = 2) -> str:
    """JSON with the outer ``lines`` levels one entry a line: short to read for the program, and for a diff."""
    if lines and isinstance(data, dict) and data:
        rows = (f"{json.dumps(k, ensure_ascii=False)}: {_json(v, lines - 1)}" for k, v in data.items())
        text = "{\n" + ",\n".join(rows) + "\n}"
    elif lines and isinstance(data, list) and data:
        text = "[\n" + ",\n".join(_json(v, lines - 1) for v in data) + "\n]"
    else:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text


def schema(model: type[Spec]) -> str:
    """A JSON schema for editors."""
    return json.dumps(model.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def generated(specs: Path) -> dict[str, Callable[[], str]]:
    """File name → renderer, for everything generated from the spec folder."""
    return {
        INDEX_NAME: lambda: _json(build_index(specs)) + "\n",
        NAMES_NAME: lambda: _json(light(build_index(specs))) + "\n",
        "prices.json": lambda: _json(price_index(specs, accelerator_records(specs))) + "\n",
        "energy.json": lambda: _json(energy_record(specs)) + "\n",
        "achievable.json": lambda: _json(achievable_records(specs), 1) + "\n",
        "schema/accelerator.json": lambda: schema(AcceleratorSpec),
        "schema/cluster.json": lambda: schema(ClusterSpec),
        "schema/instances.json": lambda: schema(InstancesSpec),
        "schema/names.json": lambda: schema(WordsSpec),
        "schema/prices.json": lambda: schema(ProvidersSpec),
        "schema/energy.json": lambda: schema(EnergySpec),
        "schema/achievable.json": lambda: schema(AchievableSpec),
        "schema/usable_memory.json": lambda: schema(UsableSpec),
    }
