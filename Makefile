# Every command of the project. Each one does its own set-up; a second run installs nothing.
# ARGS goes to the program behind the command: `make demo ARGS=--json`, `make test ARGS=tests/unit`.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup servers demo run test check fix bench chaos-money compliance lock lock-check

ARGS ?=
VENV_PYTHON := .venv/bin/python
PYTEST := $(VENV_PYTHON) -m pytest
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q

help: ## list the commands
	@echo "Tokeni: SMS and USSD token delivery for STS prepaid meters."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: ## make .venv with every pinned package, run-time and test
	@.ci/setup

servers: setup
	@.ci/servers

demo: setup ## play a purchase from the first dial to the meter's ACCEPT, and print it
	@$(VENV_PYTHON) manage.py demo $(ARGS)

run: setup ## the same product and simulator, to play with in a browser; ends with Ctrl-C
	@$(VENV_PYTHON) manage.py demo --stay $(ARGS)

test: servers ## every test on PostgreSQL and Redis, then the money path on SQLite
ifeq ($(strip $(ARGS)),)
	@$(PYTEST) --cov --cov-report=term
	@TOKENI_TEST_DATABASE=sqlite $(PYTEST) -m money_path
else
	@$(PYTEST) $(ARGS)
endif

check: setup ## lint, format, types, import contracts, house rules, migrations
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@TOKENI_MODE=test .venv/bin/mypy .
	@TOKENI_MODE=test .venv/bin/lint-imports
	@$(PYTEST) -p no:django tests/house_rules
	@TOKENI_MODE=test $(VENV_PYTHON) manage.py makemigrations --check --dry-run

fix: setup ## what lint and format can mend by themselves
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

# P1 to P4 are token arithmetic alone: asked for only these, no server is looked for.
bench: $(if $(filter-out P1 P2 P3 P4,$(or $(ARGS),all)),servers,setup) ## the ratios that docs and releases quote, on this machine
	@$(VENV_PYTHON) -m tests.bench $(ARGS)

chaos-money: servers ## thousands of payments through a product that is struck all the while, then the verdict; minutes
	@$(VENV_PYTHON) -m tests.chaos_money $(ARGS)

compliance: setup ## write docs/reference/sts-compliance.md: every published vector, and what became of it
	@TOKENI_MODE=test $(VENV_PYTHON) -m tests.vectors.compliance

lock: setup ## compile pyproject.toml into the two hashed requirement files
	@.venv/bin/uv pip compile pyproject.toml $(LOCK) -o requirements.txt
	@.venv/bin/uv pip compile --group dev -c requirements.txt $(LOCK) -o requirements-dev.txt

lock-check: setup ## whether the lock is all wheels on every Python we name (needs the network)
	@.ci/lock-check
