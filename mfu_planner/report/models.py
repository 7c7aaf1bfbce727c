"""Model presets in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mfu_planner.architectures import from_config
from mfu_planner.architectures.presets import preset
from mfu_planner.report.human import grid, plain_table

if TYPE_CHECKING:
    from rich.console import Console


def model_record(name: str) -> dict[str, Any]:
    """One preset: id, name, family, parameters, training length, source, config."""
    found = preset(name)
    built = from_config(found.config, origin=f"model {found.id}")
    return {
        "id": found.id,
        "name": found.name,
        "family": found.family,
        "params": {"total": built.params, "embedding": built.embedding_params, "active": built.active_params},
        "params_published": found.params_published,
        "layers": built.layers,
        "hidden": built.hidden,
        "vocab": built.vocab,
        "work_unit": built.work_unit,
        "seq_len": found.seq_len,
        "seq_len_source": found.seq_len_source,
        "source": found.source,
        "notes": list(found.notes),
        "config": found.config,
    }


def render_model(record: Mapping[str, Any], console: Console) -> None:
    """Print one preset."""
    params = record["params"]
    rows = [
        ("id", record["id"]),
        ("name", record["name"]),
        ("family", record["family"]),
        ("parameters", f"{params['total']:,}  (active {params['active']:,}, embedding {params['embedding']:,})"),
        ("layers, width, vocabulary", f"{record['layers']}, {record['hidden']:,}, {record['vocab']:,}"),
        ("trained at", f"{record['seq_len'] or '–'} tokens  ({record['seq_len_source'] or 'no source found'})"),
        ("source", record["source"]),
        *(("note", note) for note in record["notes"]),
    ]
    console.print(plain_table(rows))


def render_models(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the list of presets."""
    console.print(
        grid(
            ("id", "name", "parameters", "trained at"),
            [
                (
                    r["id"],
                    r["name"],
                    f"{r['params']:,}" if r.get("params") else "–",
                    f"{r['seq_len']:,}" if r["seq_len"] else "–",
                )
                for r in rows
            ],
        )
    )
