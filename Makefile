# Everything that is done to this repository, by name. `make` alone prints this list.
# Needs Python 3.11 or later and make; the rest is installed into $(VENV), from locked versions.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# Quiet twice: pip's remarks about its own configuration are not ours; its errors still show.
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

AS_OF ?= 2026-10-31
ITEMS ?= 1000000
SEED ?= 1
DEMO ?= build/demo
TEST_ARGS ?=
BENCH_ARGS ?=

##@ Use

run: $(VENV)/.installed-run ## Generate a ledger of ITEMS (1,000,000) items and run the nightly job on it
	@[ -f $(DEMO)/.ledger-$(ITEMS)-$(SEED) ] || { \
	  rm -rf $(DEMO) && \
	  $(BIN)/encours generate --items $(ITEMS) --seed $(SEED) --out $(DEMO)/ledger --as-of $(AS_OF) && \
	  touch $(DEMO)/.ledger-$(ITEMS)-$(SEED); }
	@rm -rf $(DEMO)/out
	@$(BIN)/encours run --ledger $(DEMO)/ledger --as-of $(AS_OF) --out $(DEMO)/out

##@ Work on it

setup: $(VENV)/.installed-dev ## Make the virtual environment with locked versions and this project in it

test: $(VENV)/.installed-dev ## Run all tests (TEST_ARGS='-k interest' for some)
	@$(BIN)/python -m pytest -m "not slow and not medium and not large" $(TEST_ARGS)

test-all: $(VENV)/.installed-dev ## Run the slow tests too
	@$(BIN)/python -m pytest -m "not medium and not large" --hypothesis-profile=search $(TEST_ARGS)

soak: $(VENV)/.installed-dev ## Run what takes long: 400 simulated nights, ninety days ahead on many ledgers
	@ENCOURS_OUTLOOK_LEDGERS=40 $(BIN)/python -m pytest tests/nights tests/property/test_outlook.py $(TEST_ARGS)

test-interpreted: $(VENV)/.installed-dev ## Run the kernel and property tests without the compiler
	@NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -m "not slow" \
	  $(wildcard tests/kernels tests/property) $(TEST_ARGS)

test-bounds: $(VENV)/.installed-dev ## Run the kernel and property tests with array bounds checked
	@NUMBA_BOUNDSCHECK=1 ENCOURS_KERNEL_CACHE=$(CURDIR)/build/kernels-bounds \
	  $(BIN)/python -m pytest -m "not slow" $(wildcard tests/kernels tests/property) $(TEST_ARGS)

lint: $(VENV)/.installed-dev ## Check style and format (ruff, every rule but those explained away)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev ## Put style and format right where that can be done by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/.installed-dev ## Check types (mypy, strict)
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@$(BIN)/mypy bench

imports: $(VENV)/.installed-dev ## Check who imports whom
	@$(BIN)/lint-imports --no-cache   # the cache misses modules that are new

check: lint types imports test ## All of the above that must be green before a commit

##@ Measure

bench: $(VENV)/.installed-dev ## Time every stage (BENCH_ARGS='-m small' for the smallest size)
	@mkdir -p build/bench
	@$(BIN)/python -m pytest bench --benchmark-enable --benchmark-only \
	  --benchmark-columns=min,median,rounds --benchmark-json=build/bench/results.json \
	  -p no:randomly $(or $(BENCH_ARGS),-m "not large")

bench-table: $(VENV)/.installed-dev ## Write the tables of the README from the last make bench
	@$(BIN)/python -m bench.table build/bench/results.json --into README.md

##@ Renew

golden: $(VENV)/.installed-dev ## Write the golden run again (a commit of its own, with the reason)
	@ENCOURS_RENEW_GOLDEN=1 $(BIN)/python -m pytest tests/golden -p no:randomly
	@git status --short tests/golden

docs: $(VENV)/.installed-dev ## Write the reference pages again from the code
	@mkdir -p docs/reference
	@$(BIN)/python -m encours_schemas docs/reference
	@$(BIN)/python -m encours_jobs.reference docs/reference

lock: ## Write the locked requirements again (needs uv)
	@command -v uv > /dev/null || { echo "make lock needs uv on the path"; exit 1; }
	@$(call compile,pyproject.toml,run)
	@$(call compile,--group build --constraint requirements/run.txt,build)
	@$(call compile,pyproject.toml --group dev --constraint requirements/run.txt \
	  --constraint requirements/build.txt,dev)

##@ Release and clean

release: check ## Build the wheel and the source archive into dist/
	@$(INSTALL) --require-hashes -r requirements/build.txt
	@$(BIN)/python -m hatchling build

clean: ## Remove what was built, but not the virtual environment
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks

distclean: clean ## Remove the virtual environment too
	@rm -rf $(VENV)

help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo

# -- installation: a stamp per kind, renewed when a lock or the project's own data changes ----------

$(VENV)/.created:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Encours needs Python 3.11 or later; found: $$("$(PYTHON)" --version 2>&1). Say which: make PYTHON=/path/to/python3.11"; \
	  exit 1; }
	@"$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.installed-run: requirements/run.txt requirements/build.txt pyproject.toml | $(VENV)/.created
	@echo "installing into $(VENV) …" >&2
	@$(INSTALL) --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements/dev.txt $(VENV)/.installed-run
	@echo "installing what tests need into $(VENV) …" >&2
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# $(call compile,sources,name): the header of a lock names the make target, not a command with paths.
define compile
UV_CUSTOM_COMPILE_COMMAND='make lock' uv pip compile $(1) --quiet --upgrade --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --output-file requirements/$(2).txt
endef

.PHONY: run setup test test-all soak test-interpreted test-bounds lint format types imports check bench \
  golden docs lock bench-table release clean distclean help
