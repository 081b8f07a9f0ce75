"""For each rule a package of a few lines that keeps it, and packages that break it."""

__all__ = ["BAD", "GOOD"]

_LINES = "\n".join(f"value_{n} = {n}" for n in range(8))
_COMPONENT = "class Component:\n    pass\n"
_LOSS = "from isthmus._component import Component\n\n\nclass AbstractLoss(Component):\n    pass\n"
_ESTIMATOR = '''class Autoencoder:
    """An autoencoder.

    Parameters
    ----------
    latent_dim : int, default=2
        Width of the code.
    seed, tol : float
        Two at once.

    Attributes
    ----------
    model_ : Model
        What was learned.
    """

    def __init__(self, latent_dim=2, *, seed=None, tol=0.0):
        self.latent_dim = latent_dim
'''
_FUNCTION = '''def reduce(x, *rest, axis, **options):
    """A sum.

    Args:
        x: what is summed: all of it.
            A second line: still of x.
        *rest: more of it.
        axis (int): where.
        **options: whatever else.

    Returns:
        The sum.
    """
'''


def _part(body: str) -> dict[str, str]:
    """A package whose one loss has `body`."""
    loss = f"from ._base import AbstractLoss\n\n\nclass Huber(AbstractLoss):\n{body}"
    init = 'from ._huber import Huber as Huber\n\n__all__ = ["Huber"]\n'
    return {"_component.py": _COMPONENT, "losses/_base.py": _LOSS, "losses/_huber.py": loss, "losses/__init__.py": init}


GOOD: dict[str, dict[str, str]] = {
    "every_file_has_a_layer": {"losses/_huber.py": "", "model.py": ""},
    "imports_point_down": {
        "model.py": "from isthmus.losses import Huber\nfrom isthmus._types import Key\nimport numpy\n",
        "losses/_huber.py": "from ._base import AbstractLoss\nfrom isthmus._numerics import product\n",
        "_numerics.py": "from isthmus.errors import PartError\n",
        "bottlenecks/_gaussian.py": "from isthmus.priors import BoundPrior\n",
        "priors/__init__.py": "",
    },
    "trainers_know_no_autoencoders": {"training/_loop.py": "from isthmus.optimizers import Adam\n", "optimizers/__init__.py": ""},
    "imports_go_by_public_name": {
        "model.py": "from isthmus.losses import Huber\nfrom isthmus._types import Key\nfrom numpy._core import multiarray\n",
        "_types.py": '__all__ = ["Key"]\n',
        "losses/__init__.py": 'from ._huber import Huber as Huber\n\n__all__ = ["Huber"]\n',
        "losses/_huber.py": "from ._base import AbstractLoss\n",
        "losses/_base.py": "",
    },
    "imports_have_no_cycles": {
        "losses/__init__.py": "from ._huber import Huber as Huber\nfrom ._base import AbstractLoss as AbstractLoss\n",
        "losses/_huber.py": "from ._base import AbstractLoss\n",
        "losses/_base.py": "from isthmus._types import Key\n",
        "_types.py": "",
        "__init__.py": "from isthmus.losses import Huber\n",
    },
    "scikit_learn_stays_above": {
        "estimators/_autoencoder.py": "from sklearn.base import BaseEstimator\n",
        "cli/_demo.py": "import sklearn\n",
    },
    "optional_packages_wait": {
        "data/_parquet.py": "import os\nfrom typing import TYPE_CHECKING\n\nimport jax\n\nif TYPE_CHECKING:\n    import pandas\n\n\n"
        "def read():\n    import pyarrow.parquet\n"
    },
    "files_are_short": {"a.py": '"""' + "words\n" * 500 + '"""\n' + "# why\n\n" * 500 + "x = 1\n" * 400},
    "functions_are_short": {
        "a.py": 'def f():\n    """' + "words\n" * 100 + '"""\n' + "    x = 1\n" * 59,
        "b.py": "class A:\n    def __init__(self, x):\n" + "        self.x = x\n" * 60,
    },
    "code_is_written_once": {
        "a.py": f'"""Same.\n{_LINES}\n"""\n{_LINES}\n',
        "b.py": "\n".join(_LINES.splitlines()[:7]) + "\nother = 1\n" + _LINES.splitlines()[7] + "\n",
        "c.py": "from a import (\n" + "".join(f"    n{n},\n" for n in range(9)) + ")\n",
        "d.py": "from a import (\n" + "".join(f"    n{n},\n" for n in range(9)) + ")\n",
    },
    "classes_are_abstract_or_final": {
        "errors.py": "class A(Exception):\n    pass\n\n\nclass B(A):\n    pass\n\n\nclass C(B):\n    pass\n",
        "_component.py": _COMPONENT,
        "losses/_base.py": _LOSS,
        "losses/_huber.py": "class Huber(AbstractLoss):\n    pass\n",
        "regularizers/_base.py": "class AbstractRegularizer(Component):\n    pass\n\n\nclass AbstractProximal(AbstractRegularizer):\n    pass\n",
        # A bottleneck and a corruption of one name are different classes.
        "corruptions/_gaussian.py": "class Gaussian(AbstractCorruption):\n    pass\n",
        "bottlenecks/_gaussian.py": "class Gaussian(AbstractBottleneck):\n    pass\n",
    },
    "nobody_calls_super": {
        "_component.py": "class Component:\n    def __init_subclass__(cls):\n        super().__init_subclass__()\n",
        "estimators/_autoencoder.py": "class A:\n    def f(self):\n        return super().f()\n",
    },
    "compiled_functions_are_module_level": {
        "a.py": "import functools\n\nimport jax\n\n\n@jax.jit\ndef f(x):\n    return x\n\n\n@functools.partial(jax.jit, static_argnums=0)\n"
        "def g(n, x):\n    return x\n\n\nh = jax.jit(f)\n\n\n@functools.lru_cache(maxsize=8)\ndef program(settings):\n"
        "    @jax.jit\n    def run(x):\n        return x\n\n    def compiled(g):\n        return jax.jit(g)\n\n    return run, jax.jit(f), compiled(f)\n"
    },
    "traced_fields_are_not_branched_on": _part(
        "    delta: Positive = 1.0\n    limit: Positive | None = None\n    n_terms: int = 3\n    rates: tuple[float, ...] = ()\n\n"
        "    def check(self):\n        if self.delta > 3:\n            raise ValueError\n\n"
        "    def __call__(self, x):\n        if self.limit is not None and self.n_terms > 2 and self.rates:\n            return x\n"
        "        return where(self.delta > 1, x, -x)\n"
    ),
    "files_are_named_for_what_they_know": {"model.py": "", "losses/__init__.py": "", "losses/_huber.py": ""},
    "comments_are_plain": {
        "a.py": "x = 1  # why\ny = f(x)  # pyright: ignore[reportCallIssue]  # made a dataclass elsewhere\nz = '# ----'\n"
    },
    "exports_are_listed": {
        "losses/__init__.py": 'from ._huber import Huber as Huber\n\nLIMIT = 1\n\n__all__ = ["LIMIT", "Huber"]\n',
        "losses/_huber.py": "",
        "model.py": 'from typing import TypeVar\n\nT = TypeVar("T")\n__all__ = ["Model", "fit"]\n\n\nclass Model:\n    pass\n\n\ndef fit():\n    pass\n',
        "persistence/__init__.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from ._a import a as a\n\n__all__ = ['a']\n",
    },
    "exports_say_so_twice": {"losses/__init__.py": "from ._huber import Huber as Huber\nimport abc\n", "model.py": "from a import b\n"},
    "signatures_are_short": {
        "model.py": "def f(a, b, c, d, e, f, g, h, *, i=1, j=True):\n    pass\n\n\ndef _g(a, b, c, d, e, f, g, h, i, flag=False):\n    pass\n\n\n"
        "class A:\n    def f(self, a, b, c, d, e, f, g, h):\n        pass\n",
        **_part("    a: int\n    b: ClassVar[bool] = True\n    _: KW_ONLY\n    flag: bool = False\n"),
    },
    "keys_are_keywords": {
        "model.py": "def f(x, *, key: Key):\n    pass\n\n\ndef g(x, *, key: Key | None):\n    pass\n\n\ndef h(key: str = ''):\n    pass\n"
    },
    "public_things_have_docstrings": {
        "model.py": 'def f():\n    """A sum."""\n\n    def inner():\n        pass\n\n\ndef _g():\n    pass\n\n\nclass _A:\n    def f(self):\n        pass\n',
        "losses/_base.py": 'class AbstractLoss:\n    """A loss."""\n\n    def mean(self):\n        """The mean."""\n',
        "losses/_huber.py": 'class Huber(AbstractLoss):\n    """A loss."""\n\n    def mean(self):\n        return 1\n',
        "cli/_a.py": 'class Widths(click.ParamType):\n    """Widths."""\n\n    def convert(self):\n        return 1\n',
    },
    "documented_arguments_are_the_signature": {
        "model.py": _FUNCTION,
        "estimators/_autoencoder.py": _ESTIMATOR,
        "training/_a.py": 'class Settings:\n    """Settings.\n\n    Args:\n        rows: how many.\n    """\n\n    rows: int\n',
    },
    "documented_attributes_are_the_fields": {
        **_part(
            '    """A loss.\n\n    Attributes:\n        delta: where.\n        n: how many.\n    """\n\n    delta: float\n    n: ClassVar[int]\n'
        ),
        "optimizers/_base.py": "class AbstractOptimizer:\n    rate: float\n",
        "optimizers/_sgd.py": 'class Sgd(AbstractOptimizer):\n    """One.\n\n    Attributes:\n        decay: much.\n    """\n\n    rate: float\n    decay: float\n',
    },
    "public_parts_have_examples": {
        **_part('    """A loss.\n\n    Example:\n        >>> 1 + 1\n        2\n    """\n'),
        "__init__.py": '__all__ = ["DataError", "load"]\n',
        "errors.py": "class DataError(ValueError):\n    pass\n",
        "estimators/__init__.py": "from ._load import load as load\n\n__all__ = ['load']\n",
        "estimators/_load.py": 'def load():\n    """A model.\n\n    >>> 1\n    1\n    """\n',
        "estimators/_files.py": "def load():\n    pass\n",
        "presets.py": '__all__ = ["vae"]\n\n\ndef vae():\n    """A model.\n\n    >>> 1\n    1\n    """\n\n\ndef _private():\n    pass\n',
    },
}

BAD: dict[str, list[dict[str, str]]] = {
    "every_file_has_a_layer": [{"wizards/_a.py": ""}, {"wizards.py": ""}],
    "imports_point_down": [
        {"losses/_huber.py": "from isthmus.model import Model\n", "model.py": ""},
        {"losses/_huber.py": "def f():\n    import isthmus.training\n", "training/__init__.py": ""},
        {"losses/_huber.py": "from ..model import Model\n", "model.py": ""},
        {"losses/_huber.py": "from isthmus import model\n", "model.py": ""},
        {"losses/_huber.py": "from isthmus.priors import BoundPrior\n", "priors/__init__.py": ""},
        {"losses/_huber.py": "if TYPE_CHECKING:\n    from isthmus.estimators import Autoencoder\n", "estimators/__init__.py": ""},
        {"bottlenecks/__init__.py": "", "priors/__init__.py": ""},
    ],
    "trainers_know_no_autoencoders": [
        {"training/_loop.py": "from isthmus.model import Model\n", "model.py": ""},
        {"mixtures/_em.py": "def f():\n    from isthmus import losses\n", "losses/__init__.py": ""},
    ],
    "imports_go_by_public_name": [
        {"model.py": "from isthmus.losses._huber import Huber\n", "losses/_huber.py": "", "losses/__init__.py": '__all__ = ["Huber"]\n'},
        {"model.py": "from isthmus.losses import threshold\n", "losses/__init__.py": '__all__ = ["Huber"]\n'},
        {"model.py": "from isthmus.losses import *\n", "losses/__init__.py": "__all__ = []\n"},
        {"model.py": "from isthmus.losses import Huber\n"},
        {"model.py": "from isthmus import Autoencoder\n"},
        {"model.py": "from numpy import *\n"},
        {"losses/_huber.py": "from isthmus.losses import AbstractLoss\n", "losses/__init__.py": '__all__ = ["AbstractLoss"]\n'},
        {"losses/_huber.py": "from ..errors import PartError\n", "errors.py": '__all__ = ["PartError"]\n'},
    ],
    "imports_have_no_cycles": [
        {"losses/_a.py": "from ._b import b\n", "losses/_b.py": "def f():\n    from ._a import a\n"},
        {"losses/_a.py": "from . import Huber\n", "losses/__init__.py": "from ._a import Huber as Huber\n"},
        {"a.py": "import isthmus.b\n", "b.py": "from isthmus import c\n", "c.py": "from isthmus.a import f\n"},
    ],
    "scikit_learn_stays_above": [
        {"losses/_huber.py": "import sklearn.base\n"},
        {"training/_loop.py": "def f():\n    from sklearn.utils import check_array\n"},
    ],
    "optional_packages_wait": [
        {"data/_parquet.py": "import pyarrow.parquet\n"},
        {"reports/_figure.py": "try:\n    from matplotlib import pyplot\nexcept ImportError:\n    pyplot = None\n"},
    ],
    "files_are_short": [{"a.py": "x = 1\n" * 401}],
    "functions_are_short": [
        {"a.py": "def f():\n" + "    x = 1\n" * 60},
        {"a.py": "class A:\n    async def f(self):\n" + "        x = 1\n\n" * 60},
        {"a.py": "class A:\n    def __init__(self, x):\n" + "        self.x = x\n" * 59 + "        self.y = x\n"},
    ],
    "code_is_written_once": [
        {"a.py": f"{_LINES}\n", "b.py": f"if True:\n    # indented, and with a comment\n    {_LINES.replace(chr(10), chr(10) + '    ')}\n"},
        {"a.py": f"{_LINES}\nother = 1\n{_LINES}\n"},
    ],
    "classes_are_abstract_or_final": [
        {"losses/_huber.py": "class Huber(AbstractLoss):\n    pass\n", "losses/_pseudo.py": "class Pseudo(Huber):\n    pass\n"},
        {"_component.py": _COMPONENT, "losses/_base.py": _LOSS + "\n\nclass AbstractRobustLoss(AbstractLoss):\n    pass\n"},
        {"losses/_base.py": "class AbstractA(Generic[T]):\n    pass\n\n\nclass B(AbstractA[int]):\n    pass\n\n\nclass C(B):\n    pass\n"},
    ],
    "nobody_calls_super": [{"losses/_huber.py": "class Huber:\n    def __call__(self):\n        return super().__call__()\n"}],
    "compiled_functions_are_module_level": [
        {"a.py": "def f(x):\n    return jax.jit(g)(x)\n"},
        {"a.py": "class A:\n    @jax.jit\n    def f(self):\n        pass\n"},
        {"a.py": "class A:\n    @functools.partial(jax.jit, static_argnums=0)\n    def f(self):\n        pass\n"},
        {"a.py": "def f(x):\n    @eqx.filter_jit\n    def g(y):\n        pass\n"},
        {"a.py": "from jax import jit\n\n\ndef f(x):\n    return jit(g)\n"},
        {"a.py": "f = lambda x: jax.jit(g)(x)\n"},
        {"a.py": "def f(x):\n    @functools.cache\n    def program():\n        return jax.jit(g)\n\n    return program()(x)\n"},
    ],
    "traced_fields_are_not_branched_on": [
        _part("    delta: Positive = 1.0\n\n    def __call__(self, x):\n        if self.delta:\n            return x\n"),
        _part("    delta: float = 1.0\n\n    def __call__(self, x):\n        return x if self.delta > 0 else 0\n"),
        _part("    delta: float | None = None\n\n    def __call__(self, x):\n        return self.delta is not None and self.delta > 0\n"),
        _part("    delta: Fraction = 0.5\n\n    def __call__(self, x):\n        return not self.delta\n"),
        {
            **_part("    def mean(self):\n        while self.rate > 1:\n            pass\n"),
            "losses/_base.py": _LOSS.replace("pass", "rate: float"),
        },
    ],
    "files_are_named_for_what_they_know": [
        {"losses/huber.py": ""},
        {"utils.py": ""},
        {"losses/_misc.py": ""},
        {"losses/robust/_huber.py": ""},
    ],
    "comments_are_plain": [
        {"a.py": "# ---------- losses\n"},
        {"a.py": "x = 1\n# ====\n"},
        {"a.py": "x = 1  # type: ignore\n"},
        {"a.py": "x = 1  # pyright: ignore\n"},
        {"a.py": "x = 1  # pyright: ignore[reportCallIssue]\n"},
        {"a.py": "x = 1  # noqa\n"},
        {"a.py": "x = 1  # noqa: E501\n"},
    ],
    "exports_are_listed": [
        {"losses/__init__.py": "from ._huber import Huber as Huber\n"},
        {"losses/__init__.py": "from ._huber import Huber as Huber\n\n__all__ = []\n"},
        {"losses/__init__.py": '__all__ = ["Huber"]\n'},
        {"model.py": '__all__ = ["fit", "Model"]\n\n\nclass Model:\n    pass\n\n\ndef fit():\n    pass\n'},
        {"model.py": '__all__ = ["fit", "fit"]\n\n\ndef fit():\n    pass\n'},
        {"model.py": "__all__ = ['fit']\n\n\ndef fit():\n    pass\n\n\nclass Model:\n    pass\n"},
        {"__init__.py": '__all__ = ["load", "Autoencoder"]\n'},
    ],
    "exports_say_so_twice": [
        {"losses/__init__.py": "from ._huber import Huber\n"},
        {"losses/__init__.py": "from ._huber import Huber as H\n"},
    ],
    "signatures_are_short": [
        {"model.py": "def f(a, b, c, d, e, f, g, h, i):\n    pass\n"},
        {"model.py": "class A:\n    def f(self, a, b, c, d, e, f, g, h, i):\n        pass\n"},
        {"model.py": "class A:\n    @staticmethod\n    def f(a, b, c, d, e, f, g, h, i):\n        pass\n"},
        {"model.py": "def f(x, center=True):\n    pass\n"},
        {"model.py": "def f(x, center: bool):\n    pass\n"},
        _part("    robust: bool = False\n"),
        _part("".join(f"    field_{n}: int\n" for n in range(9))),
        {**_part("".join(f"    field_{n}: int\n" for n in range(8))), "losses/_base.py": _LOSS.replace("pass", "rate: float")},
    ],
    "keys_are_keywords": [
        {"model.py": "def f(key: Key):\n    pass\n"},
        {"model.py": "def f(x, *, key: Key = DEFAULT):\n    pass\n"},
        {"model.py": "def f(x, *, key: Key | None = None):\n    pass\n"},
    ],
    "public_things_have_docstrings": [
        {"model.py": "def f():\n    pass\n"},
        {"model.py": "class A:\n    pass\n"},
        {"model.py": 'class A:\n    """One."""\n\n    def f(self):\n        pass\n'},
        {"estimators/_a.py": 'class A(base.BaseEstimator):\n    """One."""\n\n    def fit(self):\n        pass\n'},
        {
            "losses/_a.py": 'class AbstractA:\n    """One."""\n\n\nclass B(AbstractA):\n    """One."""\n\n    def mean(self):\n        pass\n'
        },
    ],
    "documented_arguments_are_the_signature": [
        {"model.py": _FUNCTION.replace("        axis (int): where.\n", "")},
        {"model.py": _FUNCTION.replace("axis (int)", "axes")},
        {"model.py": _FUNCTION.replace("x, *rest, axis", "rest, *x, axis")},
        {"estimators/_autoencoder.py": _ESTIMATOR.replace("latent_dim : int", "width : int")},
        {"estimators/_autoencoder.py": _ESTIMATOR.replace("seed=None, ", "")},
        {"estimators/_autoencoder.py": 'class A:\n    """One."""\n\n    def __init__(self, a=1):\n        self.a = a\n'},
        {"training/_a.py": 'class Settings:\n    """Settings.\n\n    Args:\n        rows: how many.\n    """\n\n    columns: int\n'},
    ],
    "documented_attributes_are_the_fields": [
        _part('    """A loss.\n\n    Attributes:\n        gone: where.\n    """\n\n    delta: float\n'),
        _part('    """A loss.\n\n    Attributes:\n        delta: where.\n        gone: no more.\n    """\n\n    delta: float\n'),
        _part('    """A loss.\n\n    Attributes:\n        n: how many.\n        delta: where.\n    """\n\n    delta: float\n    n: int\n'),
    ],
    "public_parts_have_examples": [
        _part('    """A loss."""\n'),
        {
            "__init__.py": '__all__ = ["load"]\n',
            "estimators/__init__.py": "from ._load import load as load\n\n__all__ = ['load']\n",
            "estimators/_load.py": 'def load():\n    """A model."""\n',
        },
        {"presets.py": '__all__ = ["vae"]\n\n\ndef vae():\n    """A model."""\n'},
    ],
}
