# `make run` and `make test` install what they need into .venv first; `make test-worker` into .venv-worker as well.
PYTHON ?= python3
WORKER_PYTHON ?= $(PYTHON)
VENV := .venv
WORKER := .venv-worker
BLOODCELLS := $(VENV)/bin/bloodcells
ZIP := runs/synthetic-quick-0/submission.zip

.PHONY: install run test quick-test test-worker test-colab test-kaggle lint reports

install: $(VENV)/installed

run: $(VENV)/installed
	$(BLOODCELLS) run --data synthetic --tta 0

# In two processes, each of which takes the next file of tests.
TEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed
	$(TEST)

# While editing: the logic alone, without what trains or packs a network, scores submissions or draws pages.
quick-test: $(VENV)/installed
	$(TEST) -m "not slow and not trains and not scores and not draws"

# The zip of `make run`, with the versions of the competition's machine: equal labels, or an error.
test-worker: $(VENV)/installed $(WORKER)/installed $(ZIP)
	$(BLOODCELLS) score $(ZIP) --data synthetic --worker $(WORKER)/bin/python --out runs/worker

# Beside the packages of Colab and of Kaggle, where their Python is: the wheel replaces none, and the quick tests pass.
test-colab:
	$(PYTHON) tests/platforms/try_platform.py colab-2026-08 python3.13 .venv-colab

test-kaggle:
	$(PYTHON) tests/platforms/try_platform.py kaggle-2026-05 python3.12 .venv-kaggle

$(ZIP):
	$(MAKE) run

lint: $(VENV)/installed
	$(VENV)/bin/pip install --quiet ruff==0.17.6 mypy==2.4.1
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# The README's tables, every page, figure and PDF in reports/, from the records that lie there.
reports: $(VENV)/installed
	$(VENV)/bin/python -m reports.make

$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, this is {v.major}.{v.minor}. Choose one with make PYTHON=python3.12.")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --requirement requirements.txt --editable .
	touch $@

$(WORKER)/installed: requirements-worker.txt
	$(WORKER_PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v < (3, 13) else f"Python 3.10 to 3.12 is needed, this is {v.major}.{v.minor}. Choose one with make test-worker WORKER_PYTHON=python3.11.")'
	$(WORKER_PYTHON) -m venv $(WORKER)
	$(WORKER)/bin/pip install --requirement requirements-worker.txt
	touch $@
