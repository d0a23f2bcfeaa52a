# demo · test · lint · bench: each sets up .venv by itself and reuses it until pyproject.toml or constraints.txt change
PYTHON ?= python3
BIN := .venv/bin
MADE_OF := pyproject.toml constraints.txt

.PHONY: demo test lint bench

demo: .venv/.installed-all
	$(BIN)/verticals run --demo all --preset quick --seed 0 --out runs/demo

test: .venv/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/.installed-dev
	$(BIN)/python benchmarks/rerun.py --quick

.venv/.installed-all: $(MADE_OF)
	@echo "setting up .venv (first time only) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	@touch $@

.venv/.installed-dev: $(MADE_OF)
	@echo "setting up .venv with the developer's tools (first time only) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch .venv/.installed-all $@
