# Every target sets up what it needs; a machine has to have only make and Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: help demo test test-quick lint docs bench clean
.NOTPARALLEL:  # two pips in one environment get into each other's way

help:
	@echo "make demo   a first table of interactions, and its pictures in demo*.png"
	@echo "make test   all tests and the examples in docstrings, in less than 10 minutes on 2 cores"
	@echo "make test-quick   the same without the slow ones, in less than 2 minutes"
	@echo "make lint   ruff and mypy"
	@echo "make docs   the pages, in docs/_build/html"
	@echo "make bench  the benchmarks"
	@echo "make clean  remove whatever these made, the environment $(VENV) included"

# pictures go to files: no window is needed, nor a screen
demo: export MPLBACKEND ?= Agg
demo: $(VENV)/.plot
	$(BIN)/python docs/readme.py --demo

# The networks of the tests are small: a second BLAS thread waits longer than it computes.
# The demo keeps the machine's own setting, for it shows what a user gets.
# The last lines say how long the slowest tests took, and all of them.
test test-quick: export OMP_NUM_THREADS ?= 1
test test-quick: export MPLBACKEND ?= Agg
test test-quick: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --durations=10 --durations-min=1 $(SOME)

test-quick: SOME = -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: export MPLBACKEND ?= Agg
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

bench: export MPLBACKEND ?= Agg
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

# .venv/.dev: the extra `dev` is installed, with the versions of these files
$(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[$*]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Expected Python 3.11 or \
	newer, got " + sys.version.split()[0] + ". Name another: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist skgeh.egg-info demo*.png docs/gallery/patients.html
	rm -rf docs/_build docs/auto_gallery docs/generated
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find skgeh tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +
