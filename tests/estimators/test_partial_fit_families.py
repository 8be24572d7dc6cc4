"""partial_fit of the families: near the optimum of all, on from where it was left, refused where it cannot serve."""

import pickle
import re

import numpy as np
import pytest

import fastsoftmax as fs

RNG = np.random.default_rng(0)
X = RNG.standard_normal((8000, 6))
Z = 0.3 * X @ RNG.standard_normal(6) + 0.5
REGRESSIONS = {
    "poisson": (fs.PoissonRegression, RNG.poisson(np.exp(Z))),
    "poisson, large": (fs.PoissonRegression, 1e3 * RNG.poisson(np.exp(Z))),
    "gamma": (fs.GammaRegression, RNG.gamma(2, np.exp(Z) / 2)),
    "tweedie": (fs.TweedieRegression, RNG.poisson(np.exp(Z)) * RNG.gamma(2, 0.5, len(Z))),
    "negative binomial": (fs.NegativeBinomialRegression, RNG.poisson(RNG.gamma(2, np.exp(Z) / 2))),
    "gaussian": (fs.GaussianRegression, 50 * Z + RNG.standard_normal(len(Z))),
}


def stream(model, X, y, size=500, **arguments):
    """Pass the data by chunks."""
    for start in range(0, len(X), size):
        chunk = slice(start, start + size)
        model.partial_fit(X[chunk], y[chunk], **arguments)
    return model


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_a_stream_comes_near_the_fit_of_all(kind):
    make, y = REGRESSIONS[kind]
    whole, parts = make(alpha=1e-3).fit(X, y), stream(make(alpha=1e-3), X, y)
    assert parts.score(X, y) == pytest.approx(whole.score(X, y), abs=5e-3)
    assert not hasattr(parts, "result_")
    assert not hasattr(parts, "dispersion_") or kind == "negative binomial"


def test_a_stream_goes_on_where_it_was_left():
    _, y = REGRESSIONS["poisson"]
    whole, half = stream(fs.PoissonRegression(), X, y), stream(fs.PoissonRegression(), X[:4000], y[:4000])
    resumed = stream(pickle.loads(pickle.dumps(half)), X[4000:], y[4000:])
    np.testing.assert_array_equal(resumed.coef_, whole.coef_)
    after_fit = fs.PoissonRegression(alpha=1e-3).fit(X, y)
    score = after_fit.score(X, y)
    assert after_fit.partial_fit(X[:500], y[:500]).score(X, y) == pytest.approx(score, abs=0.02)


def test_several_outputs_weights_and_offsets():
    Y = np.column_stack([REGRESSIONS["poisson"][1], REGRESSIONS["negative binomial"][1]])
    model = stream(fs.PoissonRegression(alpha=1e-3), X, Y, sample_weight=np.full(500, 3.0), offset=np.zeros((500, 2)))
    assert model.coef_.shape == (2, 6)
    plain = stream(fs.PoissonRegression(alpha=1e-3), X, Y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-9)
    exposed = stream(fs.PoissonRegression(alpha=1e-3), X, Y[:, 0], offset=np.full(500, 1.0))
    assert exposed.intercept_ == pytest.approx(plain.intercept_[0] - 1, abs=0.05)


@pytest.mark.parametrize("kind", ["indicators", "labels"])
def test_labels_in_parts(kind):
    scores = X @ RNG.standard_normal((6, 3))
    y = (scores > 0).astype(int) if kind == "indicators" else np.array(["a", "b", "c"])[scores.argmax(axis=1)]
    classes = None if kind == "indicators" else ["c", "a", "b"]
    parts = stream(fs.MultilabelRegression(), X, y, classes=classes)
    assert parts.score(X, y) > fs.MultilabelRegression().fit(X, y).score(X, y) - 0.03


UNSERVED = {
    "solver": (fs.PoissonRegression(solver="lbfgs"), "solver must be .* found 'lbfgs'"),
    "l1": (fs.PoissonRegression(l1_ratio=0.5), "l1_ratio must be 0 for partial_fit, found 0.5"),
    "bounds": (fs.GammaRegression(bounds=(0, 1)), r"bounds must be None .* found \(0, 1\)"),
    "factors": (fs.MultilabelRegression(penalty_factor=[1.0]), r"penalty_factor must be None .* found \[1.0\]"),
    "dispersion": (fs.NegativeBinomialRegression(dispersion="auto"), "dispersion must be a number .* found 'auto'"),
    "link": (fs.GaussianRegression(link="log"), "link must be \"identity\" .* found 'log'"),
}


@pytest.mark.parametrize("kind", UNSERVED)
def test_what_streams_do_not_serve_has_no_partial_fit(kind):
    model, message = UNSERVED[kind]
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError) as raised:
        _ = model.partial_fit
    assert re.search(message, str(raised.value.__cause__))


def test_bad_parts():
    y, model = REGRESSIONS["poisson"][1], fs.PoissonRegression()
    with pytest.raises(ValueError, match="y must hold counts.* found -1"):
        model.partial_fit(X[:10], np.full(10, -1.0))
    assert not hasattr(model, "coef_")
    model.partial_fit(X[:500], y[:500])
    with pytest.raises(ValueError, match="y must have 1 columns, one an output"):
        model.partial_fit(X[:10], np.ones((10, 2)))
    with pytest.raises(ValueError, match="the coefficients overflowed and those before are kept: scale X"):
        model.partial_fit(1e150 * X[:500], y[:500])
    assert np.isfinite(model.coef_).all()
    labels = fs.MultilabelRegression()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit, found None"):
        labels.partial_fit(X[:10], np.arange(10) % 2)
    with pytest.raises(ValueError, match="classes must hold at least two classes, found one class only: 1"):
        labels.partial_fit(X[:10], np.ones(10), classes=[1])
    labels.partial_fit(X[:10], np.arange(10) % 2, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes must be \[0, 1\], .*, found \[0, 1, 2\]"):
        labels.partial_fit(X[:10], np.arange(10) % 2, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"y must hold the classes \[0, 1\], found 2"):
        labels.partial_fit(X[:3], np.arange(3))
    with pytest.raises(ValueError, match=r"y must hold a label a sample, as before, found shape \(10, 3\)"):
        labels.partial_fit(X[:10], np.eye(10, 3))


def test_huge_counts_do_not_overflow_the_rate():
    y = np.full(len(X), 1e200)
    y[0] = 1.0
    model = fs.PoissonRegression().partial_fit(X, y)
    assert np.isfinite(model.coef_).all()
