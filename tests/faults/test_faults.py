"""What can go wrong around the planner: streams, files, folders, the installed data, signals, threads.

Each ends in an answer or in one line on stderr, and nothing of the user's is lost.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mfu_planner import plan, predict, read_log, search
from mfu_planner.cli.main import main
from mfu_planner.errors import InputError, NoAnswer

ROOT = Path(__file__).parents[2]
START = "from mfu_planner.cli.main import main; main()"
PATIENCE_S = 600
"""A bound, not a measure: on a busy machine a command takes a minute."""
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""What a shell starts beside itself is deaf to an interrupt, and so is what that starts."""
PLAN = [
    "plan",
    "--model",
    "llama-3.1-8b",
    "--hardware",
    "h100-sxm",
    "--devices",
    "64",
    "--tokens",
    "1T",
    "--mfu",
    "40%",
]
SEARCH = ["search", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "512", "--global-batch", "512"]
LINE = "step: {n} loss: 2.1 memory: 30.91GiB(32.53%) tps: 7,663 tflops: 443.78 mfu: 44.87%\n"


def run(*args: str, **more: object) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    kept = {"capture_output": True, "text": True, "check": False, "timeout": PATIENCE_S, **more}
    return subprocess.run([sys.executable, "-c", START, *args], **kept)  # type: ignore[call-overload, no-any-return]


def here(*args: str) -> subprocess.CompletedProcess[str]:
    """A command in this process, where starting is not what is asked about."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(args))
        except SystemExit as ended:
            status = int(ended.code or 0)
    return subprocess.CompletedProcess(args, status, out.getvalue(), err.getvalue())


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The line of a refusal."""
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", [["log", "-"], ["trace", "-"]])
def test_no_standard_input(command: list[str]) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -c '{START}' {' '.join(command)} <&-"],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    one_line(done)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        *itertools.product(["log"], ["pipe", "device", "folder of itself", "nothing there", "binary"]),
        *itertools.product(["trace", "flops --config"], ["pipe", "folder of itself", "binary"]),
        *itertools.product(["backtest --runs", "plan --file"], ["pipe", "device", "binary"]),
    ],
)
def test_files_that_are_none(command: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder of itself":
        path.mkdir()
        (path / "self").symlink_to(path, target_is_directory=True)
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 64)
    done = here(*command.split(), str(path))
    assert done.returncode in (1, 2)
    assert "file" in one_line(done) or "zero" in one_line(done)


def test_a_log_cut_in_a_record_and_grown_again(tmp_path: Path) -> None:
    """What stands there is read; the next reading has the rest."""
    path = tmp_path / "train.log"
    whole = "".join(LINE.format(n=n) for n in range(10, 110, 10))
    path.write_text(whole[: len(whole) // 2 - 7])
    before = read_log(str(path))
    path.write_text(whole)
    after = read_log(str(path))
    assert 0 < before.steps < after.steps == 10
    assert before.mfu == pytest.approx(after.mfu)


def test_one_line_without_end(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("x" * 20_000_000)
    assert "format unknown" in one_line(here("log", str(path)))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="for root every folder is readable")
def test_an_unreadable_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert "closed" in one_line(here("log", str(tmp_path / "closed")))


def test_a_specs_folder_with_a_broken_file(tmp_path: Path) -> None:
    """The file is named and left out; the answer stands."""
    (tmp_path / "mine.yaml").write_text("id: [unclosed")
    done = run(*PLAN, "--specs", str(tmp_path), "--json")
    assert done.returncode == 0
    assert "mine.yaml" in done.stderr
    assert json.loads(done.stdout)["training_time_s"] > 0


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with its data."""
    home = tmp_path_factory.mktemp("installed")
    for name in ("mfu_planner", "hardware_specs", "model_specs", "published_runs", "calibration"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    return home


@pytest.mark.sampled(3)
@pytest.mark.parametrize("damage", ["cut", "gone"])
@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("hardware_specs/index.json", PLAN),
        ("model_specs/llama-3.1-8b.json", PLAN),
        ("hardware_specs/prices.json", PLAN),
        ("published_runs/mfu_index.json", PLAN),
        ("calibration/index.json", [*SEARCH, "--space", "usual"]),
    ],
)
def test_damaged_data_is_named(damage: str, file: str, command: list[str], installed: Path) -> None:
    """One line with the file's name, so that a reader knows to install again; or the answer, where a copy stands in."""
    path = installed / file
    if not path.exists():
        pytest.fail(f"{file} is no part of the data: name the file that is")
    kept = path.read_bytes()
    try:
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(kept[: len(kept) // 2])
        done = run(*command, "--json", env={**os.environ, "PYTHONPATH": str(installed)}, cwd=installed)
    finally:
        path.write_bytes(kept)
    assert "Traceback" not in done.stderr
    if done.returncode == 0:
        json.loads(done.stdout)
    else:
        assert Path(file).name in one_line(done)


def test_no_home_no_terminal_and_nothing_writable(tmp_path: Path) -> None:
    """Neither is needed for an answer."""
    tmp_path.chmod(0o555)
    done = run(*PLAN, "--json", env={"PATH": "", "PYTHONPATH": str(ROOT)}, cwd=tmp_path, stdin=subprocess.DEVNULL)
    tmp_path.chmod(0o755)
    assert done.returncode == 0
    assert json.loads(done.stdout)["devices"] == 64


def test_an_output_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a.log").write_text("".join(LINE.format(n=n) for n in range(10, 60, 10)))
    done = here("log", str(tmp_path / "jobs"), "--out", str(tmp_path / "no" / "such" / "rows.csv"))
    assert done.returncode in (1, 2)
    assert "rows.csv" in one_line(done)


def test_an_interrupt_is_one_line() -> None:
    """The signal comes when the command is at work: it has said so on a pipe."""
    code = HEARS + (
        "import os, sys, mfu_planner.searching.search as s\n"
        "from mfu_planner.cli.main import main\n"
        "real = s.evaluate\n"
        "def told(*a):\n    sys.stdout.write('at work\\n'); sys.stdout.flush(); sys.stdin.read(1); return real(*a)\n"
        "s.evaluate = told\n"
        f"main({SEARCH!r})\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(PATIENCE_S) == 130
    assert said.split() == ["mfu-planner:", "interrupted"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "module",
    ["mfu_planner.cli.main", "click", "mfu_planner.errors", "mfu_planner.questions.runs", "pydantic", "rich", "json",
     "mfu_planner.report.plan", "mfu_planner.hardware"],
)  # fmt: skip
def test_an_interrupt_while_loading_is_one_line(module: str) -> None:
    """The signal comes in the middle of an import, wherever that happens."""
    code = HEARS + (
        "import os, signal, sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *rest):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.argv = {['mfu-planner', *PLAN]!r}\n"
        "from mfu_planner.cli.start import main\n"
        f"sys.modules.pop({module!r}, None)\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 130
    assert one_line(done) == "mfu-planner: interrupted\n"


def test_an_interrupt_after_the_answer_leaves_the_answer() -> None:
    """While the interpreter ends: the answer stands on stdout, whole."""
    code = HEARS + (
        "import atexit, os, signal, sys\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        f"sys.argv = {['mfu-planner', *PLAN, '--json']!r}\n"
        "from mfu_planner.cli.start import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert json.loads(done.stdout)["devices"] == 64
    assert "Traceback" not in done.stderr


def test_sixteen_threads_give_one_answer() -> None:
    def ask(_: int) -> tuple[float, float]:
        asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64}
        return plan(**asked, tokens="1T", mfu="40%").training_time_s, predict(**asked, global_batch=256).step_time_s

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(32)))) == 1


@pytest.mark.parametrize("devices", [10**18, 10**7 + 1])
def test_more_devices_than_there_are_is_refused_at_once(devices: int) -> None:
    with pytest.raises(InputError) as error:
        search(model="llama-3.1-8b", hardware="h100-sxm", devices=devices, global_batch=1024)
    assert error.value.field == "devices"


@pytest.mark.parametrize("devices", [720_720, 1_000_003, 9_999_360])
def test_a_search_of_any_number_of_devices_is_bounded(devices: int) -> None:
    """Many divisors are many layouts: the space is thinned, and the answer says so."""
    try:
        found = search(model="llama-3.1-8b", hardware="h100-sxm", devices=devices, global_batch=devices)
    except NoAnswer:
        return
    assert found.evaluated <= 30_000_000
    assert ("the space is large" in found.assumptions[-1]) == (devices != 1_000_003)


def test_an_error_repeats_no_more_than_a_person_reads() -> None:
    done = here("predict", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "8",
               "--global-batch", "8", "--micro-batch", "3.7e300")  # fmt: skip
    assert done.returncode == 2
    assert len(one_line(done)) < 1500


def test_a_name_that_no_file_can_have() -> None:
    """Refused in one line; JSON without a line end is text, not a name."""
    with pytest.raises(InputError, match="name too long"):
        read_log("x" * 5000)
    state = json.loads((ROOT / "tests" / "observe" / "samples" / "trainer_state_tokens.json").read_text("utf-8"))
    assert read_log(json.dumps(state)).step_time_s == 250 / 100
