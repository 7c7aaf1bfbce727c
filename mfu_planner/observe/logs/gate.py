"""The gate that every answer passes: what cannot be is an error first, and never the headline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mfu_planner.observe.logs.quantities import Quantities
from mfu_planner.observe.logs.reading import Note, Reading

#: Contradictions after which no single MFU can be said.
CONTRADICTIONS = frozenset({"log/rate-contradicts-batch", "log/per-device-contradicts-job"})
_CAUSES = 6


def headline(log: Reading, q: Quantities, computed: dict[str, Any], repeated: float | None) -> dict[str, float | None]:
    """``mfu``, ``hfu`` and ``mfu_by_arithmetic``: the last where the first cannot be, with the causes as notes."""
    mfu, hfu = computed.get("mfu", repeated), computed.get("hfu")
    out: dict[str, float | None] = {"mfu": mfu, "hfu": hfu, "mfu_by_arithmetic": None}
    _causes(log, computed.get("findings", ()))
    if hfu is not None and hfu > 1:
        log.note(
            "log/hfu-out-of-range", "error",
            f"HFU {hfu:.1%} is above 100%: it cannot be; the run does not recompute, or the MFU is too high", hfu=hfu,
        )  # fmt: skip
        out["hfu"] = None
    disagree = [n for n in log.notes if n.severity == "error" and n.code in CONTRADICTIONS]
    if mfu is None:
        return out
    impossible = mfu > 1 or (hfu is not None and hfu > 1)
    if computed and (impossible or disagree):
        out["mfu"], out["mfu_by_arithmetic"] = None, mfu
    for note in disagree if computed else ():
        _both_readings(log, q, mfu, note)
    return out


def _causes(log: Reading, findings: Iterable[Any]) -> None:
    """The findings of ``mfu`` on the number: its head, then the likely causes, best first."""
    headed, named = False, 0
    for finding in findings:
        head = finding.severity != "note"
        headed = headed or (head and finding.code.startswith("sanity/"))
        if head or (headed and named < _CAUSES):
            named += not head
            log.notes.append(Note(finding.code, finding.severity, finding.message, {"mfu_if_so": finding.mfu_if_so}))


def _both_readings(log: Reading, q: Quantities, mfu: float, contradiction: Note) -> None:
    """What the MFU would be if the other source were right."""
    ratio = contradiction.evidence.get("ratio")
    if not isinstance(ratio, float) or ratio <= 0:
        return
    if contradiction.code == "log/per-device-contradicts-job":
        used, unused, other = "the rate of a device", "the rate of the job ÷ devices", mfu / ratio
    elif "tokens of a step" in q["tokens_per_s"].origin:
        used, unused, other = "batch × length ÷ step time", "the stated rate", mfu * ratio
    else:
        used, unused, other = "the stated rate", "batch × length ÷ step time", mfu / ratio
    text = f"by {used} the MFU would be {mfu:.2%}, by {unused} it would be {other:.2%}"
    log.notes.append(Note("log/other-reading", "note", text, {"mfu_if_so": other}))


def ordered(notes: list[Note]) -> list[Note]:
    """Errors first, then warnings, then notes; causes stay behind what they explain."""
    rank = {"error": 0, "warning": 1, "note": 2}
    heads: list[tuple[int, int, Note]] = []
    last = (2, 0)
    for i, note in enumerate(notes):
        behind = note.severity == "note" and note.evidence.get("mfu_if_so") is not None
        last = last if behind else (rank[note.severity], i)
        heads.append((*last, note))
    return [note for _, _, note in sorted(heads, key=lambda kept: kept[:2])]
