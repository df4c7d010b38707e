# Two commands: `make sing IMAGE=photo.jpg` and `make test`. Each makes .venv if it is not there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Makes .venv where it is not there, or its Python has gone.
ENVIRONMENT = $(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)' && \
	{ $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	echo "Python's venv module is not complete: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }; }; }
IMAGE  ?= docs/images/cat.jpg

.PHONY: sing test lint check bench bench-serve wheels clean

sing: $(VENV)/base
	@$(BIN)/songwriter sing "$(IMAGE)"

# Two processes that take a file at a time, so that what a file's tests share is made once.
# Two processes with a thread each: two threads each would wait for one another on two cores.
test: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

bench: $(VENV)/dev
	$(BIN)/python -m tests.bench.sing

bench-serve: $(VENV)/dev
	$(BIN)/python -m tests.bench.serve

# What each of pip's platforms and Pythons would get: wheels alone, nothing to be compiled.
wheels: $(VENV)/base
	$(BIN)/python -m tests.bench.wheels

# Installed again only when what is to be installed has changed. The base is all that singing needs;
# PyTorch and the like come with the tests.
$(VENV)/base: pyproject.toml
	@$(ENVIRONMENT)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/dev: pyproject.toml
	@$(ENVIRONMENT)
	$(INSTALL) --editable ".[dev]"
	@touch $(VENV)/base $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
