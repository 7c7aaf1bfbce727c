"""What the page "Try it here" runs on: Python for browsers, the planner and its pure packages, in one folder.

``python scripts/try_page.py FOLDER`` fills the folder; ``make try`` keeps it in ``.venv/.runtime`` and copies it into
the site.  It needs a network once: npm for Pyodide, pip for the one compiled wheel.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYODIDE = "314.0.7"
"""Of https://www.npmjs.com/package/pyodide, 2026-11-30: CPython 3.14."""
_PLATFORM = "pyemscripten_2026_0_wasm32"
_RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
_PURE = ("annotated_types", "click", "pydantic", "rich", "typing_extensions", "typing_inspection", "yaml")
"""What plan, mfu and flops import."""
_FACTS = ("hardware_specs", "model_specs", "published_runs", "calibration")
_KINDS = {".py", ".json", ".yaml", ".csv", ".txt"}


def fill(folder: Path) -> None:
    """Put everything into the folder; what is there of the right version stays."""
    folder.mkdir(parents=True, exist_ok=True)
    if not all((folder / name).exists() for name in _RUNTIME):
        _python(folder)
    wheel = _compiled(folder)
    with zipfile.ZipFile(folder / "planner.zip", "w", zipfile.ZIP_DEFLATED) as held:
        for path, name in sorted((*_packages(), *_planner()), key=lambda item: item[1]):
            held.write(path, name)
    (folder / "parts.json").write_text(json.dumps([wheel, "planner.zip"]) + "\n", "utf-8")


def _python(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(  # noqa: S603
            ["npm", "pack", "--silent", f"pyodide@{PYODIDE}"],  # noqa: S607
            cwd=place,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with tarfile.open(next(Path(place).glob("*.tgz"))) as packed:
            for name in _RUNTIME:
                member = packed.extractfile(f"package/{name}")
                assert member is not None, name
                (folder / name).write_bytes(member.read())


def _compiled(folder: Path) -> str:
    """pydantic's core for browsers, of the version that is installed here."""
    version = importlib.metadata.version("pydantic_core")
    for held in folder.glob("pydantic_core-*.whl"):
        if held.name.startswith(f"pydantic_core-{version}-"):
            return held.name
        held.unlink()
    with tempfile.TemporaryDirectory() as place:
        asked = [
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            place,
            f"pydantic_core=={version}",
        ]
        where = ["--platform", _PLATFORM, "--python-version", "3.14", "--implementation", "cp"]
        subprocess.run([sys.executable, "-m", "pip", *asked, *where], check=True)  # noqa: S603
        found = next(Path(place).glob("*.whl"))
        shutil.copy(found, folder / found.name)
    return found.name


def _packages() -> Iterator[tuple[Path, str]]:
    for name in _PURE:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        origin = Path(spec.origin)
        if origin.name != "__init__.py":
            yield origin, origin.name
            continue
        for path in origin.parent.rglob("*.py"):
            yield path, f"{name}/{path.relative_to(origin.parent).as_posix()}"


def _planner() -> Iterator[tuple[Path, str]]:
    for path in (ROOT / "mfu_planner").rglob("*"):
        if path.suffix in _KINDS and path.is_file():
            yield path, path.relative_to(ROOT).as_posix()
    for facts in _FACTS:
        for path in (ROOT / facts).rglob("*"):
            if path.suffix in _KINDS and path.is_file():
                yield path, f"mfu_planner/_data/{path.relative_to(ROOT).as_posix()}"


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
