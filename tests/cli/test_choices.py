import importlib
import inspect
from typing import get_args

import pytest

from isthmus import Autoencoder
from isthmus._activations import Activation
from isthmus._component import choices
from isthmus.cli._choices import ROLES, literal_words, parameter_defaults, part_names


@pytest.mark.parametrize("role", ROLES)
def test_names_read_from_syntax_trees_are_those_that_the_library_resolves(role):
    folder, base = ROLES[role]
    assert part_names(role) == tuple(sorted(choices(getattr(importlib.import_module(f"isthmus.{folder}"), base))))


def test_words_of_a_literal_are_read_from_an_alias_and_from_a_field():
    from isthmus.model import Parts

    assert literal_words("_activations.py", "Activation") == get_args(Activation)
    assert literal_words("model.py", "precision") == get_args(Parts.__annotations__["precision"])


def test_a_name_without_a_literal_is_a_defect():
    with pytest.raises(LookupError, match=r"model\.py has no 'corruption' that is a Literal"):
        literal_words("model.py", "corruption")


def test_defaults_are_those_of_the_estimator_s_signature():
    signature = inspect.signature(Autoencoder).parameters.values()
    assert parameter_defaults() == {item.name: item.default for item in signature if item.kind is item.KEYWORD_ONLY}
