# `make run` and `make test` install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BLOODCELLS := $(VENV)/bin/bloodcells

.PHONY: run test lint clean-venv

run: $(VENV)/installed
	$(BLOODCELLS) run --profile quick --tta 0

test: $(VENV)/installed
	$(VENV)/bin/python -m pytest

lint: $(VENV)/installed
	$(VENV)/bin/pip install --quiet ruff==0.17.6 mypy==2.4.1
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 13) else f"Python 3.11 or 3.12 is needed, this is {v.major}.{v.minor}. Choose one with make PYTHON=python3.12.")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --requirement requirements.txt --editable .
	touch $@
