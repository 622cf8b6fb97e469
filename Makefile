# make demo: train, evaluate and draw on the embedded data set.  make test: lint, types and tests.
PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo test test-slow clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(INSTALLED)

demo: $(INSTALLED)
	rm -rf outputs/demo
	$(BIN)/python -m tasks.train experiment=demo_ssdlite
	$(BIN)/python -m tasks.train experiment=demo_lraspp

test: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow"

test-slow: $(INSTALLED)
	$(BIN)/pytest -m slow

clean:
	rm -rf .venv outputs/demo datasets/synthetic build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
