import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine

from isthmus import Autoencoder, report
from reports.pages import evaluation_of

ROWS = 300


@pytest.fixture(scope="session")
def digits():
    """Images (rows, 8, 8, 1) and what they show."""
    X, y = load_digits(return_X_y=True)
    return X[:ROWS].reshape(-1, 8, 8, 1), y[:ROWS]


@pytest.fixture(scope="session")
def image_model(digits):
    return Autoencoder(4, max_epochs=3, random_state=0).fit(digits[0])


@pytest.fixture(scope="session")
def image_evaluation(image_model, digits):
    return evaluation_of(image_model, digits[0])


@pytest.fixture(scope="session")
def wine():
    """A table as a frame with names, and names of classes."""
    data = load_wine(as_frame=True)
    return data.data, np.array(["barolo", "grignolino", "barbera <&>"])[data.target]


@pytest.fixture(scope="session")
def table_model(wine):
    return Autoencoder(3, scaling="standard", max_epochs=3, random_state=0).fit(wine[0])


@pytest.fixture(scope="session")
def page(image_model, image_evaluation, digits, tmp_path_factory):
    """A page of images, for all who only read it."""
    return report(image_model, *digits, tmp_path_factory.mktemp("page") / "page.html", evaluation=image_evaluation)
