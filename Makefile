# Doorstep's verbs. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 3
export UV_SYSTEM_CERTS := 1
COMPILE := .tools/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Prepare everything: .venv with the pinned packages, and the browser's parts of the pages
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "Set-up stopped. Python 3 is not installed. Debian and Ubuntu: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || { echo "Set-up stopped. $(PYTHON) is older than 3.9. Name a newer one: make setup PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -m infra.setup.prepare

.PHONY: demo
demo: setup ## Start everything with a sample week; Ctrl-C stops it, the data stays; PORT=8090 chooses another port
	@exec $(BIN)/doorstep demo $(if $(PORT),--port $(PORT))

.PHONY: demo-reset
demo-reset: setup ## Forget the demo's data
	@$(BIN)/doorstep demo --reset

.PHONY: test
test: setup ## Run the suite (on the embedded PostgreSQL, or the one named by DATABASE_URL)
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

.PHONY: test-postgres15
test-postgres15: setup ## Run the tests that need a database on Debian's PostgreSQL 15
	$(BIN)/python -m infra.setup.postgres15 $(BIN)/pytest -m database -n $(WORKERS) --dist loadgroup

.PHONY: check
check: setup ## Lint, formatting, types, import contracts and the length of functions
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m infra.setup.function_lengths

.PHONY: format
format: setup ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: migration
migration: setup ## Write a migration from what changed in the tables: make migration NAME="add crews"
	@test -n "$(NAME)" || { echo 'Say what changes: make migration NAME="add crews"' >&2; exit 1; }
	$(BIN)/python -m infra.setup.migration "$(NAME)"

.PHONY: bench-scheduling
bench-scheduling: setup ## Measure the scheduling engine beside its peers (about half an hour; BENCH="--quick": minutes; BENCH="--help")
	@$(BIN)/python -m infra.benchmarks $(BENCH)

.PHONY: bench-campaign
bench-campaign: setup ## Let 5,000 citizens book while a planner works, and count broken promises (BENCH="--citizens 500"; BENCH="--help")
	@$(BIN)/python -m infra.benchmarks.campaign $(BENCH)

.PHONY: bench-ingest
bench-ingest: setup ## Measure how fast messages are taken in and told back (BENCH="--orders 1000"; BENCH="--memory": minutes; BENCH="--help")
	@$(BIN)/python -m infra.benchmarks.ingest $(BENCH)

.PHONY: bench-portal
bench-portal: setup ## Measure slot page, hold and confirm beside a bare page and a bare update (BENCH="--orders 1000"; BENCH="--help")
	@$(BIN)/python -m infra.benchmarks.portal $(BENCH)

.PHONY: chaos
chaos: setup ## Kill workers, broker and database while 10,000 orders come in, and account for every one (CHAOS="--orders 1000 --kills 10"; CHAOS="--help")
	@$(BIN)/python -m infra.chaos $(CHAOS)

.PHONY: fuzz
fuzz: setup ## Spoil 20,000 messages and let each come to an end (FUZZ="--messages 2000"; FUZZ="--help")
	@$(BIN)/python -m infra.chaos.fuzz $(FUZZ)

.PHONY: lighthouse
lighthouse: setup ## Let Google's Lighthouse judge the citizen's pages on a phone: 98 points or exit 1 (LIGHTHOUSE="--runs 5"; LIGHTHOUSE="--help")
	@$(BIN)/python -m infra.lighthouse $(LIGHTHOUSE)

.PHONY: screenshots
screenshots: setup ## Make the pictures of the README from the running demo
	$(BIN)/python -m infra.setup.screenshots

.PHONY: lock
lock: setup ## Pin the newest packages that pyproject.toml and package.json allow
	$(COMPILE) --upgrade --python-version 3.12 --extra dev -o requirements.lock pyproject.toml
	printf 'setuptools\ncffi\n' | $(COMPILE) --upgrade --python-version 3.12 -o infra/setup/build.lock -
	printf 'uv\n' | $(COMPILE) --upgrade --python-version 3.9 -o infra/setup/tools.lock -
	$(COMPILE) --upgrade --python-version 3.12 --group bench -o infra/benchmarks/bench.lock
	npm update --package-lock-only --ignore-scripts
	npm update --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --prefix infra/lighthouse
	$(BIN)/python -m infra.setup.package_lock

.PHONY: clean
clean: ## Remove what set-up and tests made (the demo's data stays)
	rm -rf .venv .venv-bench .tools node_modules build doorstep.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
