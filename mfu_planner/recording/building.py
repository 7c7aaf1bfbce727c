"""Which class a config is recorded as, and a model of it on the meta device."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from importlib import import_module
from typing import Any

from mfu_planner.errors import InputError

_USUAL = (
    "SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM", "MASKED_LM", "CAUSAL_LM", "CTC",
    "RNNT", "TDT", "ZERO_SHOT_IMAGE_CLASSIFICATION", "IMAGE_CLASSIFICATION", "OBJECT_DETECTION",
    "UNIVERSAL_SEGMENTATION", "SEMANTIC_SEGMENTATION", "INSTANCE_SEGMENTATION", "MASK_GENERATION", "DEPTH_ESTIMATION",
    "VIDEO_CLASSIFICATION", "TIME_SERIES_PREDICTION",
)  # fmt: skip
"""Heads in the order of preference where a config names no class; then the bare model, then any other."""
_UNFIT = ("token_id", "quantization_config", "model_type", "architectures", "transformers_version")


def classes_of(config: Mapping[str, Any], named: str | None) -> list[str]:
    """The classes to try: the named one, the config's own, or the usual ones of its type.

    Raises
    ------
    InputError
        A type or class that the installed transformers does not have.
    """
    import transformers

    kind = str(config.get("model_type"))
    if kind not in transformers.CONFIG_MAPPING:
        raise InputError("config: model_type", kind, "a type that the installed transformers has")
    found = list(dict.fromkeys(_usual(kind)))
    stated = (config.get("architectures") or [None])[0]
    own = named or (stated if isinstance(stated, str) and hasattr(transformers, stated) else None)
    if own is not None:
        if not _is_model(getattr(transformers, own, None)):
            raise InputError("class", own, f"a class of transformers, such as {', '.join(found[:2]) or 'LlamaModel'}")
        return [own]
    if not found:
        raise InputError("config: model_type", kind, "a type with a model class of its own")
    return found


def _usual(kind: str) -> Iterator[str]:
    """The classes of a type, those that are trained most first."""
    import transformers
    from transformers.models.auto import modeling_auto as auto

    heads = [f"MODEL_FOR_{head}_MAPPING_NAMES" for head in _USUAL]
    others = sorted(n for n in vars(auto) if n.startswith("MODEL_FOR_") and n.endswith("_MAPPING_NAMES"))
    for name in dict.fromkeys([*heads, "MODEL_MAPPING_NAMES", *others]):
        classes = getattr(auto, name, {}).get(kind, ())
        for one in (classes,) if isinstance(classes, str) else classes:
            if _is_model(getattr(transformers, one, None)):
                yield one
    yield from _unlisted(kind)


def _unlisted(kind: str) -> Iterator[str]:
    """Classes of a type that no automatic list holds: those whose config is of the type."""
    import transformers

    config = transformers.CONFIG_MAPPING[kind]
    home = config.__module__.rpartition(".")[0]
    name = config.__module__.rpartition(".")[2].replace("configuration_", "modeling_")
    try:
        module = import_module(f"{home}.{name}")
    except ImportError:
        return
    found = [
        one
        for one in vars(module).values()
        if _is_model(one) and one.__module__ == module.__name__ and getattr(one, "config_class", None) is config
    ]
    public = set(getattr(module, "__all__", ()))
    found.sort(key=lambda one: (one.__name__ not in public, "ForConditionalGeneration" not in one.__name__))
    yield from (one.__name__ for one in found if not one.__name__.endswith("PreTrainedModel"))


def class_named(name: str, kind: str) -> Any:
    """The class itself, also where transformers does not show it."""
    import transformers

    if hasattr(transformers, name):
        return getattr(transformers, name)
    config = transformers.CONFIG_MAPPING[kind]
    home, _, last = config.__module__.rpartition(".")
    return getattr(import_module(f"{home}.{last.replace('configuration_', 'modeling_')}"), name)


def _is_model(one: Any) -> bool:
    import transformers

    if not inspect.isclass(one) or not issubclass(one, transformers.PreTrainedModel):
        return False
    return getattr(getattr(one, "forward", None), "__name__", "") != "_forward_unimplemented"


def build(config: Mapping[str, Any], name: str, device: str = "meta") -> Any:
    """A model of the class, without weights on the meta device, attention by plain products, no layer dropped.

    Raises
    ------
    InputError
        A config that the class does not take.
    """
    import torch
    import transformers

    from mfu_planner.recording.meta_run import MetaRun

    kind = str(config["model_type"])
    fields = {k: v for k, v in config.items() if k not in _UNFIT}
    try:
        made = transformers.CONFIG_MAPPING[kind].from_dict(fields)
        for part in parts_of(made):
            part._experts_implementation = "batched_mm"
            for field in vars(part):
                if field.endswith("layerdrop"):
                    setattr(part, field, 0.0)
                elif field == "use_cache":
                    part.use_cache = False
        made_by = class_named(name, kind)
        with torch.device(device), MetaRun(torch.nn.Module()) if device == "meta" else nullcontext():
            try:
                model = made_by._from_config(made, attn_implementation="eager")
            except (ValueError, TypeError, NotImplementedError):
                model = made_by(made)
    except Exception as error:  # noqa: BLE001  the class's own checks, of any kind
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError("config", kind, f"a config that {name} takes: {why}") from None
    for module in model.modules() if device == "meta" else ():
        for at, weight in module.named_parameters(recurse=False):
            if not weight.is_meta:  # made by a function that heeds no device
                setattr(module, at, torch.nn.Parameter(weight.to("meta"), weight.requires_grad))
    return model.eval()


def parts_of(config: Any, depth: int = 0) -> Iterator[Any]:
    """A config and the configs in it, outermost first."""
    yield config
    if depth < 4:
        for value in list(vars(config).values()):
            if hasattr(value, "model_type") and hasattr(value, "to_dict"):
                yield from parts_of(value, depth + 1)
