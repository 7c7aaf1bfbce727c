"""What the text around the steps says about the run: devices, batch, length, recomputation, precision."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from mfu_planner.observe.logs.text import number

_NUM = r"([\d,]+(?:\.\d+)?)"
#: Between key and value in dumps of arguments: ``seq_length ...... 2048``, ``seq_length: 2048``, ``seq_length=2048``.
_DOTS = r"['\"]?[ \t.]{0,60}[:=]?[ \t]{0,8}"


def _count(text: str) -> float | None:
    value = number(text)
    return value if value is not None and value >= 1 and value == int(value) else None


def _product(text: str) -> float | None:
    parts = [int(p) for p in re.findall(r"\d+", text[:200])]
    return float(math.prod(parts)) if parts and all(0 < p < 10**7 for p in parts) else None


def _million(text: str) -> float | None:
    found = re.match(r"([\d,.]+)\s?([KMB]?)", text)
    value = number(found[1].rstrip(".,")) if found else None
    return None if found is None or value is None else value * {"K": 1e3, "M": 1e6, "B": 1e9, "": 1.0}[found[2]]


#: (field, pattern, reader, strings of which a text that matches has one: looked for first, far faster than a pattern)
_RULES: tuple[tuple[str, str, Callable[[str], float | None], tuple[str, ...]], ...] = (
    ("devices", rf"\bworld[_ ]size{_DOTS}{_NUM}", _count, ("world_size", "world size")),
    ("devices", r"\bWORLD_SIZE[=: ]{1,3}(\d{1,9})\b", _count, ("WORLD_SIZE",)),
    # MLPerf's start scripts: GPUs of a node beside its sockets and NUMA nodes
    ("devices_per_node", r"\bnum_gpus[ \t]?[:=][ \t]?(\d{1,5})[^\n]{1,60}?\bnum_(?:sockets|nodes)\b", _count,
     ("num_gpus",)),
    ("nodes", r"\bnum_gpus[ \t]?[:=][ \t]?\d{1,5}(?![^\n]{0,60}num_sockets)[^\n]{1,80}?\bnum_nodes[ \t]?[:=][ \t]?"
              r"(\d{1,6})", _count, ("num_gpus",)),  # beside num_sockets it counts NUMA nodes
    ("devices", r"\bnum_processes[ \t]?[:=][ \t]?(\d{1,15})", _count, ("num_processes",)),
    ("devices", r"\bNum GPUs used = (\d{1,9})", _count, ("Num GPUs",)),  # unsloth
    ("devices", r"\bNum_devices:[ \t]*(\d{1,15})", _count, ("Num_devices",)),
    ("devices", r"device mesh with \[[^\]\n]{1,200}\], \[([\d, ]+)\]", _product, ("device mesh",)),
    ("devices", r"\bn(?:um)?_(?:gpus|devices)\b['\"]?[ \t]?[:=][ \t]?(\d{1,15})"
                r"(?![^\n]{0,60}\bnum_(?:sockets|nodes)\b)", _count, ("_gpus", "_devices")),
    ("global_batch", rf"\bglobal[_ ](?:train_)?batch[_ ]size{_DOTS}{_NUM}\b", _count, ("global_", "global ")),
    ("global_batch", r"Total train batch size[^=\n]{0,80}= ([\d,]+)", _count, ("Total train batch",)),
    ("seq_len", rf"(?<![\w])(?:max_)?seq(?:uence)?_len(?:gth)?{_DOTS}{_NUM}", _count, ("seq_len", "sequence_len")),
    ("seq_len", r"\b(?:sequence length|max_sequence_length|max_target_length|max_seq_len"
                r"|seq_len)['\"]?[ \t]?[:=T]{0,2}[ \t=]{0,2}(\d{1,15})", _count,
     ("sequence length", "_length", "seq_len")),
    ("tokens_per_step", rf"tokens per iteration will be: {_NUM}", _count, ("tokens per iteration",)),
    ("tokens_per_step", r"\b[Tt]otal[_ ]batch[_ ]size[= |]{1,4}([\d,]+)(?=\s*(?:=>|\n|$|\|))", _count,
     ("otal_batch", "otal batch")),
    ("parameters", r"\bnum_parameters: ([\d,]+)", _count, ("num_parameters",)),
    ("parameters", r"\b[Nn]umber of (?:trainable )?parameters[^:=\n]{0,40}[:=][ \t]{0,4}([\d,.]+[KMB]?)\b", _million,
     ("umber of ",)),
    ("gradient_accumulation", r"\b[Gg]radient[_ ][Aa]ccumulation(?:[_ ]steps)?['\"]?"
                              r"[ \t]?[:=][ \t]?(\d{1,15})", _count, ("ccumulation",)),
)  # fmt: skip
_COMPILED = [(field, re.compile(pattern), read, words) for field, pattern, read, words in _RULES]

#: Statements of the devices of a job that a launcher or framework repeats when it starts again.
_WORLD = tuple(re.compile(p) for p in (
    rf"(?<!local )\bworld[_ ]size{_DOTS}{_NUM}", r"\bWORLD_SIZE[=: ]{1,3}(\d{1,9})\b", r"\bNum_devices:[ \t]*(\d{1,15})"
))  # fmt: skip

_WORLD_WORDS = ("world_size", "world size", "WORLD_SIZE", "Num_devices")

_RECOMPUTE = re.compile(
    r"(?:checkpoint_activations|activation_checkpointing|gradient_checkpointing)['\"]?[ .]{0,60}[:=]?[ ]?(?:True"
    r"|true|1\b|full|selective)"
    r"|recompute_granularity['\"]?[ .]{0,60}[:=]?[ ]?['\"]?(?:full|selective)|remat_policy['\"]?: ['\"]?(?:full"
    r"|minimal)|Applied (?:full|selective) activation checkpointing"
)  # fmt: skip
_RECOMPUTE_WORDS = ("_activations", "activation_", "gradient_checkpointing", "recompute_", "remat_", "Applied ")
_FP8_WORDS = ("fp8", "float8")
_FP8 = re.compile(
    r"\bfp8['\"]?[ .]{0,60}[:=]?[ ]?['\"]?(?:True|true|hybrid|e4m3)|Float8 .{0,40}(?:active|training)|enable_fp8", re.I
)
_DEVICE = re.compile(
    r"\b(NVIDIA (?:GeForce |RTX |TITAN )?[A-Z0-9][\w\-]{1,24}(?: [A-Z0-9][\w\-]{1,20}){0,4}"
    r"|Tesla [A-Z]\d+[\w\-]{0,20}|AMD Instinct MI\d+\w{0,3}|TPU v\d\w{0,4})"
)
_DEVICE_WORDS = ("NVIDIA ", "Tesla ", "Quadro ", "GeForce ", "AMD Instinct", "TPU v")
_SMI_ROW = re.compile(r"^\|\s{1,4}\d{1,2}  ((?:NVIDIA|Tesla|Quadro|GeForce) [\w \-]{1,40}?)\s{2,}", re.M)


class Header:
    """First statements win: a later line that repeats a key with another value does not change it."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.device_name: str | None = None
        self.recompute = False
        self.fp8 = False

    def scan(self, text: str) -> None:
        """Read every rule that has no value yet."""
        for field, pattern, read, words in _COMPILED:
            if field not in self.values and any(word in text for word in words):
                found = pattern.search(text)
                value = None if found is None else read(found[1])
                if value is not None:
                    self.values[field] = value
        named = any(word in text for word in _DEVICE_WORDS)
        rows = _SMI_ROW.findall(text) if named else []
        if rows:
            self.values.setdefault("devices", float(len(rows)))
            self.device_name = self.device_name or rows[0].strip()
        if self.device_name is None and named and (device := _DEVICE.search(text)):
            self.device_name = device[1].strip()
        if not self.recompute and any(word in text for word in _RECOMPUTE_WORDS):
            self.recompute = _RECOMPUTE.search(text) is not None
        if not self.fp8 and any(word in text.lower() for word in _FP8_WORDS):
            self.fp8 = _FP8.search(text) is not None

    def runs(self, text: str) -> list[tuple[int, float]]:
        """Places in a stretch from which on the text states another number of devices than before."""
        now, out = self.values.get("devices"), []
        if now is None or not any(word in text for word in _WORLD_WORDS):
            return []
        for pattern in _WORLD:
            for found in pattern.finditer(text):
                value = _count(found[1])
                if value is not None and now is not None and value != now:
                    out.append((text.rfind("\n", 0, found.start()) + 1, value))
                    now = value
            if out:
                break
        return out

    def finish(self) -> None:
        """Devices from a node's and the nodes, where nothing says the job's."""
        each, nodes = self.values.get("devices_per_node"), self.values.get("nodes")
        if each and nodes:
            self.values.setdefault("devices", each * nodes)
