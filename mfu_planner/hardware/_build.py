"""From the YAML files to the index: validated, in SI units, per device. Runs when facts change, not at start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.facts import read
from mfu_planner.hardware._cluster_spec import ClusterSpec
from mfu_planner.hardware._memory import memory_figures
from mfu_planner.hardware._spec import AcceleratorSpec, Figure, PeakSpec
from mfu_planner.hardware._words import words
from mfu_planner.units import parse

ACCELERATORS = "accelerators"


def accelerator_files(root: Path) -> list[Path]:
    """Every accelerator file under a spec folder, in order."""
    return sorted((root / ACCELERATORS).glob("**/*.yaml"))


def record(spec: AcceleratorSpec) -> dict[str, Any]:
    """One index record: SI numbers per device."""
    share = spec.devices_per_package if spec.basis == "package" else 1

    def per_device(text: str | None, dimension: str) -> float | None:
        return None if text is None else _tidy(parse(text, dimension, field=spec.id) / share)

    groups: dict[str, Figure | None] = {
        "memory": spec.memory, "compute": spec.compute, "cache": spec.cache,
        "scale_up": spec.scale_up, "pcie": spec.pcie, "power": spec.power,
        "memory_driver": spec.memory.driver if spec.memory else None,
    }  # fmt: skip
    compute, link = spec.compute, spec.scale_up
    return {
        "id": spec.id,
        "name": spec.name,
        "vendor": spec.vendor,
        "family": spec.family,
        "year": spec.year,
        "form_factor": spec.form_factor,
        "device_kind": spec.device_kind,
        "devices_per_package": spec.devices_per_package,
        "counted_as": _counted_as(spec),
        "confidence": spec.confidence,
        "peak": {k: _peak(p, per_device) for k, p in spec.peak.items()},
        **memory_figures(spec, share),
        "memory_kind": spec.memory.kind if spec.memory else None,
        "memory_bandwidth_bytes_per_s": per_device(spec.memory.bandwidth, "byte_per_s") if spec.memory else None,
        "tdp_w": per_device(spec.power.tdp, "power") if spec.power else None,
        "compute_unit": compute.unit if compute else None,
        "compute_units": _tidy(compute.units / share) if compute else None,
        "clocks_hz": {k: parse(v, "frequency", field=spec.id) for k, v in compute.clocks.items()} if compute else {},
        "l2_bytes": per_device(spec.cache.l2, "byte") if spec.cache else None,
        "scale_up": None
        if link is None
        else {
            "link": link.link,
            "per_direction": per_device(link.per_direction, "byte_per_s"),
            "domain": link.domain * share,
            "source": link.source,
            "note": link.note,
        },
        "pcie_generation": spec.pcie.generation if spec.pcie else None,
        "pcie_per_direction": per_device(spec.pcie.per_direction, "byte_per_s") if spec.pcie else None,
        "notes": list(spec.notes),
        "sources": {k: s.record() for k, s in spec.sources.items()},
        "fact_sources": {k: g.source for k, g in groups.items() if g is not None},
        "fact_notes": _notes(groups),
        "names": _names(spec),
    }


def _counted_as(spec: AcceleratorSpec) -> dict[str, int]:
    """chip, card, board, package → devices in one; empty where a device is what people count."""
    whole = {"package": spec.devices_per_package} if spec.devices_per_package > 1 else {}
    return {**spec.counted_as, **whole}


def _peak(peak: PeakSpec, per_device: Any) -> dict[str, Any]:
    out = {
        "dense": per_device(peak.dense, "flop_per_s"),
        "sparse": per_device(peak.sparse, "flop_per_s"),
        "source": peak.source,
        "status": peak.status,
        "sparsity": peak.sparsity,
        "accumulate": peak.accumulate,
        "note": peak.note,
        "alternatives": [a.model_dump() for a in peak.alternatives],
    }
    always = ("dense", "sparse", "source")
    return {k: v for k, v in out.items() if k in always or (v and not (k == "status" and v == "stated"))}


def _notes(groups: dict[str, Figure | None]) -> dict[str, str]:
    notes: dict[str, str] = {}
    for key, group in groups.items():
        if group is None:
            continue
        parts = [group.note] if group.note else []
        parts += [f"also published: {a.value} ({a.source}): {a.reason}" for a in group.alternatives]
        if parts:
            notes[key] = "; ".join(parts)
    return notes


def _names(spec: AcceleratorSpec) -> dict[str, Any]:
    names = spec.names
    exact = [spec.name, *names.driver, *names.alias]
    return {
        "driver": list(names.driver),
        "exact": sorted({" ".join(words(n)) for n in exact}),
        "model": [list(words(m)) for m in names.model],
        "marks": sorted(set(names.marks)),
        "only": sorted(set(names.only)) if names.on_request else [],
        "on_request": names.on_request,
        "notes": {" ".join(words(k)): v for k, v in names.notes.items()},
    }


def _tidy(value: float) -> float:
    """A float without the dust of unit conversion (12 significant digits are more than any datasheet prints)."""
    value = float(f"{value:.12g}")
    return int(value) if value == int(value) else value


def accelerator_records(root: Path, left_out: dict[str, InputError] | None = None) -> dict[str, Any]:
    """All records of a spec folder by id, with errors for ids that do not match their file or appear twice.

    ``left_out``: takes the errors by file, without which the first is raised.
    """
    records: dict[str, Any] = {}

    def add(path: Path) -> None:
        spec = read(AcceleratorSpec, path)
        if spec.id != path.stem:
            raise InputError(f"{path}: id", spec.id, f"the file's own name, {path.stem}")
        if spec.id in records:
            raise InputError(f"{path}: id", spec.id, "an id that no other file has")
        records[spec.id] = record(spec)

    _each(accelerator_files(root), add, left_out)
    return dict(sorted(records.items()))


def cluster_records(
    root: Path, accelerators: dict[str, Any], left_out: dict[str, InputError] | None = None
) -> dict[str, Any]:
    """All clusters of a spec folder by id; ``left_out`` as for accelerators."""
    records: dict[str, Any] = {}

    def add(path: Path) -> None:
        spec = read(ClusterSpec, path)
        if spec.id != path.stem:
            raise InputError(f"{path}: id", spec.id, f"the file's own name, {path.stem}")
        if spec.accelerator not in accelerators:
            raise InputError(
                f"{path}: accelerator", spec.accelerator, "a catalogue id", nearest(spec.accelerator, accelerators)
            )
        records[spec.id] = spec.record()

    _each(sorted((root / "clusters").glob("**/*.yaml")), add, left_out)
    return records


def _each(paths: Iterable[Path], add: Callable[[Path], None], left_out: dict[str, InputError] | None) -> None:
    for path in paths:
        try:
            add(path)
        except InputError as error:
            if left_out is None:
                raise
            left_out[path.stem] = error


def overlay(shipped: dict[str, Any], own: Iterable[Path]) -> dict[str, Any]:
    """The shipped index with the files of the user's folders added, or in place of entries with the same id.

    A broken file is left out and its error kept. Rates measured on a device do not hold for other figures of it.
    """
    left_out: dict[str, InputError] = {}
    accelerators, clusters = dict(shipped["accelerators"]), dict(shipped["clusters"])
    for root in own:
        if not root.is_dir():
            raise InputError("specs", str(root), "a folder with accelerators/ and clusters/ in it")
        for stray in (*root.glob("*.yaml"), *root.glob("*.yml")):
            left_out[str(stray)] = InputError(str(stray), "a file", "one in accelerators/ or clusters/ of the folder")
        for identifier, entry in accelerator_records(root, left_out).items():
            old = shipped["accelerators"].get(identifier)
            entry["measured"] = old is not None and all(entry[k] == old[k] for k in _MEASURED_WITH)
            accelerators[identifier] = entry
        clusters.update(cluster_records(root, accelerators, left_out))
    return {**shipped, "accelerators": accelerators, "clusters": clusters, "left_out": left_out}


_MEASURED_WITH = ("peak", "memory_bandwidth_bytes_per_s", "scale_up", "tdp_w", "compute_units")
"""Figures without which a measured rate says nothing of the device."""
