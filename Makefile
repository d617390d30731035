# Two commands are enough on a fresh machine with Python, git and make: `make demo` and `make test`.

PYTHON ?= python3
# Where to look for PyTorch besides the package index, e.g. https://download.pytorch.org/whl/cpu for the build without CUDA.
TORCH_INDEX ?=
# Passed on to pytest, e.g. make test ARGS="-k tiling -x".
ARGS ?=

VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STAMP := $(VENV)/installed
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports spelling format docs docs-serve docs-check bench bench-speed \
	release-check changelog clean distclean

help: ## list what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables: PYTHON=python3.12 (which Python), TORCH_INDEX=https://download.pytorch.org/whl/cpu (PyTorch without'
	@echo 'CUDA, a far smaller download on Linux), ARGS="-k tiling" (for pytest).'

setup: $(STAMP) ## create .venv with everything installed, or bring it up to date

# The build backend comes first and builds without isolation: only so do the constraints hold for it as well.
$(STAMP): pyproject.toml constraints.txt
	@command -v "$(PYTHON)" > /dev/null || { \
		echo "There is no $(PYTHON) here; name a Python 3.11 or newer: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "noise2detail needs Python 3.11 or newer, and $(PYTHON) is `"$(PYTHON)" --version 2>&1`;" \
			"name a newer one: make setup PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(PIP_INSTALL) hatchling editables
	$(PIP_INSTALL) --no-build-isolation --editable ".[dev]"
	@touch $(STAMP)

demo: $(STAMP) ## denoise a micrograph, a DICOM series and an OME-Zarr; results and pictures go to demo/
	@$(BIN)/python examples/demo.py

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest --numprocesses=auto $(ARGS)

check: lint types imports spelling ## run all checks that need no test: the four below

lint: $(STAMP) ## ruff: rules and layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/python -m mypy

imports: $(STAMP) ## import-linter: the floors of the house
	$(BIN)/lint-imports

spelling: $(STAMP) ## typos
	$(BIN)/typos

format: $(STAMP) ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## build the documentation into site/: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

docs-serve: $(STAMP) ## show the documentation while it is being written, at http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

docs-check: docs ## open every page of it in Chromium: requests, search, contrast; ARGS="--screenshots FOLDER"
	$(BIN)/python docs/check_site.py site $(ARGS)

bench: $(STAMP) ## say how the benchmarks are run
	@echo 'A benchmark is a script in benchmarks/ and runs for minutes to hours, so it is started by name:'
	@find benchmarks -name '*.py' ! -name '_*' | sort | while read -r script; do echo "  $(BIN)/python $$script"; done

bench-speed: $(STAMP) ## measure the engine's speed on this machine, a few minutes; ARGS="--out FILE.md"
	$(BIN)/python benchmarks/speed.py $(ARGS)

release-check: $(STAMP) ## build sdist and wheel, and test the wheel on every Python here; ARGS="--python PATH"
	$(BIN)/python release/check.py --torch-index "$(TORCH_INDEX)" $(ARGS)

changelog: $(STAMP) ## move changes/ into CHANGELOG.md as the section of VERSION=0.2.0; ARGS=--draft only shows it
	@test -n "$(VERSION)" || { echo "Say which release: make changelog VERSION=0.2.0" >&2; exit 1; }
	@$(BIN)/python release/changelog.py "$(VERSION)" $(ARGS)

clean: ## remove caches, builds and the output of the demo
	rm -rf demo site build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment as well
	rm -rf $(VENV)
