# Everything a person types here. Each target works alone on a fresh clone: it needs python3 (3.11 or newer), make and
# a compiler, makes .venv when it is missing and installs the locked packages with plain pip.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:

# PYTHON=/path/to/python3.12 names the Python to use; without it the first of these that is new enough.
PYTHONS := python3 python3.13 python3.12 python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install -qq

# Tests run in WORKERS processes of THREADS threads each (WORKERS=0: all in one).
WORKERS ?= 2
THREADS ?= 1
DEMO_RECIPE ?= invoices
ARGS ?=

# Data sets that stand beside the clone are found without being asked for.
ifeq ($(origin TUNEWRIGHT_DATA),undefined)
ifneq ($(wildcard ../shared/data/.),)
export TUNEWRIGHT_DATA := $(shell cd ../shared/data && pwd)
endif
endif

.PHONY: help demo test test-all check bench docs lock clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.package ## the whole job: synthesise, fine-tune, compare, report (resumes when interrupted)
	@$(BIN)/tunewright run $(DEMO_RECIPE) $(ARGS)

test: $(VENV)/.package $(VENV)/.test ## the test suite (bounded threads; no network)
	@export OMP_NUM_THREADS=$(THREADS) MKL_NUM_THREADS=$(THREADS) HF_HUB_OFFLINE=1; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow and not gpu" $(ARGS)

test-all: $(VENV)/.package $(VENV)/.test ## the test suite with its long forms
	@export OMP_NUM_THREADS=$(THREADS) MKL_NUM_THREADS=$(THREADS) HF_HUB_OFFLINE=1; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/.package $(VENV)/.test $(VENV)/.check ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.package ## speed and memory beside named peers (benchmarks/README.md)
	@$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.package ## write the parts of docs/ that follow from the code
	@$(BIN)/python docs/generate.py

lock: $(VENV)/.package $(VENV)/.test $(VENV)/.check ## write requirements/*.txt anew from what .venv holds
	@$(BIN)/python requirements/lock.py

clean: ## remove caches and build products; runs/ and .venv stay
	@rm -rf build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests benchmarks requirements -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also remove .venv; runs/ stay
	@rm -rf $(VENV)

# ---- the environment ------------------------------------------------------------------------------------------------
# A stamp is younger than the lock it stands for, so a changed lock installs again and an unchanged one costs nothing.

# A .venv whose Python has gone (an upgrade, a moved folder) counts for nothing.
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),1)
$(shell rm -f $(VENV)/.python $(VENV)/.run $(VENV)/.test $(VENV)/.check $(VENV)/.package)
endif

$(VENV)/.python:
	@new_enough() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; \
	for python in $(or $(PYTHON),$(PYTHONS)) none; do if new_enough "$$python"; then break; fi; done; \
	if [ "$$python" = none ]; then \
	  found=$$($(or $(PYTHON),python3) --version 2>&1 || true); \
	  echo "error: Tunewright needs Python 3.11 or newer; found: $$found" >&2; \
	  echo >&2; \
	  echo "hint: install a newer Python, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  echo "making $(VENV) with $$("$$python" --version)" >&2; \
	  if ! "$$python" -m venv --clear $(VENV); then \
	    rm -rf $(VENV); \
	    echo "error: $$python cannot make a virtual environment" >&2; \
	    echo >&2; \
	    echo "hint: on Debian and Ubuntu: apt install python3-venv" >&2; \
	    exit 1; \
	  fi; \
	fi
	@touch $@

# torch comes first and alone: some of its builds bring libraries of their own (CUDA's), so its needs are not cut off,
# only held to the lock. After it nothing may come in that the lock does not name.
$(VENV)/.run: requirements/run.txt | $(VENV)/.python
	@echo "installing torch (the largest part)" >&2
	@$(PIP) --constraint requirements/run.txt "$$(grep -E '^torch==' requirements/run.txt)"
	@echo "installing the other locked packages" >&2
	@$(PIP) --no-deps --requirement requirements/run.txt
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	@echo "installing the test tools" >&2
	@$(PIP) --no-deps --requirement requirements/test.txt
	@touch $@

$(VENV)/.check: requirements/check.txt $(VENV)/.run
	@echo "installing the checkers" >&2
	@$(PIP) --no-deps --requirement requirements/check.txt
	@touch $@

$(VENV)/.package: pyproject.toml $(VENV)/.run
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
