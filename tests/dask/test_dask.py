import numpy as np
import pytest
from chunked import N, in_chunks
from problems import noisy

from fastsoftmax import SoftmaxRegression

pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

import fastsoftmax.dask as fd  # noqa: E402

# Dask warns of its own doings, such as ports, memory and workers that are killed here.
pytestmark = pytest.mark.filterwarnings("ignore")

X, Y = noisy(N)
WEIGHT = np.random.default_rng(0).random(N)
NAMES = np.array(["a", "b", "c", "d"], dtype=object)[Y]


def collections(rows=1100):
    return tuple(da.from_array(part, chunks=(rows, *part.shape[1:])) for part in (X, Y, WEIGHT))


def test_the_classifier_on_frames(client):
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(10)])
    dX = dd.from_pandas(frame, npartitions=3)
    dy = dd.from_pandas(pd.Series(NAMES), npartitions=3)
    estimator = fd.DaskSoftmaxRegression(client=client, standardize=True, class_weight="balanced").fit(dX, dy)
    expected = SoftmaxRegression(standardize=True, class_weight="balanced").fit(in_chunks(X, NAMES))
    assert np.array_equal(estimator.coef_, expected.coef_)
    assert estimator.feature_names_in_.tolist() == list(frame.columns)
    local = estimator.to_local()
    assert type(local) is SoftmaxRegression
    lazy = estimator.predict(dX), estimator.predict_proba(dX)
    assert all(hasattr(part, "dask") for part in lazy)
    assert np.array_equal(lazy[0].compute(), local.predict(frame))
    assert np.array_equal(lazy[1].compute(), local.predict_proba(frame))
    assert np.array_equal(estimator.predict(da.from_array(X, chunks=(1000, 3))).compute(), local.predict(frame))


def test_an_offset_comes_in_the_partitions_of_X(client):
    offset = np.random.default_rng(1).normal(size=(N, 4))
    dX, dy, weight = collections()
    estimator = fd.DaskSoftmaxRegression(client=client)
    estimator.fit(dX, dy, weight, offset=da.from_array(offset, chunks=(1100, 4)))
    expected = SoftmaxRegression().fit(in_chunks(X, Y, WEIGHT, offset))
    assert np.array_equal(estimator.coef_, expected.coef_)
    assert np.array_equal(estimator.predict(X, offset), expected.predict(X, offset))
    with pytest.raises(ValueError, match="offset must be None where X is a collection"):
        estimator.predict(dX, offset)
    with pytest.raises(TypeError, match="DaskSoftmaxRegression has no parameter 'penalty'"):
        fd.DaskSoftmaxRegression(penalty="l2")


def test_classes_that_are_declared(client):
    dX, dy = collections()[0], da.from_array(NAMES.astype(str), chunks=1100)
    classes = ["a", "aa", "b", "c", "d"]
    estimator = fd.DaskSoftmaxRegression(client=client).fit(dX, dy, classes=classes)
    assert estimator.classes_.tolist() == classes
    assert estimator.intercept_[1] == -np.inf
    probabilities = estimator.to_local().predict_proba(X)
    assert (probabilities[:, 1] == 0).all()
    expected = SoftmaxRegression().fit(in_chunks(X, NAMES))
    np.testing.assert_allclose(probabilities[:, [0, 2, 3, 4]], expected.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match=r"partition 0: y must hold the classes \['a', 'b'\], found 'd' at row"):
        fd.DaskSoftmaxRegression(client=client).fit(dX, dy, classes=["a", "b"])
