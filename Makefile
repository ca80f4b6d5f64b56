# Every check by its name; each sets up what it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test test-fast test-oldest bench lint typecheck docs links build clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch comes first and by its exact pin: a looser request fetches another build.
$(VENV)/.torch: constraints.txt | $(BIN)/python
	$(PIP) torch
	@touch $@

$(VENV)/.%: pyproject.toml $(VENV)/.torch
	$(PIP) --editable ".$(if $(filter-out run,$*),[$*])"
	@touch $@

demo: $(VENV)/.run  ## set up, train on shipped data, compare, print the table
	$(BIN)/python examples/demo.py

test: $(VENV)/.test  ## set up and pass all tests
	$(BIN)/python -W error -m pytest --numprocesses 2

test-fast: $(VENV)/.test  ## the fast tests alone
	$(BIN)/python -W error -m pytest --numprocesses 2 -m "not slow"

# scikit-learn, skorch, pandas and numpy at their floors, in an environment of its own;
# torch stays at the pinned build.
test-oldest:  ## the fast tests on the oldest supported releases
	$(MAKE) $(VENV)-oldest/.oldest VENV=$(VENV)-oldest
	$(VENV)-oldest/bin/python -m pytest --numprocesses 2 -m "not slow" \
		-o addopts= --import-mode=importlib -o filterwarnings=default tests

$(VENV)/.oldest: constraints-oldest.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints-oldest.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints-oldest.txt --editable ".[test-core]"
	@touch $@

# The rivals get an environment of their own; SUITE is one of those in benchmarks/README.md.
SUITE ?= train
bench:  ## measure a SUITE side by side with the rivals; tables and pictures in results/
	$(MAKE) $(VENV)-bench/.bench VENV=$(VENV)-bench
	$(VENV)-bench/bin/python -m benchmarks $(SUITE) --require-all --output results

$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.torch
	$(PIP) --editable . --requirement benchmarks/requirements.txt
	@touch $@

lint: $(VENV)/.lint  ## style, common mistakes, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell *.md docs/*.md sklearn_dcn examples benchmarks

typecheck: $(VENV)/.lint  ## types, and those that a user's module sees
	$(BIN)/mypy
	$(BIN)/mypy --strict --config-file= --follow-imports=silent tests/consumer/typed.py

docs: $(VENV)/.docs  ## the documentation, warnings as errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

links: $(VENV)/.docs  ## whether the pages' links lead somewhere; needs the network
	$(BIN)/python -m sphinx -b linkcheck -D plot_gallery=0 docs docs/_build/links

build: $(VENV)/.dev  ## wheel and source distribution in dist/
	$(BIN)/python -m build --outdir dist

clean:  ## remove what the commands made
	rm -rf .venv .venv-oldest .venv-bench build dist docs/_build *.egg-info
