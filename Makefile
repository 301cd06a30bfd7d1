# The two main commands, `make run` and `make test`, set up what they need.
PYTHON = .venv/bin/python
ARGS ?=
# Tests wait for servers and browsers a third of their time, so two processes more than there are cores.
PROCESSES = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)

.DEFAULT_GOAL := help
.PHONY: help run test others faults hosted soak check fix bench pictures lock setup setup-dev clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Start the program with its servers: make run ARGS="--port 9000"
	@exec $(PYTHON) main.py run $(ARGS)

test: setup-dev ## Run all tests but the slow ones: make test ARGS="-k cancel"
	$(PYTHON) -m pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder -m "not slow and not hosted" $(ARGS)

others: setup-dev ## Run the tests without a browser on another server: make others POSTGRES=/usr/lib/postgresql/15/bin
	$(PYTHON) -m pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder --postgres=$(POSTGRES) \
		-m "not slow and not hosted and not browser" $(or $(ARGS),tests)

faults: setup-dev ## Run the slow tests: killed, frozen and disconnected servers and workers, long searches, types
	$(PYTHON) -m pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder -m slow $(ARGS)

hosted: setup-dev ## Try hosted use: PostgreSQL, PgBouncer, Redis, nginx, 2 consoles, 3 workers (as root, on Debian)
	$(PYTHON) -m pytest -n 0 -rs -m hosted tests/hosted $(ARGS)

soak: setup-dev ## Cause random faults for some time, and count lost jobs: make soak MINUTES=30 SEED=7
	$(PYTHON) -m tests.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(FLOOD),--flood $(FLOOD))

check: setup-dev ## Check style, formatting, types and layers, and JavaScript and CSS
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy main.py .ci/setup.py .ci/pictures.py
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	@.ci/biome.sh

fix: setup-dev ## Apply the fixes and formatting of ruff and Biome
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	@.ci/biome.sh --write

bench: setup-dev ## Measure throughput and latency: make bench ARGS="--quick"
	$(PYTHON) -m benchmarks $(ARGS)

pictures: setup-dev ## Take the pictures of docs/console.md again (needs Chromium)
	$(PYTHON) .ci/pictures.py

lock: ## Write both lock files after changing pyproject.toml (needs uv): make lock ARGS=--upgrade
	uv --no-config pip compile pyproject.toml $(LOCKING) --output-file requirements.lock
	uv --no-config pip compile pyproject.toml $(LOCKING) --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
LOCKING = $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

setup: # Create the environment that the program needs
	@.ci/setup.sh

setup-dev: # Create the environment that tests and checks need
	@.ci/setup.sh dev

clean: ## Remove the environment and caches; your data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build
