# TradeStream from a fresh clone: `make demo`, `make test`. Needs Python 3.11+, git and make; no account,
# no token. Everything is installed into .venv, at the versions of constraints.txt.

VENV ?= .venv
PY := $(VENV)/bin/python
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do command -v $$p && break; done)
WORKERS ?= auto
BROKER ?=
ARGS ?=
# Python compiles what it imports; compiling all that is installed costs a third more time.
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
# Installed before the project, so that building it fetches nothing unpinned.
BUILD_WITH := setuptools

.DEFAULT_GOAL := help
.PHONY: help install demo sheet run test lint format bench chaos ci clean
.DELETE_ON_ERROR:

help: ## Show this help
	@echo "TradeStream: make <target>"
	@sed -nE 's/^([a-z]+):.*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-10s %s\n", $$1, $$2}'
	@echo
	@echo "  SERVE=1    make demo: keep serving the sandbox page until Ctrl-C"
	@echo "  ARGS=...   passed on to the command, e.g. make test ARGS='-k parser'"
	@echo "  BROKER=x   make chaos: 200 kills at this broker alone, its venue on loopback"
	@echo "  WORKERS=n  make test: processes (default: three for two cores)"
	@echo "  PYTHON=... which Python makes .venv (default: the first of python3.11, python3.12, python3)"

$(PY):
	@test -n "$(PYTHON)" || { echo "make: no python3 found; TradeStream needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is too old; TradeStream needs Python 3.11 or newer (make PYTHON=...)" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "make: $(PYTHON) cannot make virtual environments (Debian: install python3-venv)" >&2; exit 1; }

# Two stamps: what running needs, and what developing needs on top.
$(VENV)/.installed: pyproject.toml constraints.txt | $(PY)
	@echo "installing what TradeStream runs on"
	@$(PIP) $(BUILD_WITH)
	@$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(PY)
	@echo "installing what TradeStream runs on, and the tools for its tests"
	@$(PIP) $(BUILD_WITH)
	@$(PIP) --no-build-isolation --editable ".[dev]"
	@touch $(VENV)/.installed $@

install: $(VENV)/.installed-dev ## Make .venv with everything for developing

demo: $(VENV)/.installed ## Replay alerts through a sandbox Discord and a paper broker, pictures in demo-out/
	@SERVE=$(SERVE) $(PY) -m bot demo $(ARGS)

sheet: $(VENV)/.installed-dev ## Picture every card, chart and answer, dark and light, in demo-out/ (needs chromium)
	@$(PY) -m tests.sheet

run: $(VENV)/.installed ## Start the desk as config.yaml says (needs a Discord token)
	@$(PY) -m bot run $(ARGS)

test: $(VENV)/.installed-dev ## Run the tests
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.installed-dev ## Check format, style, types, import rules, spelling, secrets
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/codespell
	$(PY) .ci/scan.py

format: $(VENV)/.installed-dev ## Format the code and mend what can be mended
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

bench: $(VENV)/.installed-dev ## Measure speed and memory
	@$(PY) -m pytest -m bench -n 0 -p no:randomly -s $(ARGS)

chaos: $(VENV)/.installed-dev ## Run the long campaigns: kills, faults, many examples
	@BROKER=$(BROKER) $(PY) -m pytest -m slow $(if $(BROKER),-n 0 tests/chaos/test_brokers.py,-n $(WORKERS)) $(ARGS)
ifndef BROKER
	@$(PY) -m pytest --hypothesis-profile nightly -n $(WORKERS) tests/property $(ARGS)
endif

ci: ## What the build server runs: lint, test, nothing left behind
	@.ci/run

clean: ## Remove .venv and caches (never var/, which holds the desk's books)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build demo-out *.egg-info
