"""What software prints around a device's name: labels, indices, UUIDs, counts, lists. Taken off, never guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mfu_planner.errors import InputError


@dataclass(frozen=True, slots=True)
class Spoken:
    """A device's name alone, and what stood around it."""

    name: str
    count: int | None = None
    """Devices that the text lists or counts; None where it says nothing."""
    unit: str | None = None
    """chip, card, package or board, where the name says so."""


UNITS = {
    "chip": "chip", "chips": "chip", "card": "card", "cards": "card", "package": "package", "packages": "package",
    "board": "board", "boards": "board",
}  # fmt: skip
"""The words that say what is counted, when a name begins or ends with one."""

_FIELD = re.compile(
    r"""(?:^|[\s{(,;])['"]?
        (?:product[ _]?name|marketing[ ]name|device[ _]?name|card[ ]series|chipset[ ]model|gpu[ _]?name
          |name|gpu(?=['"]))
        ['"]?\s*[=:]+\s*['"]?(?P<name>[^'",;\n]*[^'",;\n )\]}])""",
    re.IGNORECASE | re.VERBOSE,
)
"""``name='NVIDIA A100', major=8`` of torch, ``Product Name : …`` of nvidia-smi -q, ``"name": "…"`` of JSON."""
_LABEL = re.compile(
    r"^[\w./-]*(?:gpu|accelerator|product|instance|machine|shape|model|device|card|hardware|sku)[\w./ -]*\s*[=:]"
    r"\s*(?=\S)",
    re.IGNORECASE,
)
"""A Kubernetes label, an environment variable or a key of YAML before the value."""
_GRES = re.compile(
    r"^(?:--)?(?:gres\s*[/:=]\s*)?gpu\s*:\s*(?P<name>[a-z][\w.+-]*?)(?:\s*[:=]\s*(?P<count>\d+))?(?:\(.*\))?$",
    re.IGNORECASE,
)
"""A generic resource of Slurm: ``gpu:rtx_2080_ti:2``, ``gres/gpu:a100=4``, ``--gres=gpu:h100:8``."""
_INDEX = re.compile(
    r"^(?:\[?\d+\]?\s*[:,|\]]\s+|(?:gpu|device|cuda|hip|xpu|npu|card|dev)\s*#?\[?\d+\]?\s*[:=)\]|-]*\s+(?=\S)"
    r"|(?:cuda|gpu|xpu)[:#]?\d+\s+(?=[\w(]))",
    re.IGNORECASE,
)
"""``GPU 0: ``, ``Device 0: ``, ``CUDA:0 (…)``, ``cuda:0 Tesla T4``, ``[0] ``."""
_BUS = re.compile(r"^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]\s+", re.IGNORECASE)
_IDS = re.compile(
    r"\[?\b(?:10de|1002|8086|1da3|19e5):[0-9a-f]{4}\b\]?|\[(?:03|12)[0-9a-f]{2}\](?=:)|\(rev [0-9a-f]+\)", re.IGNORECASE
)
_PCI = re.compile(r"^.*\b(?:corporation|inc\.|ltd\.?)\s.*\[(?P<name>[^\[\]]+)\]$", re.IGNORECASE)
"""``NVIDIA Corporation GA102 [GeForce RTX 3090]`` of lspci: a chip, and the product in brackets behind it."""
_UUID = re.compile(r"\(?\s*UUID\s*:\s*[\w-]+\)?|\bGPU-[0-9a-f]{8}-[0-9a-f-]+", re.IGNORECASE)
_FIGURE = re.compile(
    r"^(?:[\d.,/ ]+(?:[kmgt]?i?b|[kmgt]hz|w|%|'?c|gb/s)?|[\d /]+mi?b|n/?a|off|on|"
    r"[0-9a-f]+:[0-9a-f]+:[0-9a-f]+\.\d(?: +o\w+)?|gfx[0-9a-f]+\b.*|"
    r"\[?(?:level_zero|opencl|ext_oneapi)\b.*|(?:compute capability|driver|vmm|pci bus id|memory|major|minor|"
    r"total_memory|vram|id|xnack|wave size)\b.*)$",
    re.IGNORECASE,
)
"""A part of a list that is a figure of the device, not its name."""
_BEFORE = re.compile(r"^\(?\s*(?P<count>\d{1,5})\s*(?:[x×*]\s*[-_ ]?|[-_ ]+[x×]\s*)(?=[a-z])", re.IGNORECASE)
_AFTER = re.compile(
    r"(?:\s+[x×*]\s?|\s*:\s*|\s*\(\s*[x×]?\s*|(?<=[0-9])[x×*](?=\d{1,2}$)|(?<=\dgb)[x×](?=\d)|(?<=\dg)[x×](?=\d))"
    r"(?P<count>\d{1,4})\s*[x×]?\s*\)?$",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[a-z].*$(?<!mi\d\d\d)(?<!tpu\d)(?<!tpu \d)(?<!v\d)", re.IGNORECASE)
"""A name that can stand before a glued count: H100x8, but not MI250x8 or TPU7x8, whose x is the model's."""
_TAIL = re.compile(r"\s+\d+(?:\.\d+)+\s*\[.*$|\s+\d+\.\d+\.\d+$|\s{2,}(?:On|Off|N/A)$|^\d+\s{2,}", re.IGNORECASE)
"""A driver's version behind the name, and the columns around it in nvidia-smi's table."""
_INNER = re.compile(r"^\(\s*(?P<name>[^()]+?)(?:,[^()]*)?\s*\)$")


SHARE = re.compile(
    r"(?:^|[^0-9a-z])\d[cg]\.(?:\d+g\.?)?\d+\s?g"
    r"|(?:grid|nvidia|[alt]\d+[a-z]?|rtx ?a?\d+|v100[a-z]*)[ _-]?[a-z0-9]*-\d+[qcab]\b|\bvir\d+|\bvnpu\b|\bmig[-_ ]",
    re.IGNORECASE,
)
"""A MIG profile (3g.40gb, 1c.2g.20gb), a vGPU profile (A100-10C, RTXA6000-48Q), a virtual NPU."""


def spoken(text: str, field: str = "hardware") -> Spoken:
    """The device's name in a line that software printed.

    Raises
    ------
    InputError
        It lists several devices that differ.
    """
    found = [s for part in _parts(text) if (s := _one(part)).name]
    if not found:
        return Spoken(text.strip())
    names = {s.name.lower() for s in found}
    if len(names) > 1:
        raise InputError(field, text, f"one device; it lists several: {', '.join(sorted(names)[:4])}")
    stated = [s.count for s in found if s.count is not None]
    count = sum(stated) if stated else len(found) if len(found) > 1 else None
    return Spoken(found[0].name, count, found[0].unit)


def _parts(text: str) -> list[str]:
    """The lines of a list, or the items of one line, without the figures that stand beside a name."""
    fields = [m["name"] for m in _FIELD.finditer(text)]
    if fields:
        return fields
    lines = [part for line in re.split(r"[\n;|]", text) for part in _items(line)]
    return [p for p in lines if p.strip() and not _FIGURE.match(p.strip())]


def _items(line: str) -> list[str]:
    inner = re.sub(r",\s+Inc\.", " Inc.", line.strip().strip("[]").strip())
    return [p for p in (q.strip().strip("'\"") for q in re.split(r",(?![^()]*\))", inner)) if p]


def _one(part: str) -> Spoken:
    """One item: its index, label, ids and count taken off."""
    text = _UUID.sub(" ", part.strip().strip("'\""))
    text = _IDS.sub(" ", _BUS.sub("", text)).strip()
    gres = _GRES.match(text)
    if gres:
        return _counted(gres["name"], int(gres["count"]) if gres["count"] else None)
    for pattern in (_TAIL, _INDEX, _LABEL, _TAIL):
        text = pattern.sub("", text, count=1).strip()
    inner = _PCI.match(text) or _INNER.match(text)
    text = inner["name"].strip() if inner else text
    return _counted(text.strip(" '\"|"), None)


def _counted(text: str, count: int | None) -> Spoken:
    """The count before or behind the name, and the word that says what is counted."""
    before, after = _BEFORE.match(text), _AFTER.search(text)
    if before:
        text, count = text[before.end() :], int(before["count"])
    elif after and _NAMED.search(text[: after.start()]):
        text, count = text[: after.start()], int(after["count"])
    words = text.split()
    unit = None
    for position in (-1, 0):
        if len(words) > 1 and words[position].lower().strip("()") in UNITS:
            unit = UNITS[words.pop(position).lower().strip("()")]
            break
    return Spoken(" ".join(words), count, unit)
