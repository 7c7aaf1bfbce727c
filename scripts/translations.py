"""The form's texts by the gettext standard: find them in the code, compile the catalogues.

    python scripts/translations.py            write the .mo files anew from the .po files
    python scripts/translations.py --check    exit status 1 where a text is not translated or a .mo file is stale
    python scripts/translations.py --missing  print what is not translated yet, as .po entries

A text is the argument of ``_()`` or ``N_()``; the meanings of quantities, letters and verdicts are translated too.
What the planner says below the form has a catalogue of its own (``sentences``): see ``core_sentences.py``.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from core_sentences import sentences

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mfu_planner" / "ui"
LOCALE = PACKAGE / "locale"
DOMAIN, SENTENCES = "mfu_planner", "sentences"
HEADER = "Content-Type: text/plain; charset=UTF-8\n"


def messages() -> dict[str, str]:
    """Every text that is shown → where it stands first."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for text in _marked(ast.parse(path.read_text("utf-8"))):
            found.setdefault(text, str(path.relative_to(ROOT)))
    from mfu_planner.answers.verdict import PLACES, rule_of_thumb
    from mfu_planner.architectures.lettering import meanings
    from mfu_planner.questions.ask import GROUPS
    from mfu_planner.run import QUANTITIES
    from mfu_planner.ui.fields import FIELDS

    for quantity in QUANTITIES.values():
        found.setdefault(quantity.meaning, "mfu_planner/run/relations.py")
    for field in FIELDS.values():
        for text in (field.label, field.help):
            found.setdefault(text, "mfu_planner/questions")
    for group in GROUPS:
        found.setdefault(group, "mfu_planner/questions/ask.py")
    for meaning in meanings():
        found.setdefault(meaning, "mfu_planner/architectures/letters.yaml")
    for row in rule_of_thumb()["grades"]:
        found.setdefault(row["meaning"], "published_runs/grades.json")
    for place in PLACES.values():
        found.setdefault(place, "mfu_planner/answers/verdict.py")
    return found


def _marked(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value:
                    yield argument.value


def read_po(path: Path) -> dict[str, str]:
    """Message → translation of a .po file (no plurals, no contexts)."""
    entries: dict[str, str] = {}
    key: list[str] = []
    value: list[str] = []
    into = key
    for line in [*path.read_text("utf-8").splitlines(), 'msgid ""']:
        words = line.strip()
        if words.startswith("msgid "):
            if value:
                entries["".join(key)] = "".join(value)
            key, value = [ast.literal_eval(words[6:])], []
            into = key
        elif words.startswith("msgstr "):
            value = [ast.literal_eval(words[7:])]
            into = value
        elif words.startswith('"'):
            into.append(ast.literal_eval(words))
    return entries


def compiled(entries: dict[str, str]) -> bytes:
    """The .mo file of a catalogue: the format of GNU gettext, sorted, without a hash table."""
    rows = sorted((k.encode(), v.encode()) for k, v in {**entries, "": entries.get("") or HEADER}.items() if v)
    start = 7 * 4 + 16 * len(rows)
    keys = values = b""
    key_table, value_table = [], []
    for key, value in rows:
        key_table.append((len(key), len(keys)))
        keys += key + b"\0"
        value_table.append((len(value), len(values)))
        values += value + b"\0"
    table = b"".join(struct.pack("<2I", size, start + at) for size, at in key_table)
    table += b"".join(struct.pack("<2I", size, start + len(keys) + at) for size, at in value_table)
    return struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, 0) + table + keys + values


def sayings() -> dict[str, str]:
    """Every sentence below the form that the form's own catalogue does not have → where it stands first."""
    known = messages()
    return {text: where for text, where in sentences().items() if text not in known}


def problems() -> list[str]:
    """Texts without a translation, translations without a text, stale files, lost placeholders."""
    wrong: list[str] = []
    for domain, said in ((DOMAIN, messages()), (SENTENCES, sayings())):
        for path in sorted(LOCALE.glob(f"*/LC_MESSAGES/{domain}.po")):
            entries = read_po(path)
            missing = [text for text in said if not entries.get(text)]
            wrong += [f"{path.parts[-3]}: not translated: {text!r} ({said[text]})" for text in missing]
            wrong += [f"{path.parts[-3]}: no longer shown: {text!r}" for text in entries if text and text not in said]
            for text, translation in entries.items():
                fields = [sorted(re.findall(r"{(\w+)", side)) for side in (text, translation)]
                if text and translation and fields[0] != fields[1]:
                    wrong.append(f"{path.parts[-3]}: other placeholders: {text!r}")
            target = path.with_suffix(".mo")
            if not target.exists() or target.read_bytes() != compiled(entries):
                wrong.append(f"{path.parts[-3]}: stale: {target.relative_to(ROOT)}")
    return wrong


def prune() -> None:
    """Drop the sentences that nobody says any more; the code below the form changes without a look at this folder."""
    said = sayings()
    for path in LOCALE.glob(f"*/LC_MESSAGES/{SENTENCES}.po"):
        kept = {text: translation for text, translation in read_po(path).items() if text in said}
        write_po(path, kept, said)


def write_po(path: Path, entries: dict[str, str], said: dict[str, str]) -> None:
    """A catalogue in the order of the code, each message with the file where it stands."""
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    rows = [
        f"#: {where}\nmsgid {_quoted(text)}\nmsgstr {_quoted(entries[text])}\n"
        for text, where in said.items()
        if text in entries
    ]
    path.write_text("\n".join([head, *rows]), "utf-8")


def main() -> int:
    """Do what the arguments ask."""
    if "--missing" in sys.argv:
        for domain, said in ((DOMAIN, messages()), (SENTENCES, sayings())):
            known = read_po(LOCALE / "zh" / "LC_MESSAGES" / f"{domain}.po")
            for text, where in said.items():
                if not known.get(text):
                    print(f'#: {where}\nmsgid {_quoted(text)}\nmsgstr ""\n')
        return 0
    if "--check" not in sys.argv:
        prune()
        for path in LOCALE.glob("*/LC_MESSAGES/*.po"):
            path.with_suffix(".mo").write_bytes(compiled(read_po(path)))
    found = problems()
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.exit(main())
