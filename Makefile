# Two commands: `make sing IMAGE=photo.jpg` and `make test`. Each makes .venv if it is not there.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Default: a photograph that a test dependency (scikit-image) ships.
IMAGE  ?= $(shell $(BIN)/python -c "import skimage, pathlib; print(pathlib.Path(skimage.__file__).parent / 'data/astronaut.png')")

.PHONY: sing test check bench clean

sing: $(VENV)/installed
	@$(BIN)/songwriter sing "$(IMAGE)"

test: $(VENV)/installed
	$(BIN)/pytest

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed
	$(BIN)/python -m tests.bench.sing

# Reinstalled only when what is to be installed changed.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
