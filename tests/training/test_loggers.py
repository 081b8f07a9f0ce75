"""What is logged, read again by the services' own readers."""

import importlib
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from isthmus import Autoencoder, load
from isthmus.errors import MissingExtraError
from isthmus.training import MlflowLogger, Progress, TensorboardLogger

X = load_iris().data


def fitted(logger):
    return Autoencoder(2, max_epochs=5, patience=None, callbacks=(logger,), random_state=0).fit(X)


class TestTensorboard:
    def test_its_reader_finds_every_term_of_every_epoch(self, tmp_path):
        reader = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
        model = fitted(TensorboardLogger(tmp_path))
        events = reader.EventAccumulator(str(tmp_path)).Reload()
        assert set(events.Tags()["tensors"]) == set(model.history_)
        for name, values in model.history_.items():
            found = events.Tensors(name)
            assert [event.step for event in found] == [1, 2, 3, 4, 5]
            np.testing.assert_allclose([event.tensor_proto.float_val[0] for event in found], values, rtol=1e-6)

    def test_a_clone_writes_a_file_of_its_own(self, tmp_path):
        model = fitted(TensorboardLogger(tmp_path))
        clone(model).fit(X)
        assert len(list(tmp_path.glob("events.*"))) == 2

    def test_the_model_is_saved_beside(self, tmp_path):
        logger = TensorboardLogger(tmp_path)
        model = fitted(logger)
        np.testing.assert_array_equal(load(logger.log_model(model)).transform(X), model.transform(X))


class TestMlflow:
    @pytest.fixture(autouse=True)
    def local(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        self.mlflow = importlib.import_module("mlflow")
        self.mlflow.set_tracking_uri(f"file:{tmp_path / 'runs'}")
        yield
        self.mlflow.end_run()

    def test_its_client_finds_metrics_parameters_and_the_file(self, tmp_path):
        logger = MlflowLogger()
        with self.mlflow.start_run() as run:
            model = fitted(logger)
            logger.log_model(model)
        client = self.mlflow.MlflowClient()
        found = client.get_metric_history(run.info.run_id, "val_loss")
        assert [metric.step for metric in found] == [1, 2, 3, 4, 5]
        np.testing.assert_allclose([metric.value for metric in found], model.history_["val_loss"])
        assert client.get_run(run.info.run_id).data.params["latent_dim"] == "2"
        assert [entry.path for entry in client.list_artifacts(run.info.run_id)] == ["model.isthmus"]


@pytest.mark.parametrize(("module", "logger"), [("tensorboard.summary", TensorboardLogger("here")), ("mlflow", MlflowLogger())])
def test_without_the_package_the_extra_is_named(module, logger, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"isthmus\[(tensorboard|mlflow)\]"):
        logger(Progress(1, 2, {"loss": 1.0}, 0.0, 0.0, 0))
