import click
import pytest

from isthmus.bottlenecks import BatchTopK, ResidualQuantized
from isthmus.cli._options import Assignment, Part, Switchable, Widths, parsed_value
from isthmus.errors import PartError
from isthmus.losses import Huber
from isthmus.optimizers import Adamw, Cosine, Sgd
from isthmus.regularizers import L1


def typed(kind, text):
    return kind.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("3", 3),
        (".5", 0.5),
        ("none", None),
        ("null", None),
        ("True", True),
        ("false", False),
        ("[64, [32]]", (64, (32,))),
        ('"3"', "3"),
        ("huber", "huber"),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_json_a_number_a_word_or_text(text, value):
    assert parsed_value(text) == value
    assert type(parsed_value(text)) is type(value)


@pytest.mark.parametrize(
    ("role", "text", "part"),
    [
        ("loss", "huber", "huber"),
        ("loss", "huber:0.5", Huber(0.5)),
        ("loss", "huber:delta=0.5", Huber(0.5)),
        ("bottleneck", "batch_top_k:8,0.9", BatchTopK(8, 0.9)),
        ("bottleneck", "residual_quantized:16,3,n_groups=2", ResidualQuantized(16, 3, n_groups=2)),
        ("regularizer", "l1:1e-4", L1(1e-4)),
        ("optimizer", "adamw:0.01,weight_decay=0.1,schedule=cosine", Adamw(0.01, weight_decay=0.1, schedule=Cosine())),
        ("optimizer", 'sgd:frozen=["encoder","decoder"],clip_norm=none', Sgd(frozen=("encoder", "decoder"), clip_norm=None)),
    ],
)
def test_a_part_is_built_from_its_name_and_the_values_of_its_fields(role, text, part):
    assert typed(Part(role), text).build() == part


def test_an_unknown_part_is_refused_with_the_known_ones():
    with pytest.raises(click.BadParameter, match=r"Unknown loss 'huver'\. Choose one of: absolute_error, .*squared_error"):
        typed(Part("loss"), "huver:1")


@pytest.mark.parametrize("text", ["huber:1,2", "huber:gamma=1"])
def test_values_that_a_part_does_not_take_are_refused_with_its_fields(text):
    with pytest.raises(click.BadParameter, match=r"'huber' (was given 2 values|has no 'gamma')\. It takes: delta\."):
        typed(Part("loss"), text).build()


def test_a_value_of_the_wrong_kind_is_refused_by_the_part():
    with pytest.raises(PartError, match=r"`huber\.delta` must be a number .*got 'wide'"):
        typed(Part("loss"), "huber:wide").build()


def test_widths_are_integers_between_commas():
    assert typed(Widths(), "128,64") == (128, 64)
    assert typed(Widths(), "") == ()
    with pytest.raises(click.BadParameter, match=r"'128x64' is not a list of widths\. Write integers separated by commas"):
        typed(Widths(), "128x64")


def test_none_switches_a_number_off():
    assert typed(Switchable(int), "none") is None
    assert typed(Switchable(float), "0.25") == 0.25
    with pytest.raises(click.BadParameter, match=r"'soon' is not an integer\. Write an integer, or none"):
        typed(Switchable(int), "soon")


def test_an_assignment_has_a_name_and_a_value():
    assert typed(Assignment(), "architecture__dropout=0.1") == ("architecture__dropout", 0.1)
    with pytest.raises(click.BadParameter, match=r"'dropout' assigns nothing\. Write name=value"):
        typed(Assignment(), "dropout")
