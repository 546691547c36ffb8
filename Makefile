PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
ARGS ?=

.PHONY: run test check lint types clean setup
run: $(STAMP)
	$(BIN)/teleop demo $(ARGS)

test: $(STAMP) browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

check: lint types
lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: $(STAMP)
	$(BIN)/mypy

setup: $(STAMP)
$(STAMP): requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV)

.PHONY: browser
browser:
	@sh scripts/find_browser.sh

clean:
	rm -rf $(VENV)
