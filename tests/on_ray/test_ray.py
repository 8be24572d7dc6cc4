from pathlib import Path

import numpy as np
import pytest
from chunked import N, assert_same_bits, in_chunks
from clusters import kill_in_pass
from problems import noisy

import fastsoftmax as fs
from fastsoftmax import SoftmaxRegression

ray = pytest.importorskip("ray")
pa = pytest.importorskip("pyarrow")

import fastsoftmax.ray as fr  # noqa: E402
from fastsoftmax.cluster.work import Identity, itself  # noqa: E402

# Ray warns of its own doings, such as processors, disks and workers that are killed here.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

X, Y = noisy(N)
WEIGHT = np.random.default_rng(0).random(N)
NAMES = np.array(["a", "b", "c", "d"])[Y]
OPTIONS = {"l2": 1e-3}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    path = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[1])}}
    options = {"include_dashboard": False, "log_to_driver": False, "runtime_env": path}
    ray.init(num_cpus=2, object_store_memory=128 << 20, **options)
    yield
    ray.shutdown()


def references(*chunks):
    made = ray.remote(itself)
    return [made.remote(chunk) for chunk in chunks]


def test_the_bits_are_those_of_chunks():
    expected = fs.fit(in_chunks(X, Y, WEIGHT), **OPTIONS)
    assert_same_bits(fr.fit(in_chunks(X, Y, WEIGHT), **OPTIONS), expected)
    cuts = [(X[a : a + 1700], Y[a : a + 1700], WEIGHT[a : a + 1700]) for a in range(0, N, 1700)]
    assert_same_bits(fr.fit(references(*cuts, (X[:0], Y[:0])), **OPTIONS), expected)


def test_a_worker_that_is_killed_in_the_third_pass_changes_no_bit(tmp_path, monkeypatch):
    kill_in_pass(monkeypatch, 3, tmp_path / "killed")
    found = fr.fit(in_chunks(X, Y), **OPTIONS)
    assert (tmp_path / "killed").exists()
    assert_same_bits(found, fs.fit(in_chunks(X, Y), **OPTIONS))


def test_workers_that_keep_dying_end_the_fit_with_the_best_parameters(tmp_path, monkeypatch):
    kill_in_pass(monkeypatch, 4, tmp_path / "killed", always=True)
    result = fr.fit(in_chunks(X, Y), retries=1, **OPTIONS)
    assert result.status == "interrupted"
    assert "WorkerCrashedError" in result.message
    assert np.isfinite(result.loss)


def test_the_classifier_on_a_dataset():
    import ray.data

    columns = {f"f{j}": X[:, j] for j in range(10)} | {"label": NAMES, "weight": WEIGHT}
    dataset = ray.data.from_arrow(
        [pa.table({n: v[a:b] for n, v in columns.items()}) for a, b in ((0, 1000), (1000, N))]
    )
    estimator = fr.RaySoftmaxRegression(standardize=True).fit(
        dataset, "label", "weight", classes=["a", "b", "c", "d", "e"]
    )
    expected = SoftmaxRegression(standardize=True).fit(in_chunks(X, NAMES, WEIGHT))
    local = estimator.to_local()
    assert type(local) is SoftmaxRegression
    assert np.array_equal(local.coef_[:4], expected.coef_)
    assert local.intercept_[4] == -np.inf
    assert local.feature_names_in_.tolist() == list(columns)[:10]
    with pytest.raises(ValueError, match="partition 0: y must hold the classes .* found 'b' at row"):
        fr.RaySoftmaxRegression().fit(dataset, "label", "weight", classes=["a", "c", "d"])
    with pytest.raises(ValueError, match="dataset has no column 'labl' .did you mean 'label'"):
        fr.fit(dataset, "labl")
    with pytest.raises(ValueError, match="y must name the target's column"):
        fr.fit(dataset)


def test_partitions_that_are_not_right_are_named():
    with pytest.raises(ValueError, match="partition 1: Input X contains NaN at row 0, column 0"):
        fr.fit(references((X, Y), (X[:9] * np.nan, Y[:9])))
    with pytest.raises(ValueError, match="must hold samples, found 1 partitions, all of them empty"):
        fr.fit(references((X[:0], Y[:0])))
    with pytest.raises(ValueError, match="X must have len"):
        fr.fit(X, Y)


def test_a_worker_of_another_version_is_named(monkeypatch):
    monkeypatch.setattr(Identity, "own", classmethod(lambda cls: cls("0.0.1", "baseline", "")))
    with pytest.raises(RuntimeError, match=r"worker \S+, process \d+, has fastsoftmax .* FASTSOFTMAX_ISA"):
        fr.fit(references((X, Y)))
