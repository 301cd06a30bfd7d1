# Two commands matter: `make run` and `make test`; both set up what they need.
PYTHON = .venv/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test faults soak check fix bench lock setup setup-dev clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Start everything: make run ARGS="--port 9000"
	@exec $(PYTHON) main.py run $(ARGS)

test: setup-dev ## Run all tests: make test ARGS="-k cancel"
	$(PYTHON) -m pytest -n auto --dist loadscope --no-loadscope-reorder -m "not slow" $(ARGS)

faults: setup-dev ## Run the tests that are too slow for `make test`: servers and workers harmed in every way
	$(PYTHON) -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m slow $(ARGS)

soak: setup-dev ## Break everything at random for a while, and count what is lost: make soak MINUTES=30 SEED=7
	$(PYTHON) -m tests.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

check: setup-dev ## Lint, formatting, types, layers, JavaScript and CSS
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy main.py .ci/setup.py
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	@.ci/biome.sh

fix: setup-dev ## Repair what ruff and Biome can repair, and format
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	@.ci/biome.sh --write

bench: setup-dev ## Measure throughput and latency: make bench ARGS="--quick"
	$(PYTHON) -m benchmarks $(ARGS)

lock: ## Write both locks after a change of pyproject.toml (needs uv): make lock ARGS=--upgrade
	uv --no-config pip compile pyproject.toml $(LOCKING) --output-file requirements.lock
	uv --no-config pip compile pyproject.toml $(LOCKING) --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock
LOCKING = $(ARGS) --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

setup: # The environment with what the program needs
	@.ci/setup.sh

setup-dev: # The same with what tests and checks need
	@.ci/setup.sh dev

clean: ## Remove the environment and caches; your data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build
