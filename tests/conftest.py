"""What holds for every test: shapes are checked, draws repeat, and no window opens."""

import gc
import os
import pathlib
import signal

# Before JAX is imported by anybody. Set JAX_PLATFORMS to run the tests elsewhere.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
# Most of the time goes into compiling programs that run for milliseconds, so XLA is not to optimize them: that halves it. XLA_FLAGS=
# (nothing) tests what users run, as .ci/run does with the newest JAX; it is also what to set if a newer XLA does not know these flags.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")

# What one process has compiled the other reads, and so does the next run; entries are told apart by program, flags and versions.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(__file__).parents[1] / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

import rules.typechecking

# It stays for the whole session, because the package's modules load on first use: every shape that a test touches is checked.
install_import_hook("isthmus", f"{rules.typechecking.__name__}.checked")

# The same examples in every run, however slow the machine.
hypothesis.settings.register_profile("isthmus", derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("isthmus")

# A shell starts what it runs in the background deaf to Ctrl-C; the tests that send one would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MOST_BYTES = 3 * 2**30  # of a test process; two of them fit into a machine of 8 GB


@pytest.fixture(autouse=True, scope="module")
def bounded_memory():
    """Compiled programs are forgotten between modules where they have taken much memory: thousands of them would take tens of gigabytes."""
    yield
    statm = pathlib.Path("/proc/self/statm")
    if statm.exists() and int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > _MOST_BYTES:
        jax.clear_caches()
        gc.collect()
