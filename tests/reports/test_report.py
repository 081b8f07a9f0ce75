"""The page as text: what stands on it, where it comes from, and when there is none."""

import base64
import copy
import dataclasses
import html.parser
import io
import itertools
import json
import re
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from isthmus import Autoencoder, LatentMixture, evaluate, report
from isthmus.errors import DataError, MissingExtraError, PartError
from isthmus.evaluation import Finding, shown
from reports.pages import evaluation_of

SECTIONS = ("verdict", "training", "samples", "map", "traversals", "draws", "features", "robustness", "scores", "settings")
EMPTY = {"img", "br", "meta", "link", "hr", "input", "path", "use", "rect", "polyline", "circle"}


class Page(html.parser.HTMLParser):
    """Elements with their attributes and texts, in order."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.open, self.depth_faults = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", **dict(attrs)})
        if tag not in EMPTY:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        if tag in EMPTY:
            return
        if self.open[-1]["tag"] != tag:
            self.depth_faults.append((tag, self.getpos()))
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **wanted):
        return [each for each in self.elements if each["tag"] == tag and all(each.get(name) == value for name, value in wanted.items())]

    def part(self, name):
        (found,) = self.all("section", id=name)
        return found["text"]

    def data(self, name):
        (script,) = self.all("script", id=name)
        return json.loads(script["text"])


@pytest.fixture(scope="module")
def parsed(page):
    return Page(page)


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def written(tmp_path, model, X, y=None, **options):
    options.setdefault("evaluation", evaluation_of(model, X))
    return Page(report(model, X, y, tmp_path / "page.html", **options))


def test_every_element_is_closed_and_every_identifier_is_used_once(parsed):
    assert parsed.depth_faults == []
    assert parsed.open == []
    ids = [element["id"] for element in parsed.elements if "id" in element]
    assert len(ids) == len(set(ids))
    used = re.findall(r"url\(#([^)]+)\)", parsed.source) + [each["href"][1:] for each in parsed.all("use")]
    assert set(used) <= set(ids)


def test_sections_are_landmarks_with_headings_and_links_to_them(parsed):
    sections = parsed.all("section")
    assert [each["id"] for each in sections] == list(SECTIONS)
    headings = {each["id"] for each in parsed.all("h2")}
    assert {each["aria-labelledby"] for each in sections} == headings
    links = [each["href"] for each in parsed.all("a")]
    assert links[0] == "#content"
    assert {f"#{name}" for name in SECTIONS} <= set(links)
    assert [len(parsed.all(tag)) for tag in ("main", "header", "footer", "nav", "h1")] == [1] * 5
    levels = [int(each["tag"][1]) for each in parsed.elements if re.fullmatch(r"h\d", each["tag"])]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_pictures_and_tables_say_what_they_are(parsed):
    assert parsed.all("html")[0]["lang"] == "en"
    assert all(each["alt"] for each in parsed.all("img"))
    assert all(each["aria-label"] for each in parsed.all("svg"))
    assert {each.get("scope") for each in parsed.all("th") if "aria-hidden" not in each} == {"col", "row"}
    assert all(each.get("aria-label") or each["text"].strip() for each in parsed.all("button"))
    assert {each["for"] for each in parsed.all("label")} == {each["id"] for each in parsed.all("select")}


def test_nothing_is_fetched(parsed):
    assert "://" not in parsed.source
    addresses = [each[name] for each in parsed.elements for name in ("src", "href", "data", "action", "xlink:href") if name in each]
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    assert "default-src 'none'" in parsed.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]


def test_every_score_stands_there_as_the_evaluation_has_it(parsed, image_evaluation):
    cells = {each["data-score"]: each["text"].split() for each in parsed.all("td") if "data-score" in each}
    assert {name: words[0] for name, words in cells.items()} == {score.name: shown(score.value) for score in image_evaluation}
    text = parsed.part("scores")
    for score in image_evaluation:
        assert all(f"{name} {shown(value)}" in text for name, value in score.baselines.items())
        assert score.unit in text
        assert score.call in text
    assert all(words in text for words in ("lower is better", "higher is better", "no direction is better", "Not computed"))
    assert parsed.data("evaluation") == json.loads(json.dumps(image_evaluation.to_dict()))


def test_the_numbers_in_front_are_scores_beside_their_baselines(parsed, image_evaluation):
    verdict = parsed.part("verdict")
    for score in image_evaluation:
        assert (score.name in verdict) == bool(score.baselines)
    assert "✓ model better" in verdict
    assert "✗ model worse" in verdict
    assert "Costly scores were computed on 100 of the rows." in verdict


def test_numbers_that_look_the_same_are_the_same(tmp_path, wine):
    X = wine[0].to_numpy()
    model = PCA(2).fit(X)
    scores = tuple(
        dataclasses.replace(score, baselines={"other": score.value * (1.0 + 1e-9)}) for score in evaluation_of(model, X).scores[:2]
    )
    page = written(tmp_path, model, X, evaluation=evaluation_of(model, X, scores=scores))
    assert len(page.all("span", **{"class": "equal"})) == 4  # in front and in the table
    assert page.all("span", **{"class": "worse"}) == page.all("span", **{"class": "better"}) == []


def test_the_start_may_have_been_the_best(tmp_path, wine, table_model):
    start = copy.copy(table_model)
    start.best_epoch_ = 0
    assert "the weights before the first were kept" in written(tmp_path, start, *wine).part("training")
    assert "kept: epoch" not in written(tmp_path, start, *wine).part("training")


def test_problems_come_first_with_what_to_try(parsed):
    verdict = parsed.part("verdict")
    assert verdict.index("✗ Problem") < verdict.index("! Notice") < verdict.index("✓ Good")
    assert "Try next: Give it more epochs: max_epochs=200." in verdict
    assert "One column <x> has 80 % of the variance & more." in verdict
    assert "max_epochs=200" in [each["text"] for each in parsed.all("code")]


def test_training_shows_every_term_and_the_epoch_that_was_kept(parsed, image_model):
    text = parsed.part("training")
    labels = [each["aria-label"] for each in parsed.all("svg")]
    assert sum("over 3 epochs" in label for label in labels) == 2
    value = image_model.history_["val_loss"][image_model.best_epoch_ - 1]
    assert f"kept: epoch {image_model.best_epoch_}" in text
    assert shown(float(value)) in text


def test_samples_are_the_best_and_the_worst_rows(parsed, image_evaluation):
    order = np.argsort(image_evaluation.row_errors)
    alts = [each["alt"] for each in parsed.all("img")]
    for row in (order[0], order[7], order[-1], order[-8]):
        assert sum(f"of row {row}, label" in alt for alt in alts) >= 3
    assert f"MSE {shown(float(image_evaluation.row_errors[order[-1]]))}" in parsed.part("samples")
    assert sum(alt.startswith("Difference") for alt in alts) == 24


def test_the_map_holds_every_row_at_its_place(parsed, image_model, digits):
    data = parsed.data("map-data")
    rows = unpacked(data["rows"], "<u4")
    assert sorted(rows) == list(range(len(digits[0])))
    (label, error, cluster) = data["colors"]
    assert [label["name"], error["name"], cluster["name"]] == ["label", "error", "cluster"]
    np.testing.assert_array_equal(np.array(label["names"], int)[unpacked(label["values"], "u1")], digits[1][rows])
    codes = image_model.transform(digits[0])
    places = PCA(2).fit_transform(codes)[rows]
    for axis, steps in enumerate((data["x"], data["y"])):
        found = unpacked(steps, "<u2").astype(float)
        assert abs(np.corrcoef(found, places[:, axis])[0, 1]) > 0.99999
    spans = [axis["high"] - axis["low"] for axis in data["axes"]]
    assert spans[0] == pytest.approx(spans[1])
    assert np.ptp(places[:, 0]) == pytest.approx(spans[0], rel=1e-4)


def test_codes_of_two_dimensions_are_shown_as_they_are(tmp_path, wine):
    X = wine[0].to_numpy()
    data = written(tmp_path, PCA(2).fit(X), X).data("map-data")
    codes, rows = PCA(2).fit(X).transform(X), unpacked(data["rows"], "<u4")
    low, high = (np.array([axis[end] for axis in data["axes"]]) for end in ("low", "high"))
    found = np.column_stack([unpacked(data[axis], "<u2") for axis in "xy"]) / 65535 * (high - low) + low
    np.testing.assert_allclose(found, codes[rows], atol=1e-4 * np.ptp(codes))
    assert [color["name"] for color in data["colors"]] == ["error", "cluster"]


def test_one_dimension_is_spread_upwards_by_its_histogram(tmp_path, wine):
    X = wine[0].to_numpy()
    page = written(tmp_path, PCA(1).fit(X), X, wine[1])
    assert page.data("map-data")["axes"][0]["name"] == "code"
    assert "The code has one dimension." in page.part("map")


def test_a_table_shows_columns_by_name(tmp_path, table_model, wine):
    page = written(tmp_path, table_model, *wine)
    text = page.part("samples")
    assert "proline" in text
    assert "1 more column is not shown." in text
    assert "label barbera <&>" in text
    assert len(page.all("span", **{"class": "fill"})) == 13
    samples = page.data("map-data")["samples"]
    values = unpacked(samples["values"], "<f4").reshape(-1, 10)
    rows = unpacked(page.data("map-data")["rows"], "<u4")
    np.testing.assert_allclose(values, wine[0][samples["names"]].to_numpy()[rows], rtol=1e-6)


def test_series_are_drawn_as_lines(tmp_path):
    X = np.sin(np.arange(32) * np.linspace(0.1, 0.4, 60)[:, None])[:, :, None]
    model = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    model.fit_density(X, n_components=2, random_state=0)
    page = written(tmp_path, model, X, np.linspace(0.0, 1.0, 60))
    assert len(page.all("polyline", **{"class": "back"})) == 18
    assert "Codes were drawn from what fit_density found" in re.sub("`", "", page.part("draws"))
    assert page.data("map-data")["samples"]["kind"] == "series"
    assert page.data("map-data")["colors"][0]["kind"] == "scale"


def test_a_model_that_is_told_classes_is_told_them_here(tmp_path, wine):
    X, y = wine[0].to_numpy()[:90], wine[1][:90]
    model = Autoencoder(2, bottleneck="gaussian", loss="normal", conditional=True, scaling="standard", max_epochs=2, random_state=0).fit(
        X, y
    )
    page = Page(report(model, X, y, tmp_path / "page.html", evaluation=evaluation_of(PCA(2).fit(X), X)))
    assert "Classes take turns." in page.part("draws")
    assert "All are told the class" in page.part("traversals")
    with pytest.raises(DataError, match=r"conditional.*Pass `y`"):
        report(model, X, path=tmp_path / "none.html")


def test_the_clusters_of_a_mixture_are_its_own(tmp_path, wine):
    X = wine[0].to_numpy()
    model = LatentMixture(3, autoencoder=Autoencoder(2, scaling="standard", max_epochs=2), random_state=0).fit(X)
    page = written(tmp_path, model, X)
    color, rows = page.data("map-data")["colors"][0], unpacked(page.data("map-data")["rows"], "<u4")
    found = np.array(color["names"], int)[unpacked(color["values"], "u1")]
    np.testing.assert_array_equal(found, model.predict(X)[rows])
    assert "components of the model's mixture" in page.part("map")
    assert "drawn from the model's mixture" in page.part("draws")


@pytest.mark.slow
def test_neighbors_stay_neighbors_in_the_plane(tmp_path, wine):
    X = (wine[0] / wine[0].std()).to_numpy()
    page = written(tmp_path, PCA(5).fit(X), X, projection="umap", max_rows=120)
    data = page.data("map-data")
    assert [axis["name"] for axis in data["axes"]] == ["UMAP 1", "UMAP 2"]
    assert "120 of 178 rows, drawn at random, are shown." in page.part("map")
    assert "was done for max_rows=120 of the rows" in page.part("map")
    codes = PCA(5).fit(X).transform(X)[unpacked(data["rows"], "<u4")]
    places = np.column_stack([unpacked(data[axis], "<u2") for axis in "xy"]).astype(float)
    near = [np.argsort(np.linalg.norm(points[:, None] - points, axis=-1), axis=1)[:, 1:11] for points in (codes, places)]
    assert np.mean([len(set(one) & set(other)) / 10 for one, other in zip(*near, strict=True)]) > 0.3


def test_images_in_color_and_large_ones_become_thumbnails(tmp_path):
    X = np.random.default_rng(0).random((30, 50, 80, 3), dtype=np.float32)
    model = Autoencoder(2, max_epochs=1, random_state=0).fit(X)
    page = written(tmp_path, model, X)
    samples = page.data("map-data")["samples"]
    assert (samples["width"], samples["height"]) == (40, 25)
    with Image.open(io.BytesIO(base64.b64decode(page.all("img")[0]["src"].partition(",")[2]))) as image:
        assert image.mode == "RGB"
        assert image.size == (80, 50)
        rows = [int(alt.split()[3].rstrip(",")) for alt in (each["alt"] for each in page.all("img")) if alt.startswith("Original")]
        low, high = X.min(), X.max()
        np.testing.assert_allclose(np.asarray(image), (X[rows[0]] - low) / (high - low) * 255, atol=1)


def test_many_points_are_a_seeded_draw_that_is_stated(tmp_path, monkeypatch, digits, image_model, image_evaluation):
    monkeypatch.setattr("isthmus.reports._map._MOST_POINTS", 50)
    monkeypatch.setattr("isthmus.reports._map._MOST_SAMPLES", 20)
    page = written(tmp_path, image_model, *digits, evaluation=image_evaluation)
    assert "50 of 300 rows, drawn at random, are shown." in page.part("map")
    assert "Pointing shows the row itself for 20 of the points." in page.part("map")
    assert page.data("map-data")["n"] == 50


def test_a_label_for_nearly_every_row_becomes_a_scale_or_some_names(tmp_path, wine):
    X = wine[0].to_numpy()
    model = PCA(3).fit(X)
    names = written(tmp_path, model, X, [f"bottle {number // 2}" for number in range(len(X))]).data("map-data")["colors"][0]["names"]
    assert len(names) == 20
    assert names[-1] == "other"


def test_a_plain_transformer_says_what_is_not_there(tmp_path, wine):
    X = wine[0].to_numpy()
    model = PCA(3).fit(X)
    evaluation = evaluation_of(model, X, curves=(), findings=(), feature_errors=np.empty(0), feature_names=(), row_errors=np.empty(0))
    page = written(tmp_path, model, X, evaluation=evaluation)
    for name in ("verdict", "training", "draws", "features", "robustness"):
        assert "Nothing to show." in page.part(name)
    assert "from sklearn.decomposition import PCA" in page.part("settings")


def test_row_errors_are_computed_where_the_evaluation_has_none(tmp_path, digits, image_model, image_evaluation):
    with_errors = report(image_model, *digits, tmp_path / "a.html", evaluation=image_evaluation)
    without = evaluation_of(image_model, digits[0], row_errors=np.empty(0))
    found = Page(report(image_model, *digits, tmp_path / "b.html", evaluation=without))
    assert found.part("samples") == Page(with_errors).part("samples")


def test_the_program_on_the_page_makes_the_model_again(parsed, digits, image_model):
    (program,) = [each["text"] for each in parsed.all("pre")]
    made = {"X": digits[0], "y": digits[1]}
    exec(program.partition("report(model")[0], made)
    np.testing.assert_array_equal(made["model"].transform(digits[0]), image_model.transform(digits[0]))


def test_the_same_arguments_give_the_same_bytes(page, tmp_path, digits, image_model, image_evaluation):
    again = report(image_model, *digits, tmp_path / "again.html", evaluation=image_evaluation)
    assert again.read_bytes() == page.read_bytes()
    other = report(image_model, *digits, tmp_path / "other.html", evaluation=image_evaluation, random_state=1)
    assert other.read_bytes() != page.read_bytes()


def test_a_title_and_a_finding_cannot_break_out(tmp_path, wine):
    X = wine[0].to_numpy()
    model = PCA(2).fit(X)
    evil = "</script><script>alert(1)</script>"
    evaluation = evaluation_of(model, X, findings=(Finding("evil", "notice", evil, evil),))
    page = written(tmp_path, model, X, [evil] * len(X), evaluation=evaluation, title=evil)
    assert len(page.all("script")) == 3
    assert page.all("h1")[0]["text"] == evil


def test_settings_and_warnings_of_the_user_stay(tmp_path, wine, table_model):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written(tmp_path, table_model, *wine)
    assert dict(mpl.rcParams) == before


@pytest.fixture
def pca(wine):
    X = wine[0].to_numpy()
    return PCA(2).fit(X), X


def test_what_cannot_be_shown_is_refused_and_nothing_is_written(tmp_path, pca, wine):
    (model, X), path = pca, tmp_path / "page.html"
    known, damaged = evaluation_of(model, X), X.copy()
    damaged[0, 0] = np.nan
    for arguments, options, kind, message in (
        ((PCA(2), X), {}, NotFittedError, "not fitted"),
        ((KMeans(2).fit(X), X), {}, PartError, "cannot encode and decode. Pass a model"),
        ((model, X[:, :5]), {}, DataError, r"have the shape \(5,\); the model takes \(13,\). Pass"),
        ((model, damaged), {}, DataError, "missing or infinite. Drop"),
        ((model, X, wine[1][:7]), {}, DataError, r"`y` has the shape \(7,\); it must hold one value for each of the 178 rows. Pass"),
        ((model, X, np.ones((178, 2))), {}, DataError, r"`y` has the shape \(178, 2\)"),
        ((model, X, np.full(178, np.nan)), {}, DataError, "`y` has values that are missing. Drop"),
        ((KMeans(2).fit(X), X), {"evaluation": known}, DataError, "without `inverse_transform`.*Pass an"),
        ((model, X, wine[1][:7]), {"evaluation": known}, DataError, "`y` has 7 labels, but `X` has 178 rows. Give"),
        ((model, X, np.ones((178, 2))), {"evaluation": known}, DataError, "Pass one column"),
        ((model, X, np.full(178, np.nan)), {"evaluation": known}, DataError, "178 labels that are NaN or infinite. Drop"),
        ((model, X), {"projection": "tsne"}, DataError, "Unknown `projection`: 'tsne'. Choose one of: pca, umap."),
        ((model, X), {"max_rows": 1}, DataError, "`max_rows` must be an integer of at least 2; got 1. Give"),
        ((model, X[:9]), {"evaluation": known}, DataError, "of 178 rows, but `X` has 9. Pass"),
    ):
        with pytest.raises(kind, match=message):
            report(*arguments, **{"path": path, **options})
        assert not path.exists()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        report(model, X, path=tmp_path / "nowhere" / "page.html")


def test_codes_that_are_not_finite_are_counted(tmp_path, pca):
    model, X = pca
    known = evaluation_of(model, X)
    model.components_[0, 0] = np.nan
    with pytest.raises(DataError, match=r"The codes of 178 of 178 rows are not finite\. Fit"):
        report(model, X, path=tmp_path / "page.html")
    with pytest.raises(DataError, match=r"The codes of 178 of 178 rows are not finite, the first of them row 0\. Fit"):
        report(model, X, path=tmp_path / "page.html", evaluation=known)


def test_a_failure_leaves_the_page_that_was_there(tmp_path, pca, monkeypatch):
    model, X = pca
    path = tmp_path / "page.html"
    path.write_text("before")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"Try: pip install 'isthmus\[report\]'"):
        report(model, X, path=path, evaluation=evaluation_of(model, X))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def values_on(page):
    """By score what stands on the page, but for what is measured anew each time."""
    cells = {each["data-score"]: each["text"].split()[0] for each in page.all("td") if "data-score" in each}
    return {name: value for name, value in cells.items() if name not in ("encoding", "peak memory")}


def test_printed_calls_and_the_program_give_the_numbers_on_the_page_again(tmp_path, wine, monkeypatch):
    X, y = (wine[0] / wine[0].std()).to_numpy(), np.sqrt(np.arange(178.0))
    known = {"model": PCA(2).fit(X[:100]), "X": X[100:], "y": y[100:], "training": X[:100]}
    page = Page(
        report(*(known[name] for name in ("model", "X", "y")), tmp_path / "page.html", training=X[:100], max_rows=60, random_state=3)
    )
    calls = [each["text"] for each in page.all("code") if each["text"].startswith("evaluate(")]
    (call,) = {each.partition("[")[0] for each in calls}
    again = eval(call, {"evaluate": evaluate, **known})
    found = {name: shown(again[name].value) for name in re.findall(r'\["(.*?)"\]\.value', "\n".join(calls))}
    values = values_on(page)
    assert {name: found[name] for name in values} == values
    assert len(values) > 15
    monkeypatch.chdir(tmp_path)
    (program,) = [each["text"] for each in page.all("pre")]
    exec(program, dict(known))
    assert values_on(Page(tmp_path / "report.html")) == values


def test_sparse_rows_make_the_page_of_dense_ones(tmp_path, digits):
    X = digits[0].reshape(-1, 64)
    model = PCA(3).fit(X)
    evaluation = evaluation_of(model, X)
    kinds = (X, scipy.sparse.csr_matrix(X))
    dense, sparse = (Page(report(model, rows, digits[1], tmp_path / "page.html", evaluation=evaluation)) for rows in kinds)
    assert sparse.part("samples") == dense.part("samples")
    assert sparse.data("map-data")["rows"] == dense.data("map-data")["rows"]
    assert values_on(Page(report(model, scipy.sparse.csr_array(X), path=tmp_path / "own.html", max_rows=50)))["R2"]


def test_the_program_of_a_conditional_model_tells_it_the_classes_of_its_own_rows(tmp_path, wine):
    X, y = wine[0].to_numpy(), wine[1]
    model = Autoencoder(2, hidden_dims=(4,), conditional=True, scaling="standard", max_epochs=1, random_state=0).fit(X, y)
    page = Page(report(model, X, y, tmp_path / "page.html", training=X, max_rows=20))
    (program,) = [each["text"] for each in page.all("pre")]
    assert ".fit(training, training_y)" in program
    assert "X, y, training and training_y stand for your data." in page.part("settings")


def test_the_program_fits_the_rows_that_the_model_was_fitted_on(tmp_path, wine):
    X = wine[0].to_numpy()
    model = PCA(2).fit(X[:100])
    for given, rows in (({}, "X"), ({"training": X[:100]}, "training")):
        page = Page(report(model, X[100:], path=tmp_path / "page.html", **given))
        (program,) = [each["text"] for each in page.all("pre")]
        assert f"PCA(n_components=2).fit({rows})" in program
        assert ("training=training" in program) == bool(given)
