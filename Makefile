# make test    the suite, in an environment that is made when there is none; PYTEST="-m slow" for the tests that train for seconds
# make demo    train on handwritten digits, compare with PCA, draw a picture, write a report to look at
# make check   linters, types and tests, in the environment that is there
# make docs    docs/parts.md, from the docstrings of the parts (docs/make_gallery.py trains for docs/gallery, and is not part of it)
# make clean   remove the environment, caches and outputs
#
# PYTHON is the interpreter for the environment (3.11 or newer), VENV its place, PYTEST more options for pytest.

VENV ?= .venv
PYTHON ?= $(if $(wildcard $(VENV)/bin/python),$(VENV)/bin/python,python3)
PYTEST ?=

# Two processes, because most of the time goes into compilations that use one core.
RUN_TESTS = -m pytest -n 2 --dist worksteal $(PYTEST)

# Compiled files make every import three times faster; hash seeds and threads of the caller are left alone.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test demo check docs clean environment

test: $(VENV)/.installed-test
	$(VENV)/bin/python $(RUN_TESTS)

demo: $(VENV)/.installed-plot,report
	$(VENV)/bin/isthmus demo

check:
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m pyright --pythonpath $(PYTHON)
	$(PYTHON) $(RUN_TESTS)

docs:
	$(PYTHON) docs/make_parts.py

environment: $(VENV)/.installed-dev

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist
	find src tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +

# The project and one of its extras; again only when pyproject.toml has changed.
$(VENV)/.installed-%: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not. Try: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

.PRECIOUS: $(VENV)/bin/python $(VENV)/.installed-%
