import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from isthmus import evaluate, load


@pytest.fixture(scope="module")
def measured(run, model, table):
    return json.loads(run("evaluate", model, table, "--json").stdout)


def test_measures_are_their_definitions(measured, model, rows, frame):
    error = rows - load(model).reconstruct(frame)
    spread = rows - rows.mean(axis=0)
    expected = {
        "mse": np.mean(error**2),
        "mae": np.mean(np.abs(error)),
        "rmse": np.sqrt(np.mean(error**2)),
        "r2": np.mean(1.0 - (error**2).sum(axis=0) / (spread**2).sum(axis=0)),
        "explained_share": 1.0 - (error**2).sum() / (spread**2).sum(),
        "score": -np.mean((error**2).sum(axis=1)),
    }
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert (measured["rows"], measured["columns"], measured["latent_dim"]) == (120, 6, 2)


def test_baselines_are_fitted_on_the_same_rows_and_say_so(measured, rows):
    pca = PCA(2).fit(rows)
    error = rows - pca.inverse_transform(pca.transform(rows))
    assert measured["baselines"]["pca"]["mse"] == pytest.approx(np.mean(error**2))
    assert measured["baselines"]["pca"]["explained_share"] == pytest.approx(pca.explained_variance_ratio_.sum())
    assert measured["baselines"]["column_means"]["mse"] == pytest.approx(rows.var(axis=0).mean())
    assert measured["baselines"]["column_means"]["explained_share"] == pytest.approx(0.0)
    assert "fitted on the very rows" in measured["note"]


def test_the_table_shows_the_same_numbers(run, model, table, measured):
    text = run("evaluate", model, table).stdout
    for name in ("mse", "mae", "rmse", "r2", "explained_share"):
        assert f"{measured[name]:.4g}" in text
    assert "fitted on the very rows" in text


def test_one_row_has_errors_and_no_explained_share(run, model, rows, tmp_path):
    np.save(tmp_path / "one.npy", rows[:1])
    measured = json.loads(run("evaluate", model, tmp_path / "one.npy", "--json").stdout)
    assert measured["mse"] > 0
    assert measured["r2"] is None
    assert measured["explained_share"] is None


def test_rows_come_from_standard_input(run, model, table, measured):
    piped = json.loads(run("evaluate", model, "-", "--json", stdin=Path(table).read_bytes()).stdout)
    assert piped == {**measured, "data": "-"}


class TestEverything:
    @pytest.fixture(scope="class")
    @staticmethod
    def labels(rows, tmp_path_factory):
        path = tmp_path_factory.mktemp("labels") / "kinds.txt"
        path.write_text("\n".join("ab"[int(row[0] > np.median(rows[:, 0]))] for row in rows))
        return path

    def test_it_is_the_table_of_evaluate(self, run, model, table, frame, labels):
        kinds = np.array(labels.read_text().split())
        expected = evaluate(load(model), frame, kinds)
        again = json.loads(run("evaluate", model, table, "--labels", labels, "--json").stdout)
        assert {score["name"] for score in again["scores"]} == {score.name for score in expected}
        values = {score["name"]: score["value"] for score in again["scores"] if score["group"] != "cost"}
        assert values == pytest.approx({name: expected[name].value for name in values}, rel=1e-6)

    def test_it_prints_a_verdict_and_the_gap_to_training_rows(self, run, model, table):
        text = run("evaluate", model, table, "--all", "--training", table).stdout
        assert "generalization gap" in text
        assert "RECONSTRUCTION" in text
        assert "not computed: predictions from codes" in text
