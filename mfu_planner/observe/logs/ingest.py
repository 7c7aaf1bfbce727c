"""From what was given (files, folders, standard input, pasted text) to one filled Reading."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO, TypeAlias, cast

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.observe.logs import clock, documents, tensorboard, wandb_folder
from mfu_planner.observe.logs.formats import best_format
from mfu_planner.observe.logs.formats.base import Format
from mfu_planner.observe.logs.formats.tables import Csv, JsonLines
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.source import NamedStream, Progress
from mfu_planner.observe.logs.text import clean, has_orphans

LogSource: TypeAlias = "str | os.PathLike[str] | IO[bytes] | IO[str] | Sequence[str | os.PathLike[str]]"

_FILES_IN_A_FOLDER, _DEEPEST = 400, 4
#: A better format may still take over in this many stretches, while the first has few records.
_UNDECIDED_STRETCHES, _FEW = 16, 50
#: Later, only this much of each stretch is looked at for a format.
_GLANCE = 1 << 16
#: Formats that may be tried after one that finds no step.
_RETRIES = 3
_SCANNED_STRETCHES, _SCANNED_RECORDS = 6, 400


@dataclass
class Ingested:
    """A filled Reading, the format's name, its start-up steps and the files read."""

    log: Reading = field(default_factory=Reading)
    name: str | None = None
    warmup: int = 0
    files: list[str] = field(default_factory=list)
    reader: Format | None = None
    #: Where the log holds several runs, all of it; ``log`` is the one that the figures are of.
    whole: Reading | None = None
    #: Formats that have been tried and found nothing.
    without: frozenset[type[Format]] = frozenset()


def ingest(
    source: LogSource,
    columns: Mapping[str, str] | None,
    progress: Progress | None,
    without: frozenset[type[Format]] = frozenset(),
) -> Ingested:
    """Read everything that was given; again with the next format where the first finds no step."""
    out = Ingested(without=without)
    for opened in _sources(source, out):
        try:
            _one(opened, out, columns, progress)
        finally:
            opened.close()
    if out.reader is not None:
        out.reader.end()
        out.log.header.finish()
        out.name, out.warmup = out.reader.name, out.reader.warmup
    once = hasattr(source, "read") or _is_stdin(source)
    if out.reader is not None and not (_found(out.log) or once or columns or len(without) >= _RETRIES):
        again = ingest(source, columns, progress, without | {type(out.reader)})
        return again if again.reader is not None and _found(again.log) else out
    return out


def _found(log: Reading) -> bool:
    return bool(log.store.held or log.summary)


def _is_stdin(source: LogSource) -> bool:
    return source == "-" or (not isinstance(source, str | os.PathLike) and any(str(s) == "-" for s in source))


def _sources(source: LogSource, out: Ingested) -> Iterable[NamedStream]:
    if isinstance(source, str) and ("\n" in source or "\r" in source or source.lstrip().startswith("{")):
        yield NamedStream.of_text(source)
        return
    if hasattr(source, "read"):
        yield _stream(source)  # type: ignore[arg-type]
        return
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    if not given:
        raise InputError("FILE", "nothing", "a training log, a folder, or - for standard input")
    for item in given:
        if str(item) == "-":
            yield NamedStream.of_stdin()
            continue
        path = Path(item)
        run = wandb_folder.run_folder(path)
        if run is not None:
            out.files.append(str(run.name or run))
            out.name = wandb_folder.read_run(run, out.log)
            if (run / wandb_folder.CONSOLE).is_file():
                yield NamedStream.of_path(run / wandb_folder.CONSOLE)
        elif os.path.isdir(path):  # noqa: PTH112  no error for a name that no file can have
            yield _best_in_folder(path, out)
        else:
            yield NamedStream.of_path(path)


def _stream(stream: IO[bytes] | IO[str]) -> NamedStream:
    name = str(getattr(stream, "name", "stream"))
    binary = getattr(stream, "buffer", stream)
    if isinstance(stream, io.TextIOBase) and binary is stream:
        return NamedStream.of_text(stream.read())
    return NamedStream(name, cast("BinaryIO", binary))


def _best_in_folder(folder: Path, out: Ingested) -> NamedStream:
    """The file of a folder that looks most like a training log."""
    best: tuple[float, int, Path] | None = None
    files = sorted(islice(_files(folder, _DEEPEST), _FILES_IN_A_FOLDER))
    for path in files:
        score = _promise(path)
        size = _size(path)
        if score > 0 and (best is None or (score, size) > best[:2]):
            best = score, size, path
    if best is None:
        raise NoAnswer(f"no training log among the {len(files)} files of {folder.name or folder}: name one")
    if len(files) > 1:
        out.log.note("log/one-of-a-folder", "note", f"read {best[2].relative_to(folder)}, of {len(files)} files")
    return NamedStream.of_path(best[2])


def _files(folder: Path, deepest: int) -> Iterator[Path]:
    """Regular files no deeper than ``deepest``; what cannot be entered, or vanishes meanwhile, is left out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_file():
            yield Path(entry.path)
    if deepest > 1:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), deepest - 1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _promise(path: Path) -> float:
    try:
        with path.open("rb") as file:
            head = file.read(1 << 18)
    except OSError:
        return 0.0
    if tensorboard.is_event_file(head):
        return 0.45
    if b"\0" in head[:2048]:
        return 0.0
    if (head.lstrip()[:1] == b"{" and b'"log_history"' in head) or path.name == wandb_folder.SUMMARY:
        return 0.6
    found = best_format(clean(head.decode("utf-8", "replace")))
    return 0.0 if found is None else found[1]


def _one(source: NamedStream, out: Ingested, columns: Mapping[str, str] | None, progress: Progress | None) -> None:
    out.files.append(source.name)
    if not source.head.strip():
        return
    if tensorboard.is_event_file(source.head):
        out.name = tensorboard.read_events(source, out.log)
        return
    if _is_document(source.head):
        data = source.everything(documents.LARGEST_DOCUMENT)
        value = None if data is None else documents.parse(data)
        if value is not None:
            out.name = documents.read_document(value, out.log, columns) or out.name
            return
        if data is None:
            raise NoAnswer(f"{source.name}: a JSON document too large to read whole; give JSON lines")
        source = NamedStream.of_text(data.decode("utf-8", "replace"))
    _text(source, out, columns, progress)


def _is_document(head: bytes) -> bool:
    """Whether the bytes begin one JSON value rather than a line of JSON with more lines behind it."""
    start = head.lstrip()[:1]
    if start not in (b"{", b"["):
        return False
    first, _, rest = head.lstrip().partition(b"\n")
    if start == b"[":
        return first.strip() == b"[" or first.lstrip()[1:].lstrip()[:1] == b"{"
    return not rest.strip() or (documents.parse(first) is None and first.strip() in (b"{",))


def _text(source: NamedStream, out: Ingested, columns: Mapping[str, str] | None, progress: Progress | None) -> None:
    log, orphans, score = out.log, False, 0.0
    if out.reader is not None:
        out.reader.begin(new_file=True)
        log.store.new_block()
        score = out.reader.weight
    for index, (raw, last) in enumerate(source.stretches(progress)):
        orphans = orphans or (index == 0 and has_orphans(raw[: 1 << 16]))
        text = clean(raw, orphans=orphans)
        if columns is not None and out.reader is None:
            out.reader = _table(text, log, columns)
        elif columns is None and (out.reader is None or (index < _UNDECIDED_STRETCHES and log.store.held < _FEW)):
            glance = text if last or index < _UNDECIDED_STRETCHES else text[:_GLANCE]
            found = best_format(glance, score, out.without)
            if found is not None and (out.reader is None or not isinstance(out.reader, found[0])):
                out.log = log = _fresh(log, out.reader is not None)
                out.reader, score = found[0](log), found[1]
        if index < _SCANNED_STRETCHES and log.store.held < _SCANNED_RECORDS:
            log.header.scan(text)
        if log.first_stamp is None and index == 0 and clock.told(text[:_GLANCE]):
            log.first_stamp = next((t for line in text[:_GLANCE].split("\n") if (t := clock.stamp(line))), None)
        if out.reader is not None:
            _runs(out.reader, log, text, index, last=last)


def _fresh(log: Reading, taken: bool) -> Reading:
    """A Reading for a format that takes over; what the header said stays."""
    if not taken:
        return log
    fresh = Reading()
    fresh.header, fresh.notes = log.header, log.notes
    return fresh


def _table(text: str, log: Reading, columns: Mapping[str, str]) -> Format:
    reader: JsonLines | Csv = JsonLines(log) if text.lstrip()[:1] == "{" else Csv(log)
    reader.columns = columns
    return reader


def _runs(reader: Format, log: Reading, text: str, index: int, *, last: bool) -> None:
    """A stretch, cut where another run with other devices begins."""
    begin = 0
    for at, devices in log.header.runs(text):
        if at > begin:
            _stretch(reader, log, text[begin:at], index, last=last)
        begin = at
        log.segment += 1
        log.devices_of[log.segment] = devices
    _stretch(reader, log, text[begin:], index, last=last)


def _stretch(reader: Format, log: Reading, text: str, index: int, *, last: bool) -> None:
    if log.store.skips(index) and not last:
        log.store.counted += reader.count(text)
        reader.begin()
        return
    log.store.new_block()
    reader.read(text)
    log.store.thin()
