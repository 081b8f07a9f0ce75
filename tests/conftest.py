"""What holds for every test: shapes are checked, draws repeat, and no window opens."""

import os

# Before JAX is imported by anybody. Set JAX_PLATFORMS to run the tests elsewhere.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

import hypothesis
from jaxtyping import install_import_hook

import rules.typechecking

# It stays for the whole session, because the package's modules load on first use: every shape that a test touches is checked.
install_import_hook("isthmus", f"{rules.typechecking.__name__}.checked")

# The same examples in every run, however slow the machine.
hypothesis.settings.register_profile("isthmus", derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("isthmus")
