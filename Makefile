# make demo: train, evaluate and draw on the embedded data set.
# make export: the packages of all export formats.
# make test: lint, types and tests.  make test-slow: the tests that train for minutes.  WORKERS=N: test processes.
# BUDGET=MINUTES: what make test-slow has not begun by then is skipped, and counted with this reason.
PYTHON ?= $(shell command -v python3.11 2>/dev/null || command -v python3)
BIN := .venv/bin
WORKERS ?= 2
INSTALLED := .venv/installed

EXPORTERS := .venv/exporters
CLUSTER := .venv/cluster

.PHONY: demo export test test-slow clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(INSTALLED)

# What every export format needs, several GB; it stands in the same .venv.
$(EXPORTERS): $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev,export]"
	touch $(EXPORTERS)

export: $(EXPORTERS)

# What works beyond one machine (sweeps, object storage, Ray), and what its tests run against.
$(CLUSTER): $(INSTALLED)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev,export,cluster,servers]"
	touch $(EXPORTERS) $(CLUSTER)

demo: $(INSTALLED)
	rm -rf outputs/demo
	$(BIN)/python -m tasks.train experiment=demo_ssdlite
	$(BIN)/python -m tasks.train experiment=demo_lraspp

test: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist worksteal

# They are handed out one by one, so that the two trainings of the demo, the longest, run side by side.
test-slow: $(CLUSTER)
	$(BIN)/pytest -m slow -n $(WORKERS) --dist loadgroup -rs $(if $(BUDGET),--budget $(BUDGET))

clean:
	rm -rf .venv outputs/demo datasets/synthetic build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
