# Everything from a clean clone, on a machine that has Python 3.11 or newer, pip and make.
PYTHON ?= python3
VENV ?= .venv
# Where pip may look for a CPU-only torch (plain `torch` on Linux brings gigabytes of CUDA):
#   make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS ?=
BIN := $(VENV)/bin

.PHONY: help setup demo real real-gemma test test-real faults check format clean

help:
	@echo "make demo    set up, then run the main job on the embedded benchmark"
	@echo "make real    set up, then fetch for make test SmolLM2-135M-Instruct, from Q4_1 weights"
	@echo "             (93 MB, Apache-2.0), and seven tokenizers of published models (146 MB)"
	@echo "make real-gemma  set up, then fetch Gemma 3 270M, from Q4_K_M weights, for further tests"
	@echo "             (238 MB, Gemma terms of use: https://ai.google.dev/gemma/terms)"
	@echo "make test    set up, then run all checks: ruff, mypy, pytest"
	@echo "make test-real  docs/own-data.md with the real model, about an hour on two cores"
	@echo "make faults  1,030 injected faults (kills, full disks, hostile files), under an hour"
	@echo "make format  put the code into ruff's format"
	@echo "make clean   remove the virtual environment and what the tools left"

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e ".[dev]"
	touch $@
	@echo "Ready: $(BIN)/simnpo, or activate the environment first: . $(BIN)/activate"

demo: setup
	$(BIN)/simnpo demo --out runs/demo --overwrite

real: setup
	$(BIN)/python benchmarks/fetch_real.py

real-gemma: setup
	$(BIN)/python benchmarks/fetch_gemma.py

test: check
	$(BIN)/pytest -n 2 --dist worksteal

test-real: real
	$(BIN)/python benchmarks/walk_own_data.py runs/own-data

faults: setup
	$(BIN)/python benchmarks/faults.py --work runs/faults --report docs/results/faults.md

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
