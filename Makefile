# `make` alone lists what can be asked for.
PYTHON ?= python3
VENV ?= .venv
N_PROCESSES ?= 2

PY := $(VENV)/bin/python
PYTEST = $(PY) -m pytest -n $(N_PROCESSES) --dist loadgroup
WEB := src/zscape/explorer/web
SPECS := pyproject.toml constraints.txt hatch_build.py scripts/front_end.py \
	$(wildcard $(WEB)/*.json $(WEB)/build.mjs $(WEB)/src/*.* $(WEB)/src/*/*)
DEMO_EXTRAS := cpu,explore
DEV_EXTRAS := cpu,dev
DOCS_EXTRAS := docs

# Run a command and show its output only if it fails.
quietly = (log=$$(mktemp); $(1) >"$$log" 2>&1; status=$$?; \
	[ $$status = 0 ] || cat "$$log" >&2; rm -f "$$log"; exit $$status)
install = $(call quietly,$(PY) -m pip install --disable-pip-version-check --no-input \
	-c constraints.txt -e ".[$(1)]") && touch $@

# Try what needs the network; without it the tests that need the result are skipped.
try = (log=$$(mktemp); $(2) >"$$log" 2>&1 || echo "$(1) ($$(grep . "$$log" | tail -n 1))" >&2; \
	rm -f "$$log")

# A half-made target must not pass for a finished one.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo quick test pythons check format docs bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-demo ## Train on MNIST at 10 and at 2 latent dimensions, and write one page about both
	@$(VENV)/bin/zscape train mnist --latent-dim 10 --out runs/demo-10d --force
	@$(VENV)/bin/zscape train mnist --latent-dim 2 --out runs/demo-2d --force
	@$(VENV)/bin/zscape report runs/demo-10d runs/demo-2d -o runs/demo.html --force
	@echo "Open this page in a browser: file://$(CURDIR)/runs/demo.html"

quick: $(VENV)/.installed-dev ## Run the quick tests: under a minute, no network, no browser
	@$(PYTEST) -m "not network and not browser and not slow"

test: check ## Run the checks, then all tests
	@command -v chromium >/dev/null || $(call try,Chromium could not be installed,\
		scripts/install_chromium.sh)
	@test -d data/emoji || $(call try,data/emoji could not be made,\
		$(PY) scripts/emoji.py data/emoji)
	@$(PYTEST)

pythons: ## Run the quick tests on each supported Python of this machine
	@scripts/test_pythons.sh

check: $(VENV)/.installed-dev ## Check style, types and the layers
	@echo "Style"
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/ruff format --check --quiet || { echo "Not formatted; make format does it." >&2; exit 1; }
	@echo "Types"
	@$(call quietly,$(VENV)/bin/mypy)
	@echo "Layers"
	@$(call quietly,$(VENV)/bin/lint-imports --no-logo)
	@echo "Front end"
	@$(call quietly,$(PY) scripts/front_end.py check)
	@$(call quietly,$(PY) scripts/front_end.py test)

format: $(VENV)/.installed-dev ## Format the code and mend what can be mended by itself
	@$(VENV)/bin/ruff check --fix-only --quiet
	@$(VENV)/bin/ruff format --quiet
	@$(call quietly,$(PY) scripts/front_end.py format)

docs: $(VENV)/.installed-docs ## Build the documentation into site/
	@$(call quietly,$(VENV)/bin/mkdocs build --strict --quiet)
	@echo "Open this page in a browser: file://$(CURDIR)/site/index.html"

bench: $(VENV)/.installed-dev ## Repeat the benchmarks
	@$(PY) -m benchmarks.speed
	@$(PY) -m benchmarks.time_to_quality
	@$(PY) -m benchmarks.quality
	@$(PY) -m benchmarks.study
	@$(PY) -m benchmarks.recipe
	@$(PY) -m benchmarks.generation
	@$(PY) -m benchmarks.denoising
	@$(PY) -m benchmarks.anomalies
	@$(PY) -m benchmarks.soak
	@$(PY) -m benchmarks.explorer
	@$(PY) -m benchmarks.fuzz
	@$(PY) -m benchmarks.cluster_encode
	@$(PY) -m benchmarks.cluster_model
	@$(PY) -m benchmarks.pages

clean: ## Remove caches and built files; environment and runs stay
	@rm -rf site dist build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Each of these stamps stands for an environment with what one kind of work needs.
$(VENV)/.installed-demo: $(SPECS) | $(PY)
	@echo "Installing zscape and TensorFlow into $(VENV) (about two minutes the first time)"
	@$(call install,$(DEMO_EXTRAS))

$(VENV)/.installed-dev: $(SPECS) | $(PY)
	@echo "Installing zscape and what its tests need into $(VENV) (about three minutes the first time)"
	@$(call install,$(DEV_EXTRAS))

$(VENV)/.installed-docs: $(SPECS) | $(PY)
	@echo "Installing what the documentation needs into $(VENV)"
	@$(call install,$(DOCS_EXTRAS))

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "zscape needs \
	Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Creating an environment in $(VENV)"
	@$(call quietly,$(PYTHON) -m venv $(VENV)) || { rm -f $(PY); exit 1; }
