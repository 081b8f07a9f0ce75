import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from isthmus import load
from isthmus.cli._picture import ImageRow, draw_picture
from isthmus.errors import MissingExtraError


@pytest.fixture(scope="module")
def shown(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "made"
    return run("demo", "-o", folder).stdout, folder


@pytest.mark.slow
def test_it_beats_pca_of_the_same_width_on_digits_it_has_not_seen(shown):
    mse = {name: float(value) for name, value in re.findall(r"│ (isthmus|PCA|mean digit) +│ +([\d.]+) │", shown[0])}
    assert set(mse) == {"isthmus", "PCA", "mean digit"}
    assert mse["isthmus"] < mse["PCA"] < mse["mean digit"]


@pytest.mark.slow
def test_it_leaves_a_model_and_a_picture(shown):
    text, folder = shown
    assert "gives the same codes, bit by bit" in text
    assert load(folder / "digits.isthmus").transform(load_digits().data).shape == (1797, 8)
    assert f"{(folder / 'digits.isthmus').stat().st_size:,}" in text
    with Image.open(folder / "digits.png") as image:
        assert image.width > 1000
        assert image.height > 300


@pytest.mark.slow
def test_it_ends_with_a_report_and_says_where(shown):
    text, folder = shown
    assert text.rstrip().endswith(f"The report is {folder / 'report.html'}. Open it in a browser.")
    page = (folder / "report.html").read_text()
    assert "Handwritten digits, never seen in training" in page
    assert 'alt="Reconstruction of row' in page


def picture(path, history):
    images = np.random.default_rng(0).random((10, 8, 8))
    rows = [ImageRow("original", images), ImageRow("ours", images**2, "test MSE 0.1")]
    draw_picture(str(path), rows, history, best_epoch=2, title="Digits", loss_label="loss")


def test_the_picture_shows_images_and_curves(tmp_path):
    picture(tmp_path / "both.png", {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.0, 2.5]})
    picture(tmp_path / "one.png", {"loss": [3.0, 2.0, 0.01]})
    both, one = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")) for name in ("both", "one"))
    held_out = np.array([0xC8, 0x55, 0x3D])
    assert (both == held_out).all(axis=-1).any()
    assert not (one == held_out).all(axis=-1).any()


def test_a_picture_without_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"Try: pip install 'isthmus\[plot\]'"):
        picture(tmp_path / "none.png", {"loss": [1.0]})
    assert not (tmp_path / "none.png").exists()


def test_drawing_leaves_the_user_s_plots_alone(tmp_path):
    program = f"""
import sys
import numpy as np
from isthmus.cli._picture import ImageRow, draw_picture
draw_picture({str(tmp_path / "p.png")!r}, [ImageRow("a", np.eye(4)[None])], {{"loss": [1.0]}}, best_epoch=1, title="t", loss_label="l")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
