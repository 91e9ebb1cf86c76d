# make demo | make test | make test-extras | make bench: each sets up what it needs and runs.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-extras bench format clean

demo: .venv/.package
	$(BIN)/haystack-gen demo --out demo

test: .venv/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not clip and not hub"

bench: .venv/.dev
	$(BIN)/python tests/benchmarks/bench_plan.py
	$(BIN)/python tests/benchmarks/bench_splice.py
	$(BIN)/python tests/benchmarks/bench_mining.py

format: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv .venv-extras demo dist

.venv/.package: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.dev: pyproject.toml .venv/.package
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
