"""fairseq and metaseq: ``wps`` are target tokens per second of the whole job, ``wpb`` the tokens of an update."""

from __future__ import annotations

import re

from mfu_planner.observe.logs.dialects import pretraining
from mfu_planner.observe.logs.formats.base import register
from mfu_planner.observe.logs.formats.dictionaries import DictLines, pairs
from mfu_planner.observe.logs.text import NUMBER

#: Tables of fairseq's simple logger: ``| epoch 010:  2000 / 8223 loss=1.27, wps=962, wpb=908, num_updates=…``.
_SIMPLE = re.compile(rf"\b(wps|wpb|bsz|ups|num_updates|wall|train_wall)[ =:]{{1,2}}({NUMBER})")
_POSITION = re.compile(r"epoch {1,4}(\d{1,6})[: ]{1,3} {0,8}(\d{1,12}) ?/ ?(\d{1,12})")
#: The first release, in Lua: ``| epoch 019 | 0161656 updates | words/s   14482| trainloss``.
_LUA = re.compile(rf"\| {{0,3}}(\d{{1,12}}) updates \| words/s {{1,8}}({NUMBER})")
_NOT_TRAINING = re.compile(r"\| (?:valid|test|INFO \| valid|INFO \| test)|\bvalid on |'valid' subset|\"valid_|\"test_")


@register
class FairSeq(DictLines):
    """Numbers are often strings; 0 in the first line means unknown; ``wall`` counts from the start."""

    name = "fairseq"
    weight = 0.96
    hints = ("wps", "words/s")
    dialect = pretraining.FAIRSEQ
    mark = re.compile(
        r"['\"]?\bwps['\"]?[=: ]{1,2}['\"]?[\d.]+[^\n]{0,200}?\b(?:wpb|ups)['\"]?[=: ]{1,2}['\"]?[\d.]"
        r"|\| {0,3}\d+ updates \| words/s {1,8}[\d.]"
    )

    def line(self, line: str) -> None:
        """Take a line that holds a hint; a summary of an epoch or of validation is none."""
        if _NOT_TRAINING.search(line[:200]):
            return
        if old := _LUA.search(line):
            self.take({"wps": old[2]}, float(old[1]), line)
            return
        row = pairs(line) if "{" in line else dict(_SIMPLE.findall(line))
        if "epoch_summary" in line or "train_wps" in line:
            return
        step = None
        if "num_updates" not in row and (at := _POSITION.search(line)):
            epoch, batch, per_epoch = (int(g) for g in at.groups())
            step = float((epoch - 1) * per_epoch + batch)
        if row.get("wps"):
            self.take(row, step, line)
