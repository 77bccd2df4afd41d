# Needs only make and a Python >= 3.11; everything else comes into .venv, pinned by hash.
.DEFAULT_GOAL := help
.PHONY: help setup run test check bench bench-renewals docs pictures requirements clean

VENV := .venv
BIN := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)
STAMP := $(VENV)/.everspark-setup
RUN_ARGS ?=
TEST_ARGS ?=
# A process for each core, each with a database of its own; more than four take longer to start than they save.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadgroup
BENCH_ARGS ?=
PICTURES_ARGS ?=

help: ## Says what each target does
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Makes .venv with the pinned dependencies; a second run does nothing

$(STAMP): requirements-dev.txt pyproject.toml
	@python=""; \
	for name in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3 python; do \
	  if $$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' >/dev/null 2>&1; \
	  then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Everspark needs Python 3.11 to 3.14 with its venv module; none was found on the PATH (python3 is: $$(python3 --version 2>&1)). Install one, or say: make setup PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$($$python --version 2>&1)"; \
	$$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: setup ## Shows it live on 127.0.0.1:8080, with a simulated TikTok (RUN_ARGS="--port 9000"); for real: .venv/bin/everspark up
	@exec $(BIN)/everspark up --demo $(RUN_ARGS)

test: setup ## Runs the whole gate's tests on every core (TEST_ARGS="-k journey"; TEST_ARGS="-n 0 --pdb" in one process)
	@$(PYTEST) $(TEST_ARGS)

check: setup ## Format, lint, types, contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) $(TEST_ARGS)

bench: setup ## Measures against plain dramatiq, Celery and the database's own limit
	@$(BIN)/python -m bench $(BENCH_ARGS)

bench-renewals: setup ## Simulates a year of asking creators, beside a cron and a weekly list (BENCH_ARGS="--quick")
	@$(BIN)/python -m bench.renewals $(BENCH_ARGS)

docs: setup ## Writes the generated pages again
	@$(BIN)/python -m everspark.settings_page > docs/settings.md

pictures: setup ## Takes the README's pictures of the demo that `make run` shows (PICTURES_ARGS="http://127.0.0.1:9000")
	@$(BIN)/python -m tests.browser.pictures $(PICTURES_ARGS)

requirements: setup ## Pins the dependencies again from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --extra embedded --extra tracing --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-annotate --no-header -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --all-extras -c requirements.txt --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-annotate --no-header -o requirements-dev.txt

clean: ## Removes .venv and caches; data/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
