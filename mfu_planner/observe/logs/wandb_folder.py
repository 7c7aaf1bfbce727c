"""A Weights & Biases run folder: summary, configuration, metadata and the console's copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfu_planner.observe.logs.documents import parse, read_summary
from mfu_planner.observe.logs.formats.tables import flat
from mfu_planner.observe.logs.metric_names import as_number
from mfu_planner.observe.logs.reading import Reading

SUMMARY, METADATA, CONFIG, CONSOLE = "wandb-summary.json", "wandb-metadata.json", "config.yaml", "output.log"
_LARGEST = 32 << 20
_LENGTHS = (
    "max_seq_len",
    "max_seq_length",
    "seq_len",
    "seq_length",
    "sequence_length",
    "block_size",
    "context_length",
    "max_length",
    "n_ctx",
)
_BATCHES = ("global_batch_size", "total_batch_size", "train_batch_size_total")
_ACCUMULATION = (
    "gradient_accumulation_steps",
    "grad_accum_steps",
    "accumulate_grad_batches",
    "grad_accum",
    "accumulation_steps",
)
_PER_DEVICE = ("per_device_train_batch_size", "micro_batch_size", "device_batch_size")


def run_folder(path: Path) -> Path | None:
    """The folder with a run's summary: the one given, its ``files``, or the one around a companion file."""
    try:
        candidates = [path, path / "files"] if path.is_dir() else [path.parent]
    except OSError:  # a name that no file can have: said where it is opened
        return None
    if path.is_file() and path.name not in {SUMMARY, METADATA, CONFIG}:
        return None
    return next(
        (c for c in candidates if (c / SUMMARY).is_file() and ((c / METADATA).is_file() or path.is_dir())), None
    )


def read_run(folder: Path, log: Reading) -> str:
    """Take a run folder.

    Rates and run time come from the summary, batch and length from the configuration, devices from the metadata.
    """
    summary = _json(folder / SUMMARY)
    if isinstance(summary, dict):
        read_summary(flat(summary), log)
    metadata = _json(folder / METADATA)
    if isinstance(metadata, dict):
        if count := as_number(metadata.get("gpu_count")):
            log.header.values["devices"] = count
        if isinstance(metadata.get("gpu"), str):
            log.header.device_name = metadata["gpu"]
    _configuration(_yaml(folder / CONFIG), log)
    return "wandb-run"


def _configuration(config: Any, log: Reading) -> None:
    if not isinstance(config, dict):
        return
    values = {k: v.get("value") if isinstance(v, dict) else v for k, v in config.items() if isinstance(k, str)}
    header = log.header.values
    if length := _first(values, _LENGTHS):
        header.setdefault("seq_len", length)
    batch, per_device = _first(values, _BATCHES), _first(values, _PER_DEVICE)
    accumulation = _first(values, _ACCUMULATION) or 1.0
    devices = header.get("devices")
    if batch:
        header.setdefault("global_batch", batch)
    elif per_device and devices:
        header.setdefault("global_batch", per_device * accumulation * devices)
    elif (plain := _first(values, ("batch_size", "train_batch_size"))) and devices == 1:
        header.setdefault("global_batch", plain * accumulation)
    elif plain:
        log.note(
            "log/batch-not-clear", "warning",
            f"batch_size {plain:g} in the configuration may be per device or of the whole job: give --global-batch",
            batch_size=plain,
        )  # fmt: skip


def _first(values: dict[str, Any], names: tuple[str, ...]) -> float | None:
    return next((v for n in names if (v := as_number(values.get(n)))), None)


def _json(path: Path) -> Any:
    return parse(path.read_bytes()) if path.is_file() and path.stat().st_size <= _LARGEST else None


def _yaml(path: Path) -> Any:
    if not path.is_file() or path.stat().st_size > _LARGEST:
        return None
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
