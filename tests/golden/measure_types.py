"""Measure small configs of many model types and heads on the CPU and write ``types.json`` anew.

Run it where the pinned torch and transformers are installed::

    python tests/golden/measure_types.py                       the rows that have no figures yet
    python tests/golden/measure_types.py --only llama,gemma4   the rows of these names (and names that begin so) anew
    python tests/golden/measure_types.py --only llama --check  the same, compared with the file; writes nothing

A row is a name, a class of transformers (or of diffusers), a config, batches (``work``), and what the class takes
beside tokens and images: ones of a shape (``inputs``, whole numbers: ``marks``; ``shared``: for all) or values
(``values``) for each sequence (``literal``: for the batch); ``choices``: all sequences are answers to one question.
What is measured: ``params``, the distinct parameters; and for each batch the FLOP of the forward pass, of both
passes, and of the forward pass over the attention pairs that the masks allow (null where the model's attention does
not go through transformers' interface). Models are small and run for real with random weights, so routing and masks
are what they are in use.  Counting is that of ``counting.py``; each token goes through its own experts and no other.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from counting import GroupedCounter
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

FILE = Path(__file__).with_name("types.json")
PAIRS = "counted_pairs"
TOWERS = ("image_outputs", "video_outputs", "audio_outputs")
"""Outputs that no loss reads: what a tower gave to the model."""
_FIRST_TOKEN = 5
"""Token ids below are kept for padding and the like."""


class Allowed:
    """FLOP of the attention products, over all pairs and over the allowed ones."""

    full = 0
    allowed = 0
    unknown = False


def counted_attention(
    module: Any, query: Any, key: Any, value: Any, mask: Any, scaling: Any = None, **given: Any
) -> tuple[Any, None]:
    """Attention over all pairs with grouped keys repeated, which also counts the pairs that the mask allows."""
    chosen = given.get("sparse_indices", given.get("indices"))
    if chosen is not None:  # sparse attention: the keys that an indexer has chosen for each query
        rows = torch.zeros(query.shape[0], query.shape[2], key.shape[2], dtype=torch.bool)
        open_chosen = rows.scatter(-1, chosen.long(), True).unsqueeze(1)
        mask = mask & open_chosen if mask.dtype == torch.bool else mask.masked_fill(~open_chosen, -torch.inf)
    if given.get("block_indices") is not None:  # the same by blocks of keys
        places = torch.arange(query.shape[2]).unsqueeze(0).expand(query.shape[0], -1)
        length, kind, device = key.shape[2], query.dtype, query.device
        mask = module.indexer.build_block_mask(given["block_indices"], mask, length, kind, device, places)
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    batch, heads, queries, width = query.shape
    per_pair = 2 * heads * (width + value.shape[-1])
    Allowed.full += per_pair * batch * queries * key.shape[-2]
    seen = batch * queries * key.shape[-2]
    if mask is not None:
        mask = mask[..., : key.shape[-2]]
        open_ = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
        seen = int(open_.expand(batch, open_.shape[1], queries, key.shape[-2])[:, 0].sum())
    elif getattr(module, "is_causal", False) and queries > 1:
        Allowed.unknown = True
    Allowed.allowed += per_pair * seen
    scores = query @ key.transpose(2, 3) * (scaling or width**-0.5)
    if mask is not None:
        scores = scores.masked_fill(~open_, torch.finfo(scores.dtype).min)
    return (scores.softmax(-1) @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(PAIRS, counted_attention)
AttentionMaskInterface.register(PAIRS, eager_mask)


def build(row: dict[str, Any]) -> Any:
    """The row's class with small random weights."""
    if "_class_name" in row["config"]:
        import diffusers

        return getattr(diffusers, row["class"]).from_config(row["config"]).train()
    config = transformers.CONFIG_MAPPING[row["config"]["model_type"]].from_dict(
        {k: v for k, v in row["config"].items() if k not in {"model_type", "architectures"}}
    )
    parts = [config, *(getattr(config, name) for name in getattr(config, "sub_configs", {}))]
    for part in parts:
        if part is not None:
            part._experts_implementation = "batched_mm"
            part.use_cache = False
    model = getattr(transformers, row["class"])._from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter in model.parameters():
            if not torch.isfinite(parameter).all():
                parameter.zero_()
    return model.train()


def tokens(row: dict[str, Any], batch: int, length: int) -> torch.Tensor:
    """Token ids, none of them special."""
    most = row.get("most_token") or min(_vocabulary(row["config"]), 200)
    found = (torch.arange(batch * length).view(batch, length) * 7 % (most - _FIRST_TOKEN)) + _FIRST_TOKEN
    if "last_token" in row:
        found[:, -1] = row["last_token"]
    return found


def _vocabulary(config: dict[str, Any]) -> int:
    return int(config.get("vocab_size") or config.get("text_config", {}).get("vocab_size") or 200)


def inputs(row: dict[str, Any], work: dict[str, int]) -> dict[str, torch.Tensor]:
    """What the class takes, for one batch."""
    batch, given = work["batch"], {}
    if row.get("wave"):  # samples of sound in place of tokens
        return {"input_values": torch.linspace(-1, 1, batch * work["seq_len"]).view(batch, -1)}
    if "seq_len" in work:
        if "_class_name" in row["config"]:  # texts come encoded
            given["encoder_hidden_states"] = torch.ones(batch, work["seq_len"], row["text_width"])
        else:
            given["input_ids"] = tokens(row, batch, work["seq_len"])
    for name in ("target_seq_len", "decoder_seq_len"):
        if name in work:
            given["decoder_input_ids"] = tokens(row, batch, work[name])
    if "image_size" in work and "images" not in work and "_class_name" not in row["config"]:
        channels = row["config"].get("num_channels") or row["config"].get("vision_config", {}).get("num_channels", 3)
        given["pixel_values"] = torch.ones(batch, channels, work["image_size"], work["image_size"])
    if work.get("images") and "_class_name" not in row["config"]:
        given |= pictures(row, given["input_ids"], work)
    if work.get("clips"):  # one clip a sequence, from the row's own inputs
        given["input_ids"][:, -row["audio_tokens"] :] = row["audio_token"]
    given = {name: one for name, one in (given | beside(row, batch)).items() if name not in row.get("drop", ())}
    return {name: one.unsqueeze(0) for name, one in given.items()} if row.get("choices") else given


def beside(row: dict[str, Any], batch: int) -> dict[str, Any]:
    """What a row names beside tokens and images."""
    given: dict[str, Any] = {}
    for name, shape in row.get("inputs", {}).items():
        given[name] = torch.ones(batch, *shape)
    for name, shape in row.get("marks", {}).items():
        given[name] = torch.ones(batch, *shape, dtype=torch.long)
    for name, shape in row.get("shared", {}).items():
        given[name] = torch.ones(*shape)
    for name, value in row.get("literal", {}).items():
        given[name] = torch.tensor(value)
    for name, value in row.get("values", {}).items():
        nested = isinstance(value, dict)
        given[name] = (
            {key: torch.tensor([one] * batch) for key, one in value.items()}
            if nested
            else torch.tensor([value] * batch)
        )
    return given


def pictures(row: dict[str, Any], ids: torch.Tensor, work: dict[str, int]) -> dict[str, torch.Tensor]:
    """Square images for each sequence, and their places among the tokens."""
    vision, count, side = row["config"]["vision_config"], work["images"] * work["batch"], work["image_size"]
    channels = vision.get("num_channels", vision.get("in_channels", 3))
    across = side // vision["patch_size"]
    ids[:, 3 : 3 + work["images"] * row["image_tokens"]] = row["image_token"]
    if row.get("patches"):  # a list of patches with their grid, as Qwen has it
        frames = vision.get("temporal_patch_size", vision.get("patch_temporal", 1))
        features = channels * frames * vision["patch_size"] ** 2
        shape = (features,) if row["patches"] == "flat" else (channels, vision["patch_size"], vision["patch_size"])
        return {
            "pixel_values": torch.ones(count * across * across, *shape),
            row.get("grid_name", "image_grid_thw"): torch.tensor([[1, across, across]] * count),
            **({"mm_token_type_ids": (ids == row["image_token"]).int()} if row["patches"] == "flat" else {}),
        }
    given = {"pixel_values": torch.ones(count, channels, side, side)}
    return given | ({"image_sizes": torch.tensor([[side, side]] * count)} if row.get("sized") else {})


def total(output: Any) -> torch.Tensor:
    """The sum of everything floating that the model returns and that has a gradient, a tower's own output apart."""
    found: list[torch.Tensor] = []

    def walk(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            if value.requires_grad and value.is_floating_point():
                found.append(value.float().sum())
        elif isinstance(value, dict):
            for key, one in value.items():
                if key not in TOWERS:
                    walk(one)
        elif isinstance(value, list | tuple):
            for one in value:
                walk(one)

    walk(output)
    return torch.stack(found).sum()


def flops(model: Any, row: dict[str, Any], work: dict[str, int]) -> list[Any]:
    """Forward FLOP, those of both passes, and forward over the allowed pairs."""
    library = hasattr(model, "set_attn_implementation")  # diffusers' models have torch's attention, here by products
    if library:
        model.set_attn_implementation("eager")
    model.zero_grad(set_to_none=True)
    with GroupedCounter() as counter, sdpa_kernel(SDPBackend.MATH):
        output = model(**inputs(row, work))
        forward = int(counter.get_total_flops())
        total(output).backward()
    both = int(counter.get_total_flops())
    return [forward, both, _allowed(model, row, work, forward) if library else None]


def _allowed(model: Any, row: dict[str, Any], work: dict[str, int], forward: int) -> int | None:
    Allowed.full = Allowed.allowed = 0
    Allowed.unknown = False
    try:
        model.set_attn_implementation(PAIRS)
        with torch.no_grad(), GroupedCounter() as counter:
            model(**inputs(row, work))
    except Exception:  # noqa: BLE001 - a model may refuse an implementation in any way
        return None
    if Allowed.unknown or not Allowed.full or int(counter.get_total_flops()) != forward:
        return None
    return forward - Allowed.full + Allowed.allowed


def measured(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its figures."""
    torch.manual_seed(0)
    model = build(row)
    params = sum(p.numel() for p in model.parameters())
    return {**row, "params": params, "flops": [flops(model, row, work) for work in row["work"]]}


def chosen(name: str, only: set[str]) -> bool:
    """Whether a row is asked for by its name or its beginning."""
    return any(name == one or name.startswith(f"{one}-") for one in only)


def write(rows: list[dict[str, Any]]) -> None:
    """One row a line."""
    lines = ",\n".join(json.dumps(row) for row in sorted(rows, key=lambda row: row["name"]))
    head = json.dumps({"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__})
    FILE.write_text(f'{{"measured_with": {head},\n"rows": [\n{lines}\n]}}\n', "utf-8")


def main() -> int:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names or beginnings of names, separated by commas")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    given = parser.parse_args()
    only = set(filter(None, given.only.split(",")))
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    rows, wrong = json.loads(FILE.read_text("utf-8"))["rows"], 0
    for place, row in enumerate(rows):
        if not (chosen(row["name"], only) if only else "params" not in row):
            continue
        found = measured(row)
        if given.check:
            same = json.loads(json.dumps(found)) == row
            wrong += not same
            print(
                row["name"], "as in the file" if same else f"DIFFERS FROM THE FILE: {found['params']} {found['flops']}"
            )
        rows[place] = found
    if not given.check:
        write(rows)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
