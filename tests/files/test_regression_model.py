"""Model files of families other than softmax."""

import json

import numpy as np
import pytest

from fastsoftmax import families as of
from fastsoftmax.files.model_file import MODEL, Model, load_classifier, load_model, save_model
from fastsoftmax.files.regression_model import RegressionModel

pytest.importorskip("safetensors")

W, B = np.array([[1.0, -0.5], [0.25, 2.0]]), np.array([0.5, 1.0])


@pytest.mark.parametrize(
    "family",
    [of.Poisson(), of.Gaussian(link="log"), of.Tweedie(1.7), of.NegativeBinomial(0.25), of.Bernoulli()],
    ids=str,
)
def test_what_is_saved_is_read(tmp_path, family):
    path = tmp_path / "m.safetensors"
    save_model(path, RegressionModel(W, B, family, ("a", "b")))
    first = path.read_bytes()
    model = load_model(path)
    assert (model.family, model.feature_names, model.n_features) == (family, ("a", "b"), 2)
    np.testing.assert_array_equal(model.W, W)
    np.testing.assert_array_equal(model.b, B)
    save_model(path, model)
    assert path.read_bytes() == first
    assert MODEL.recognises(path)
    with pytest.raises(ValueError, match=r"must hold a softmax regression, found one of family"):
        load_classifier(path)


def test_a_softmax_regression_has_the_first_version(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, Model(W, B, np.array([0, 1])))
    assert b'"version":"1"' in path.read_bytes()
    assert isinstance(load_classifier(path), Model)
    save_model(path, RegressionModel(W, B, of.Poisson()))
    assert b'"version":"2"' in path.read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "poison"}, "family must be one of"),
        ({"family": "softmax", "link": "logit"}, "family must be another one than 'softmax'"),
        ({"link": "cube"}, "link must be 'log' for family='tweedie', found 'cube'"),
        ({"family": "tweedie(0.5)"}, "power must be 1 or more"),
        ({"version": "4"}, "its version must be '1', '2' or '3'"),
        ({"feature_names": "3"}, "feature_names must be null or a list"),
        ({"feature_names": '["a"]'}, "W has 2 columns, but there are 1 feature names"),
    ],
)
def test_what_is_no_model(tmp_path, change, message):
    from safetensors.numpy import save_file

    path = tmp_path / "m.safetensors"
    metadata = {"format": "fastsoftmax.model", "version": "2", "family": "tweedie(1.5)", "link": "log"}
    save_file({"W": W, "b": B}, path, {**metadata, "feature_names": json.dumps(None), **change})
    with pytest.raises(ValueError, match=f"is not a valid model file: .*{message}"):
        load_model(path)


def test_parts_that_disagree():
    with pytest.raises(ValueError, match="b must have an entry for each of the 2 rows of W"):
        RegressionModel(W, B[:1], of.Poisson())
    with pytest.raises(ValueError, match="W must have one row or more, one an output, and a column for each feature"):
        RegressionModel(np.empty((1, 0)), B[:1], of.Poisson())
