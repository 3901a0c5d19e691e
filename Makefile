# The commands of the project; `make` prints them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
BIN := .venv/bin
CODE := libs services tests benchmarks scripts
LOCKED := uv.lock pyproject.toml $(wildcard libs/*/pyproject.toml services/*/pyproject.toml) scripts/setup.sh
UV = $(shell command -v uv || echo .tools/uv/bin/uv)
T ?=
A ?=

.PHONY: help setup-dev run test test-containers differential canaries check fmt lint types layers lock-check gen-check bench bench-quality bench-slab \
	bench-service bench-pipeline soak fuzz example gen settings clean stack stack-down stack-status chaos

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile

# Made anew only when what is locked changed, so that a later start costs nothing here.
.venv/.ready-run: $(LOCKED)
	@scripts/setup.sh run && touch $@

.venv/.ready-dev: $(LOCKED)
	@scripts/setup.sh dev && touch $@ .venv/.ready-run

.venv/.ready-bench: $(LOCKED)
	@scripts/setup.sh bench && touch $@

.venv/.ready-containers: $(LOCKED)
	@scripts/setup.sh containers && touch $@

setup-dev: .venv/.ready-dev ## Install everything for work on the code

run: .venv/.ready-run ## Start SFM here, in the foreground: REST on 9595, data in ./data
	@exec $(BIN)/soma serve

stack: .venv/.ready-dev ## Start the whole system here, each part a process of its own, and wait until it is ready
	@$(PY) -m scripts.stack up

stack-down: .venv/.ready-dev ## Stop it; its data in ./data/stack stays
	@$(PY) -m scripts.stack down

stack-status: .venv/.ready-dev ## What runs, and where: one JSON object (make -s stack-status)
	@$(PY) -m scripts.stack status

settings: .venv/.ready-run ## Print the effective settings and where each comes from
	@exec $(BIN)/soma settings

test: .venv/.ready-dev ## Run the tests on all cores (T=path narrows, A=arguments for pytest; A=-n0: in one process)
	$(PY) -m pytest -n auto --dist worksteal $(A) $(T)

test-containers: .venv/.ready-containers ## The tests over the official images, where there is a Docker (A=arguments for pytest)
	$(PY) -m tests.servers.containers $(A) $(T)

differential: .venv/.ready-dev ## 5 000 random histories through every door, against a dict
	SFM_TEST_HISTORIES=5000 $(PY) -m pytest -q tests/differential $(A)

canaries: .venv/.ready-dev ## 100 000 replies to twenty tenants, each searched for foreign words
	SFM_TEST_CANARY_REPLIES=100000 $(PY) -m pytest -q tests/chaos/test_canaries.py $(A)

chaos: .venv/.ready-dev ## The long run of faults: every service killed 50 times under load, outages of a minute
	SFM_TEST_STACK_KILLS=50 SFM_TEST_OUTAGE_S=60 SFM_TEST_STOPS=4 $(PY) -m pytest -rA tests/chaos $(A)

fuzz: .venv/.ready-dev ## 100 000 bad requests (A="--seed S" repeats a run)
	$(PY) -m tests.fuzz $(A)

check: lint types layers gen-check lock-check ## Everything that is checked without running the code

lint: .venv/.ready-dev ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready-dev ## Types, strict
	$(BIN)/mypy $(wildcard $(CODE))

layers: .venv/.ready-dev ## Which package may import which
	$(BIN)/lint-imports

lock-check: .venv/.ready-dev
	$(UV) lock --check --quiet --python $(PY)

fmt: .venv/.ready-dev ## Format, and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

gen: .venv/.ready-dev ## Write the generated files anew
	$(PY) scripts/gen.py

gen-check: .venv/.ready-dev
	$(PY) scripts/gen.py --check

bench: bench-slab bench-quality bench-service bench-pipeline ## Every benchmark; each prints a table

bench-quality: .venv/.ready-bench ## How well recall finds the evidence, with an ablation per leg
	$(PY) -m benchmarks.recall_quality $(A)

bench-slab: .venv/.ready-bench ## Exact vector search beside FAISS, usearch and plain NumPy
	$(PY) -m benchmarks.slab $(A)

bench-service: .venv/.ready-bench ## REST under an open-loop load
	$(PY) -m benchmarks.service $(A)

bench-pipeline: .venv/.ready-dev ## Events: lag, throughput, catching up, memory, cost as the log grows
	$(PY) -m benchmarks.pipeline $(A)

soak: .venv/.ready-dev ## Whether memory grows (A="--recalls 1000000 --abandoned 10000")
	$(PY) -m benchmarks.soak $(A)

example: .venv/.ready-run ## Store a real conversation and ask about it
	$(PY) examples/conversation.py $(A)

clean: ## Remove what the tools made; the data directory stays
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .tools .venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
