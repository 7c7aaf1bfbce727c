"""What of a model is trained, and on what: adapters, frozen parts, packed documents, images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError
from mfu_planner.operators import Stream, Workload
from mfu_planner.questions.model import Model
from mfu_planner.questions.parts import TrainingPart

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture

_MOST_LENGTHS = 100_000


def trained(model: Model, s: TrainingPart) -> Model:
    """The model with its frozen parts and adapters, where the scenario names any; images only where it sees them.

    Raises
    ------
    InputError
        A part or target that the model does not have; a bare number of parameters, which has no parts.
    """
    model = _with_prediction(_with_media(model, s), s)
    if s.packed is not None:
        _can_be_packed(model, s)
    if s.lora_rank is None and s.freeze is None:
        for field, given in (("lora-targets", s.lora_targets), ("dora", s.dora), ("rslora", s.rslora)):
            if given:
                raise InputError(field, given, "--lora-rank beside it, such as --lora-rank 16")
        if s.base_dtype is not None:
            raise InputError("base-dtype", s.base_dtype, "frozen weights: --lora-rank or --freeze beside it")
        return model
    return _adapted(_Itself(model), s.freeze, s.lora_rank, s.lora_targets, s.dora, s.rslora, s.base_dtype)


@dataclass(frozen=True, slots=True, eq=False)
class _Itself:
    """A model as a key that is equal to itself alone: one whose sizes are letters equals the plain one."""

    value: Model

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.value is self.value


@lru_cache(maxsize=32)
def _adapted(
    asked: _Itself,
    freeze: str | None,
    rank: int | None,
    lora_targets: str | None,
    dora: bool,
    rslora: bool,
    base: str | None,
) -> Model:
    """The model with what is frozen and adapted; kept, because every layer is gone through for its gradients."""
    model = asked.value
    architecture = model.architecture
    if architecture is None:
        raise InputError("params", f"{model.params:,}", "a --model or --config: a bare number has no parts to freeze")
    from mfu_planner.counting.chosen import chosen
    from mfu_planner.counting.finetune import ALL_LINEAR, trainable_params, with_lora, without_training

    notes: list[str] = []
    if freeze is not None:
        if not _names(freeze):
            raise InputError("freeze", freeze, "names of parts, blocks or operators, with commas between")
        architecture = without_training(architecture, chosen(architecture, _names(freeze)))
    if rank is not None:
        targets = _names(lora_targets) if lora_targets else ALL_LINEAR
        architecture = with_lora(architecture, rank, targets, magnitudes=dora)
        if dora:
            notes.append(
                "DoRA trains a magnitude for each output; the norms of its weights, once a step, are not counted"
            )
        if rslora:
            notes.append("rsLoRA scales the adapters by another factor: it changes neither parameters nor FLOPs")
    if base is not None:
        architecture = _stored(architecture, base)
        notes.append(
            f"frozen linear layers are stored in {base} with their scales; embeddings, norms and head stay as they are"
        )
        if base != "bf16":
            notes.append(
                "each is dequantised before its products: read as stored, written as wide as the run, at the bandwidth"
            )
    note = f"{trainable_params(architecture):,} parameters are trained; gradients that nobody needs are not counted"
    return replace(
        model,
        architecture=architecture,
        params=architecture.params,
        active_params=architecture.active_params,
        notes=(*model.notes, *notes, note),
    )


def _stored(architecture: Architecture, base: str) -> Architecture:
    """The model with its frozen linear layers stored in a format; refuses one that has none."""
    from mfu_planner.machine.base_weights import with_base

    found = with_base(architecture, base)
    if found == architecture:
        raise InputError("base-dtype", base, "frozen linear layers: what --freeze names has none")
    return found


def _with_prediction(model: Model, s: TrainingPart) -> Model:
    """The model with its multi-token prediction modules where they are asked for; whether they are in is said."""
    architecture = model.architecture
    if architecture is None or not architecture.prediction:
        if s.mtp:
            raise InputError("mtp", True, f"nothing: the config of {model.name} names no multi-token prediction")
        return model
    whole = architecture.with_prediction()
    added = f"multi-token prediction ({whole.params - architecture.params:,} parameters)"
    if not s.mtp:
        return replace(model, notes=(*model.notes, f"{added} is left out; --mtp counts it"))
    return replace(
        model,
        architecture=whole,
        params=whole.params,
        active_params=whole.active_params,
        notes=(*model.notes, f"{added} is counted, as --mtp asks"),
    )


def _with_media(model: Model, s: TrainingPart) -> Model:
    """The model, with a remark where it could take images or sound and none are said; refuses what it cannot take."""
    streams = {op.rows.stream for _, op in model.architecture.each()} if model.architecture is not None else set()
    for stream, field, given, what, tower in (
        (Stream.IMAGE, "images", s.images, "images", "vision"),
        (Stream.CLIP, "clips", s.clips, "sound", "audio"),
    ):
        if given is not None and stream not in streams:
            raise InputError(field, given, f"nothing: {model.name} takes no {what} beside text")
        if given is None and stream in streams:
            amount = "images per sequence" if field == "images" else "audio clips per sequence"
            note = f"no {amount} assumed: text only, the {tower} tower does no work; --{field} changes it"
            model = replace(model, notes=(*model.notes, note))
    return model


def _can_be_packed(model: Model, s: TrainingPart) -> None:
    """Refuse documents where their lengths do not say the work: beside targets, and where the image size fixes it."""
    arch = model.architecture
    if arch is not None and arch.uses_target:
        raise InputError(
            "packed", shown(s.packed), f"nothing: the lengths do not say how long each target of {model.name} is"
        )
    if arch is not None and arch.fixed_length is not None and not arch.has_text:
        raise InputError("packed", shown(s.packed), f"nothing: the image size fixes the length of {model.name}")


def workload(s: TrainingPart, seq_len: int | None, target_seq_len: int | None, batch: int = 1) -> Workload:
    """One batch as the scenario describes it: its documents, images and sound.

    Raises
    ------
    InputError
        Documents longer than a sequence, or more than the batch holds.
    """
    images, clips = s.images or 0, s.clips or 0
    if s.packed is not None:
        from mfu_planner.counting.packing import packed

        if not seq_len:
            raise InputError("packed", shown(s.packed), "--seq-len beside it")
        return replace(packed(documents(s.packed), seq_len), images=images, clips=clips)
    return Workload(batch, seq_len or 0, target_seq_len or 0, images=images, clips=clips)


def documents(given: Any) -> dict[int, int]:
    """Document lengths as {length: how many}, from ``'512:1000,1024:20'``, a list, or a mapping."""
    accepted = "document lengths as '512:1000,1024:20' (length:count), or a list"
    if isinstance(given, str):
        pairs: Iterable[Any] = (part.partition(":") for part in given.split(","))
        counted = [(length, count or "1") for length, _, count in pairs]
    elif isinstance(given, Mapping):
        counted = list(given.items())
    elif isinstance(given, Iterable) and getattr(given, "ndim", None) != 0:
        counted = [(length, 1) for length in given]
    else:
        raise InputError("packed", given, accepted)
    found: dict[int, int] = {}
    try:
        for length, count in counted[: _MOST_LENGTHS + 1]:
            found[int(length)] = found.get(int(length), 0) + int(count)
    except (TypeError, ValueError, OverflowError):
        raise InputError("packed", shown(given), accepted) from None
    if not found or min(found) < 1 or min(found.values()) < 1 or len(counted) > _MOST_LENGTHS:
        raise InputError(
            "packed", shown(given), f"{accepted}; lengths and counts of at least 1, at most {_MOST_LENGTHS:,}"
        )
    return found


def shown(given: Any) -> str:
    """A list of lengths for an error line."""
    return str(given)[:60]


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
