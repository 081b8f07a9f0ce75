"""Print the lowest version that pyproject.toml allows of each required package, as constraints for pip; of those named, if any are."""

import re
import sys
import tomllib
from pathlib import Path

requirements = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["dependencies"]
for requirement in requirements:
    name, bound = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
    if len(sys.argv) == 1 or name in sys.argv:
        exact = bound + ".0" * (2 - bound.count("."))
        print(f"{name}=={exact}")
        if name == "jax":  # the two are released together
            print(f"jaxlib=={exact}")
