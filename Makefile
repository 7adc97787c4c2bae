# Two commands matter: `make demo` and `make test`. Both do all set-up by themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Extra words for pytest: make test ARGS="tests/unit -k lease"
ARGS ?=
# Where Python is told to keep no compiled files, pytest would prepare a thousand test modules anew in every run.
unexport PYTHONDONTWRITEBYTECODE
# How many files of tests run at a time; one more fills the gaps (tests/order.py). On two cores a fourth one costs each
# test a tenth more processor time, and with five tests miss their deadlines.
SIDES ?= 3

.PHONY: help setup demo test unit lint format types imports bench fault simulate compose-test docs golden lock clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.runtime ## make .venv and install what running needs, from the hashed lock file

.venv/.runtime: requirements.lock requirements-setup.lock pyproject.toml
	@tools/setup.sh "$(PYTHON)" requirements.lock
	@touch $@

.venv/.development: requirements-dev.lock requirements-setup.lock pyproject.toml
	@tools/setup.sh "$(PYTHON)" requirements-dev.lock
	@touch $@ .venv/.runtime

demo: setup ## start everything on this machine: a broker, a database, a Telegram sandbox, two nodes
	@exec $(BIN)/callboard up

test: .venv/.development ## run the tests, on real servers
	@$(BIN)/python -m pytest --numprocesses $$(($(SIDES) + 1)) --filling --dist loadscope --no-loadscope-reorder $(ARGS)

unit: .venv/.development ## run the unit tests alone: seconds, and no servers
	@$(BIN)/python -m pytest --numprocesses $$(nproc) --dist loadscope --no-loadscope-reorder tests/unit $(ARGS)

lint: .venv/.development ## ruff: rules and form
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: .venv/.development ## put the code in form
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: .venv/.development ## mypy, strict
	@$(BIN)/mypy

imports: .venv/.development ## who may import whom
	@$(BIN)/lint-imports

bench: .venv/.development ## measure against floors of the same run: ARGS="ingest fanout"; writes bench/RESULTS.md
	@$(BIN)/python -m bench $(ARGS)

fault: .venv/.development ## 40 rollouts to 500 real agents and 50 moves, while brokers and processes go down; 45 minutes
	@$(BIN)/python -m tests.campaigns $(ARGS)

simulate: .venv/.development ## random schedules of moves and faults in virtual time: ARGS="--schedules 10000 --kind moves"
	@$(BIN)/python -m tests.simulation $(ARGS)

compose-test: .venv/.development ## bring the compose stack up for real, test it, take it down
	@tools/compose-test.sh

docs: .venv/.development ## write the generated documents
	@$(BIN)/python -m tools.event_api
	@$(BIN)/python -m tools.script_schema

golden: .venv/.development ## write the golden message of every type that has none
	@$(BIN)/python -m tests.contract.events.golden

lock: .venv/.development ## resolve the lock files anew from pyproject.toml
	@tools/lock.sh

clean: ## remove .venv, caches and the demo's state
	@rm -rf .venv .callboard .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
