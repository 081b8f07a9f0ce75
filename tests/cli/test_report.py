"""report."""

import json

import numpy as np
import pytest

from isthmus.evaluation import shown

QUICK = ("--max-rows", 60)


@pytest.fixture(scope="module")
def labeled(folder, rows):
    """The table with a column of labels in the middle, which the model does not know."""
    path = folder / "labeled.csv"
    whole = np.insert(rows, 2, np.arange(len(rows)) % 3, axis=1)
    np.savetxt(path, whole, delimiter=",", header="height,width,kind,depth,mass,age,price", comments="", fmt="%.17g")
    return path


@pytest.fixture(scope="module")
def judged(run, model, table, labeled, folder):
    """What the command prints, and the page."""
    page = folder / "judged.html"
    options = ("--labels", "kind", "--training", table, "--title", "Things", "--seed", 3, "--json", *QUICK)
    return json.loads(run("report", model, labeled, "-o", page, *options).stdout), page


def test_a_column_of_the_rows_gives_the_labels(judged):
    printed, page = judged
    text = page.read_text()
    assert "<h1>Things</h1>" in text
    assert printed["bytes"] == page.stat().st_size
    assert '"names":["0","1","2"]' in text
    assert "price" in printed["feature_errors"]
    assert "kind" not in printed["feature_errors"]


def test_every_score_on_the_page_is_printed(judged):
    printed, page = judged
    text = page.read_text()
    for score in printed["scores"]:
        value = np.nan if score["value"] is None else score["value"]
        assert f'data-score="{score["name"]}"><span class="number">{shown(value)}</span>' in text
    assert printed["random_state"] == 3
    assert any("training=training" in score["call"] for score in printed["scores"])


@pytest.mark.parametrize("heading", ["", "kind\n"])
def test_a_file_gives_the_labels(run, model, table, tmp_path, heading):
    labels, page = tmp_path / "labels.txt", tmp_path / "page.html"
    labels.write_text(heading + "\n".join(["<low>", "high"] * 60))
    printed = run("report", model, table, "-o", page, "--labels", labels, *QUICK).stdout
    assert "Open it in a browser." in printed
    assert "mean squared error" in printed
    assert "\\u003clow\\u003e" in page.read_text()


def test_an_array_gives_the_labels(run, model, table, tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(120) % 4)
    run("report", model, table, "-o", tmp_path / "page.html", "--labels", tmp_path / "labels.npy", *QUICK)
    assert '"names":["0","1","2","3"]' in (tmp_path / "page.html").read_text()


def test_what_cannot_be_used_is_refused(run, model, table, tmp_path):
    page = tmp_path / "page.html"
    assert "has no column of that name" in run("report", model, table, "-o", page, "--labels", "color", code=2).stderr
    assert "there is no folder" in run("report", model, table, "-o", tmp_path / "no" / "page.html", code=2).stderr.lower()
    assert "not to standard output" in run("report", model, table, "-o", "-", code=2).stderr
    (tmp_path / "few.txt").write_text("1\n2\n")
    assert "must hold one value for each of the 120 rows" in run("report", model, table, "--labels", tmp_path / "few.txt", code=2).stderr
    assert not page.exists()
