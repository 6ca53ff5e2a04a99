# `make` alone lists the targets. Everything is installed into .venv and nowhere else.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet
SENTINEL := $(VENV)/bin/sentinel
comma := ,

# Dependencies come as wheels only: nothing is compiled here. uv does it in seconds; where it
# cannot be had, or finds no wheel, pip does it. The project itself is linked, not copied.
WHEELS := --only-binary :all: --no-binary sentinel-farm
define install
	@echo "installing into $(VENV)"
	@{ command -v uv >/dev/null || $(PIP) uv; } 2>/dev/null || true
	@UV=$$(command -v uv || echo $(VENV)/bin/uv); \
	  $$UV pip install --quiet --compile-bytecode --python $(PY) $(WHEELS) -e '.[$(1)]' 2>/dev/null \
	  || $(PIP) $(WHEELS) -e '.[$(1)]'
endef

.DEFAULT_GOAL := help
.PHONY: help up test lint gpu bench chaos conformance clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(PY):
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(PY)
	$(call install,embedded)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(PY)
	$(call install,embedded$(comma)dev)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-gpu: pyproject.toml $(VENV)/.installed-dev
	@$(PIP) 'torch==2.13.0' transformers
	@touch $@

up: $(VENV)/.installed ## install, then run the whole farm here with a short demo
	@$(SENTINEL) up --demo

test: lint ## install, check and run every test
	@$(PY) -m pytest

lint: $(VENV)/.installed-dev ## import directions, style, format, types
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy

gpu: $(VENV)/.installed-gpu ## add torch and transformers, for the GPU class of engines

bench: $(VENV)/.installed ## speeds of a farm of its own, as ratios to what its parts do alone
	@$(PY) -m ops.bench $(ARGS)

chaos: $(VENV)/.installed-dev ## break a farm under load for 15 minutes, then audit what was promised
	@mkdir -p build
	@$(PY) -m ops.chaos --json build/chaos.json --graph build/chaos.svg $(ARGS)

conformance: $(VENV)/.installed-dev ## compare routing, configurations and timing with Alertmanager's own programs
	@$(PY) -m ops.conformance --page docs/conformance.md $(ARGS)

clean: ## remove the virtual environment and every cache; data directories stay
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
