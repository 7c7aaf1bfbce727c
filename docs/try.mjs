// The forms of "Try it here": Python in the browser, started by the first question.
const root = document.querySelector(".try");
const runtime = new URL(root.dataset.runtime, document.baseURI).href;
const command = root.querySelector(".command code");
const answer = root.querySelector(".answer");

const PYTHON = `
import contextlib, io, os
os.environ.update(NO_COLOR="1", TERM="dumb")
from mfu_planner.cli.completing import completions
from mfu_planner.cli.main import main

def ask(args, columns):
    os.environ["COLUMNS"] = str(columns)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main(list(args))
    return out.getvalue()

def names(field):
    return completions(field, (), "")
`;

let starting = null;

async function start() {
  const { loadPyodide } = await import(`${runtime}pyodide.mjs`);
  const python = await loadPyodide({ indexURL: runtime });
  for (const part of await (await fetch(`${runtime}parts.json`)).json()) {
    const held = await fetch(`${runtime}${part}`);
    if (!held.ok) throw new Error(`${part}: ${held.status}`);
    python.unpackArchive(await held.arrayBuffer(), part.endsWith(".whl") ? "wheel" : "zip");
  }
  python.runPython(PYTHON);
  for (const [list, field] of [["try-models", "model"], ["try-hardware", "hardware"]]) {
    const options = python.globals.get("names")(field).toJs().map((name) => new Option(name, name));
    document.getElementById(list).replaceChildren(...options);
  }
  return python;
}

function flags(form, python) {
  const args = [form.dataset.command];
  const own = form.querySelector("[data-file]");
  if (own?.value.trim()) {
    python.FS.writeFile("config.json", own.value);
    args.push(own.dataset.file, "config.json");
  }
  for (const field of form.querySelectorAll("[data-flag]")) {
    const replaced = own?.value.trim() && field.dataset.flag === "--model";
    if (field.value.trim() && !replaced) args.push(field.dataset.flag, field.value.trim());
  }
  return args;
}

const quoted = (word) => (/^[\w.,:=%@/+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

// As many letters as stand side by side in the answer, at most a wide terminal's.
function columns() {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = getComputedStyle(answer).font;
  answer.dataset.columns = Math.max(40, Math.min(110, Math.floor(answer.clientWidth / pen.measureText("0").width) - 1));
  return Number(answer.dataset.columns);
}

async function answered(form) {
  answer.textContent = starting ? "…" : "Starting Python in your browser …";
  try {
    const python = await (starting ??= start());
    const args = flags(form, python);
    command.textContent = ["mfu-planner", ...args].map(quoted).join(" ");
    answer.textContent = python.globals.get("ask")(python.toPy(args), columns());
    command.scrollIntoView({ block: "nearest" });
  } catch (error) {
    starting = null;
    answer.textContent = `This copy of the page has no Python beside it, or the browser cannot run it (${error.message}).`;
  }
}

for (const form of root.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answered(form);
  });
}
