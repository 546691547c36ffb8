PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEV := $(VENV)/.dev
ARGS ?=

.PHONY: run test check lint types clean setup dev
run: $(STAMP)
	$(BIN)/teleop demo $(ARGS)

# Types beside the tests that no other program disturbs; those with real processes run alone.
# Status 5 of pytest: ARGS chose no test of this part.
test: $(DEV) browser lint
	$(MAKE) --no-print-directory -j 2 types units
	$(BIN)/python -m pytest -m "process or browser" $(ARGS) || [ $$? -eq 5 ]

.PHONY: units
units: $(DEV)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not process and not browser" $(ARGS) || [ $$? -eq 5 ]

# Proof of the safety core: docs/safety-concept.md, docs/mutation.md
.PHONY: explore mutate coverage
explore: $(STAMP)
	$(BIN)/python -m bench.explore $(ARGS)
mutate: $(STAMP)
	$(BIN)/python -m bench.mutate $(ARGS)
coverage: $(STAMP)
	$(BIN)/python -m coverage run --branch --source=safety --omit='safety/diagram.py' -m pytest -o timeout=0 tests/safety
	$(BIN)/python -m coverage report --show-missing --skip-covered --fail-under=100

check: lint types
lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
# Modules of different test folders may have the same name: each folder is checked by itself.
TYPED_TESTS := tests/*.py tests/bench tests/e2e tests/fuzz tests/haptics tests/robot_sim \
	tests/safety tests/teleop tests/transport tests/web
types: $(DEV)
	$(BIN)/mypy
	@for part in examples $(TYPED_TESTS); do echo $(BIN)/mypy $$part; $(BIN)/mypy $$part || exit 1; done

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
