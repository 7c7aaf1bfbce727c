# The habits of the project, one word each.  Everything happens in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
TOOLS := .venv/.tools
.DEFAULT_GOAL := help
.PHONY: help try fuzz run app test lint format data prices bench refit accuracy proof mutants docs lock audit clean check-samples

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $(STAMP)

$(TOOLS): $(STAMP) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.lock
	touch $(TOOLS)

run: $(STAMP) ## plan and measure Llama 3.1 405B beside the published figures
	@$(BIN)/python -m compileall -q mfu_planner
	@$(BIN)/mfu-planner demo

app: $(STAMP) ## serve the web form on http://localhost:8501
	$(BIN)/mfu-planner app

test: $(TOOLS) ## run the tests
	$(BIN)/python -m pytest --quiet --numprocesses auto --dist loadgroup --no-loadscope-reorder

lint: $(TOOLS) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(TOOLS) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

data: $(TOOLS) ## check every fact file and write the indexes and schemas made from them
	$(BIN)/python -m mfu_planner.facts.build
	$(BIN)/python calibration/build_index.py
	$(BIN)/python scripts/model_index.py
	$(BIN)/python -m mfu_planner.backtesting.index --write

prices: $(TOOLS) ## read kept collections of prices under FROM= into hardware_specs/prices (scripts/prices.py says which)
	$(BIN)/python scripts/prices.py $(FROM)
	$(BIN)/python -m mfu_planner.facts.build

refit: $(TOOLS) ## fit stacks and networks, leave each source out, fit the ranges: some minutes
	$(BIN)/python calibration/fit_stacks.py
	$(BIN)/python calibration/fit_without.py
	$(BIN)/python calibration/fit_ranges.py

accuracy: $(TOOLS) ## run every back-test and write docs/accuracy.md anew
	$(BIN)/python -m mfu_planner.backtesting.report

check-samples: $(TOOLS) ## read every log of DIR= and compare with its expected.csv
	$(BIN)/python -m mfu_planner.observe.logs.check_samples $(DIR)

proof: $(TOOLS) ## the whole of what `make test` samples, and every published run asked as a user would: an hour by hand
	MFU_PLANNER_WHOLE=1 $(BIN)/python -m pytest --quiet --numprocesses auto --dist loadgroup --no-loadscope-reorder -m sampled
	$(BIN)/python scripts/rows_as_questions.py

fuzz: $(TOOLS) ## odd input of every kind for SECONDS= (600): answers and refusals counted, failures written down
	$(BIN)/python -m fuzz --seconds $(or $(SECONDS),600)

mutants: $(TOOLS) ## how many small mistakes the tests catch, an hour by hand; writes scripts/mutants.txt
	$(BIN)/python scripts/mutants.py --write

bench: $(TOOLS) ## speed, side by side in one run
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/speed_of_search.py
	$(BIN)/python -m pytest --quiet --benchmark-only benchmarks

docs: $(TOOLS) ## write what the pages take from the code, then build the site into site/
	$(BIN)/python docs/_build --write
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

try: docs ## the site with a page that answers in the browser: needs npm and a network once
	$(BIN)/python scripts/try_page.py .venv/.runtime
	cp -r .venv/.runtime site/runtime
	@echo "serve it: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

lock: $(TOOLS) ## write both locks anew from pyproject.toml: what runs, and what developers need beside it
	$(LOCK) --extra ui --output-file requirements.lock pyproject.toml
	$(LOCK) --extra ui --extra dev --extra docs --extra dask --extra watch --extra mcp --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

audit: $(TOOLS) ## known vulnerabilities of what is locked (asks a public database)
	$(BIN)/uv tool run pip-audit --require-hashes --requirement requirements.lock

clean: ## remove the environment and what was built
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache
