PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEV := $(VENV)/.dev
ARGS ?=

.PHONY: run test check lint types clean setup dev
run: $(STAMP)
	$(BIN)/teleop demo $(ARGS)

test: $(DEV) browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

check: lint types
lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: $(DEV)
	$(BIN)/mypy

setup: $(STAMP)
$(STAMP): requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV) requirements.lock .ready

# Tests, and benches that drive a browser, need more: other physics engines as judges, Playwright.
dev: $(DEV)
$(DEV): $(STAMP) requirements-dev.lock
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV) requirements-dev.lock .dev

# Coverage-guided fuzzing of every parser; make fuzz SECONDS=3600 runs each for an hour.
SECONDS ?= 60
.PHONY: fuzz
fuzz: $(DEV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	$(BIN)/python -m fuzz --seconds $(SECONDS)

.PHONY: browser
browser:
	@sh scripts/find_browser.sh

clean:
	rm -rf $(VENV)
