# Every target makes the virtual environment it needs; Python >= 3.11 and make are all a machine must have.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test test-all test-faults lint types check clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,plot]'
	touch $@

demo: $(STAMP)  ## simulate a small survey, run the aperture pipeline on it, say where the results are
	$(BIN)/python examples/demo.py

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest -n auto --dist worksteal

test-all: $(STAMP)  ## run the tests with the slow suites whole
	PIPETASK_TEST_ALL=1 $(BIN)/python -m pytest -n auto --dist worksteal

test-faults: $(STAMP)  ## kill, fill and break things for a quarter of an hour
	PIPETASK_TEST_ALL=1 $(BIN)/python -m pytest tests/faults

lint: $(STAMP)  ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

check: test lint types  ## all that CI runs

clean:  ## remove the environment, caches and the demo's output
	rm -rf $(VENV) demo dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis
