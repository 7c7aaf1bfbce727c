"""Trainers of speech and translation: icefall (k2) and OpenNMT."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.formats.base import Format, register
from mfu_planner.observe.logs.record import Record
from mfu_planner.observe.logs.text import NUMBER, number

_ICEFALL = re.compile(
    r"(?:\((?P<rank>\d{1,6})/(?P<ranks>\d{1,6})\) )?Epoch (?P<epoch>\d{1,6}), batch (?P<batch>\d{1,9}), loss\["
)


@register
class Icefall(Format):
    """``INFO [train.py:756] (0/8) Epoch 0, batch 50, loss[…``: no time is said, the clock of the lines tells it."""

    name = "icefall"
    weight = 0.9
    hints = (", batch ",)
    mark = re.compile(r"\bEpoch \d+, batch \d+, loss\[loss=[\d.]")
    warmup = 2

    def record(self, line: str) -> Record | None:
        """The record of a line; batches are counted anew in each epoch."""
        found = _ICEFALL.search(line)
        if found is None:
            return None
        if found["ranks"]:
            self.log.header.values.setdefault("devices", float(found["ranks"]))
        return Record(step=float(found["batch"]))


_NMT = re.compile(
    rf"\b(?:Step {{1,8}}(?P<step>\d{{1,12}})/ {{0,8}}\d{{1,12}}"
    rf"|Epoch {{1,8}}(?P<epoch>\d{{1,6}}), {{1,8}}(?P<at>\d{{1,12}})/ {{0,8}}(?P<of>\d{{1,12}})); "
    rf"[^\n]{{0,200}}?(?P<src>{NUMBER})(?:/ {{0,8}}| src tok/s; {{1,8}})(?P<tgt>{NUMBER}) "
    rf"(?:tgt )?tok/s; {{1,12}}(?P<sec>{NUMBER}) s"
)


@register
class OpenNmt(Format):
    """``Step 50/5000; acc: …; 5092/261 tok/s; 6641 sec``: source and target tokens of the whole job, and the seconds
    since the start."""

    name = "opennmt"
    weight = 0.95
    hints = ("tok/s;",)
    mark = re.compile(r"\d(?:/ {0,8}| src tok/s; {1,8})[\d.]+ (?:tgt )?tok/s; {1,12}[\d.]+ s")
    warmup = 1

    def record(self, line: str) -> Record | None:
        """The record of a line: target tokens count, as fairseq's ``wps`` does."""
        found = _NMT.search(line)
        if found is None:
            return None
        step = found["step"]
        at = float(step) if step else (float(found["epoch"]) - 1) * float(found["of"]) + float(found["at"])
        source = number(found["src"])
        self.log.note(
            "log/target-tokens", "note",
            f"tokens are those of the target sentences; of the source the log counts {source:,.4g}/s", source=source,
        )  # fmt: skip
        return Record(step=at, tokens_per_s=number(found["tgt"]), elapsed_s=number(found["sec"]))
