# make demo    install, segment the shipped images by phrase, leave overlays in demo/
# make test    install everything, check and test
# make check   format, lint, types and the layers of the architecture
# make format  rewrite the sources in our format
# make attack  damaged and hostile inputs, and kills: ARGS="--cases 1000 --kinds npz --kills 0"
# make docs    build these docs as a site, in site/
# make bench   measure all that docs/ says of speed, or parts of it: ARGS="speed scaling"

WINDOWS := $(filter Windows_NT,$(OS))
PYTHON ?= $(if $(WINDOWS),python,python3)
VENV := .venv
BIN := $(VENV)/$(if $(WINDOWS),Scripts,bin)
# Ray takes a process down with it now and then that has run hundreds of other tests.
CLUSTER := tests/batch/test_cluster.py

.PHONY: demo test pytest check format bench attack docs install develop

install: $(VENV)/.installed
develop: $(VENV)/.developed

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "refmask needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/.uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.developed: requirements-dev.txt $(VENV)/.installed
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.txt
	@touch $@

demo: install
	$(BIN)/python -m refmask demo --out demo

check: develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check pytest

pytest: develop
	$(BIN)/pytest --numprocesses 2 --dist loadfile --max-worker-restart 0 --ignore $(CLUSTER)
	$(BIN)/pytest $(CLUSTER)

format: develop
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: develop
	$(BIN)/python benchmarks/bench.py $(ARGS)

attack: develop
	PYTHONPATH=benchmarks $(BIN)/python -m attack $(ARGS)

docs: develop
	$(BIN)/mkdocs build --strict
