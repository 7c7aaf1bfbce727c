# The habits of the project, one word each.  Everything happens in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
.DEFAULT_GOAL := help
.PHONY: help run app test lint format data prices bench accuracy docs lock clean check-samples

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	$(BIN)/python -m compileall -q mfu_planner
	touch $(STAMP)

run: $(STAMP) ## plan and measure Llama 3.1 405B beside the published figures
	@$(BIN)/mfu-planner demo

app: $(STAMP) ## serve the web form on http://localhost:8501
	$(BIN)/mfu-planner app

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest --quiet --numprocesses auto

lint: $(STAMP) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

data: $(STAMP) ## check every fact file and write the indexes and schemas made from them
	$(BIN)/python -m mfu_planner.facts.build
	$(BIN)/python calibration/build_index.py
	$(BIN)/python scripts/model_index.py
	$(BIN)/python -m mfu_planner.backtesting.index --write

prices: $(STAMP) ## read kept collections of prices under FROM= into hardware_specs/prices (scripts/prices.py says which)
	$(BIN)/python scripts/prices.py $(FROM)
	$(BIN)/python -m mfu_planner.facts.build

accuracy: $(STAMP) ## run every back-test and write docs/accuracy.md anew
	$(BIN)/python -m mfu_planner.backtesting.report

check-samples: $(STAMP) ## read every log of DIR= and compare with its expected.csv
	$(BIN)/python -m mfu_planner.observe.logs.check_samples $(DIR)

bench: $(STAMP) ## speed, side by side in one run
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/speed_of_search.py
	$(BIN)/python -m pytest --quiet --benchmark-only benchmarks

docs: $(STAMP) ## write what the pages take from the code, then build the site into site/
	$(BIN)/python docs/_build --write
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

lock: ## write requirements.lock anew from pyproject.toml
	$(BIN)/pip-compile --quiet --extra ui --extra dev --extra docs --strip-extras --no-emit-index-url --no-emit-find-links \
	  --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean: ## remove the environment and what was built
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache
