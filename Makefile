# make demo   install what the demo needs into .venv and run it
# make test   the same for the tests
# make lint   ruff and mypy
# make slow   the tests that take longer
# make bench  speed against TRL
# make gpu    on a machine with a CUDA card: contract, throughput, a run that is killed, generators; a table to paste
# make wheel  the sdist, and the wheel that is built out of it, into dist/
# make study  the sweeps of the secret game for a laptop, each with its report: some hours, and it can be stopped
# make board  play what is missing on the benchmark's board, or no longer replays: one to ten minutes of CPU each
# make docs   these pages as a site in build/site
# make torture  kill runs at random moments and compare them with runs that were left alone
#
# Needed: make and python3, 3.11 or newer, with pip and venv. Another python: make demo PYTHON=python3.13

PYTHON ?= python3
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

# One thread for each of the two test processes: more would make them wait for each other. A file goes to one of them,
# with what it starts for all of its tests.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope

STUDY = binary space dense supervised bandwidth controls capacity capacity-binary widen absorb absorb-binary

.PHONY: demo test lint slow bench board gpu docs wheel study torture clean

demo: .venv/.ready-demo
	$(BIN)/straw demo

test: .venv/.ready-dev
	@echo "some thirteen thousand tests, about ten minutes on two cores"
	$(PYTEST)

lint: .venv/.ready-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

slow: .venv/.ready-slow
	$(PYTEST) -m slow

bench: .venv/.ready-bench
	$(BIN)/python benchmarks/against_trl.py

board: .venv/.ready-docs
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/board_rows.py
	$(BIN)/python docs/generate.py

gpu: .venv/.ready-dev
	$(BIN)/python benchmarks/gpu.py

docs: .venv/.ready-docs
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: .venv/.ready-dev
	rm -rf dist
	$(BIN)/python -m build --quiet

study: .venv/.ready-dev
	for page in $(STUDY); do \
	  $(BIN)/straw sweep recipes/sweeps/$$page-small.toml keep_weights=false && \
	  $(BIN)/straw report runs/sweeps/$$page-small -o runs/sweeps/$$page-small.html || exit 1; \
	done

torture: .venv/.ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture

clean:
	rm -rf .venv

# A stamp says that an installation is complete; it is done again only when its list has changed.
.venv/.ready-demo: EXTRAS = peft
.venv/.ready-dev: EXTRAS = dev,peft,monarch,data,gym,memory,report,tinker
.venv/.ready-bench: EXTRAS = bench,peft,monarch
.venv/.ready-docs: EXTRAS = docs,peft,report
.venv/.ready-slow: EXTRAS = dev,peft,monarch,data,gym,memory,report,tinker,bench
.venv/.ready-%: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv: the first time takes a few minutes"
	$(INSTALL) -e '.[$(EXTRAS)]'
	@touch $@

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "straw needs python3 (3.11 or newer), and there is no $(PYTHON) here: install it, or name another with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; sys.exit(0 if sys.version_info >= (3, 11) else "straw needs Python 3.11 or newer, and $(PYTHON) is " + v + ": name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
