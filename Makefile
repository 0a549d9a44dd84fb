# make course      run every notebook and build the course as linked pages: build/course/index.html
# make look        a page of latents worth seeing, in a minute; make look TEXT="a sentence of yours"
# make lab         open the notebooks in JupyterLab
# make kit DIR=... a folder for a memory stick, to install from where there is no network
# make test        everything that is checked: lint, unit tests, every notebook against its saved outputs
# make test-labs   the notebooks in the other labs, and under other arithmetic (hours; see the script)
# make test-peers  saved files to and from sae-lens and dictionary-learning, in an environment of their own
# make bench       side-by-side speed and quality runs
# make notebooks   for maintainers: run the notebooks in place, as they are committed (needs Chromium)
# make check-pages for maintainers: look over the course's pages, in a browser where there is one (minutes)
# make clean       remove what the above made, except .venv (make distclean removes that too)
#
# Each makes .venv first when it is missing. Python 3.11 or newer: make PYTHON=/path/to/python3.11 course

PYTHON ?= $(shell command -v python3.11 || command -v python3)
NOTEBOOKS ?= $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb))
BIN := .venv/bin

# The lab that the committed outputs come from, one thread to a notebook, and artifacts of its own, so that a test starts
# from nothing. Nor do they show, or change, which exercises whoever runs this has solved.
REFERENCE_LAB := SAE_LAB=offline SAE_BUDGET=quick CUDA_VISIBLE_DEVICES= OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 \
	SAE_PROGRESS="$(CURDIR)/build/nobody.json"

NBVAL := $(BIN)/python -m pytest -p tests.nbval_plugin --nbval --nbval-current-env --nbval-cell-timeout=900 --nbval-kernel-startup-timeout=120 --durations=10

# A script that fills a directory like a Hugging Face cache, where no hub is reached: AG News articles, and a GPT-2 of
# random weights with the extremes of trained ones.
HUB_STANDIN ?= ../shared/hub/make_hub_cache.py

.PHONY: course check-pages look lab kit test lint unit-tests notebook-tests smoke-tests test-labs test-peers bench notebooks clean distclean
.DEFAULT_GOAL := course
.NOTPARALLEL:

course: .venv/installed
	$(BIN)/python -m sae_tutorial course $(NOTEBOOKS)

check-pages: .venv/installed
	$(BIN)/python scripts/check_pages.py build/course

look: .venv/installed
	$(BIN)/python -m sae_tutorial look --output build/look.html $(if $(TEXT),"$(TEXT)")

kit: .venv/installed
	$(BIN)/python -m sae_tutorial kit "$(DIR)" $(if $(PLATFORMS),--platforms $(PLATFORMS))

lab: .venv/installed
	$(BIN)/python -m sae_tutorial lab

test: lint unit-tests notebook-tests smoke-tests
	@HUB_STANDIN="$(HUB_STANDIN)" $(BIN)/python scripts/covered.py $(NOTEBOOKS)

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit-tests: .venv/installed
	$(BIN)/pytest -n 2 tests

# Two at a time, since much of what they do keeps one core busy only; the longest are the last, and start first.
notebook-tests: .venv/installed
	rm -rf build/test-artifacts
	printf '%s\n' $(NOTEBOOKS) | sort -r | $(REFERENCE_LAB) SAE_ARTIFACTS="$(CURDIR)/build/test-artifacts" xargs -n 1 -P 2 $(NBVAL)

# The notebooks that differ between labs also run on GPT-2's, with random weights: for the path, not for the outputs.
ifneq ($(wildcard $(HUB_STANDIN)),)
smoke-tests: .venv/installed build/hub/filled
	$(BIN)/python scripts/test_labs.py --labs gpt2 --budget smoke

test-labs: .venv/installed build/hub/filled
	$(BIN)/python scripts/test_labs.py
else
smoke-tests:
	@echo "SKIPPED: the notebooks on GPT-2. There is no stand-in for the model hub at $(HUB_STANDIN); set HUB_STANDIN."

test-labs: .venv/installed
	$(BIN)/python scripts/test_labs.py --labs layer-20,aten-default,mkl-compatible,onednn-avx2,one-thread,two-threads
	@echo "SKIPPED: the labs gpt2 and ag-news. There is no stand-in for the model hub at $(HUB_STANDIN); set HUB_STANDIN."
endif

build/hub/filled: | .venv/installed
	rm -rf build/hub
	$(BIN)/python "$(HUB_STANDIN)" build/hub --outliers
	touch $@

# Part of unit-tests as well, once the environment is there.
test-peers: .venv/installed
	$(BIN)/python -c 'from benchmarks.peers import make_environment; make_environment()'
	$(BIN)/pytest -m peers tests/test_peers.py

bench: .venv/installed
	$(BIN)/python -m benchmarks

notebooks: .venv/installed
	rm -rf build/notebook-artifacts
	$(BIN)/python scripts/colab.py $(NOTEBOOKS)
	$(BIN)/python scripts/progress_line.py $(NOTEBOOKS)
	$(BIN)/python scripts/glossary.py $(NOTEBOOKS)
	$(BIN)/ruff format $(NOTEBOOKS)
	$(REFERENCE_LAB) SAE_ARTIFACTS="$(CURDIR)/build/notebook-artifacts" \
		$(BIN)/python scripts/execute_notebooks.py --in-place $(NOTEBOOKS)

clean:
	rm -rf build artifacts .pytest_cache .ruff_cache *.egg-info
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print | xargs rm -rf

distclean: clean
	rm -rf .venv

# torch first and alone: asked for with the rest and by range, pip may fetch gigabytes of another build.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install "$$(grep '^torch==' requirements.lock)"
	$(BIN)/pip install -r requirements.lock
	$(BIN)/pip install --no-deps -e .
	$(BIN)/pip check
	touch $@
