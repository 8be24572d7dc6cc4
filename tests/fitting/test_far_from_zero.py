"""Features far from zero, such as years and prices, with an L1 penalty: they are fitted as if they were centred."""

import numpy as np
import pytest
from tolerances import LOSS

import fastsoftmax as fs

RNG = np.random.default_rng(4)
Z = RNG.normal(size=(300, 6)) * [1, 1, 1, 0.01, 100, 1]
Y = (Z / Z.std(axis=0) @ RNG.normal(size=(6, 3)) + RNG.gumbel(size=(300, 3))).argmax(axis=1)
FAR = np.array([0.0, 2000.0, -50.0, 30.0, 4e5, 7.0])


@pytest.mark.parametrize("penalty", [{"l1": 1e-3}, {"l1": 1e-5, "l2": 1e-6}, {"l1": 1e-4, "group": "classes"}])
@pytest.mark.parametrize("family", ["softmax", "poisson"])
def test_a_fit_is_that_of_the_centred_features(family, penalty):
    if family == "poisson" and "group" in penalty:
        penalty = {"l1": 1e-4}
    centred = fs.fit(Z, Y, family=family, tol=1e-9, **penalty)
    far = fs.fit(Z + FAR, Y, family=family, tol=1e-9, **penalty)
    assert far.status == "converged"
    assert far.n_passes <= centred.n_passes + 20
    assert far.loss == pytest.approx(centred.loss, rel=LOSS[np.float32])
    np.testing.assert_allclose(far.W, centred.W, atol=1e-4 * np.abs(centred.W).max())
    moved = far.b + far.W @ FAR
    if family == "softmax":  # which does not see a shift of all classes
        moved += (centred.b - moved).mean()
    np.testing.assert_allclose(moved, centred.b, atol=1e-3)
    # The users' parameters, not the solver's: the loss is theirs.
    l1, l2 = penalty["l1"], penalty.get("l2", 0.0)
    loss = fs.loss_grad(Z + FAR, Y, far.W, far.b, family=family, l2=l2)[0]
    if "group" not in penalty:
        assert loss + l1 * np.abs(far.W).sum() == pytest.approx(far.loss, rel=1e-9)


def test_units_do_not_matter_either():
    X = (Z + FAR) * [1, 1e-3, 1, 1e3, 1, 1]
    result = fs.fit(X, Y, l1=1e-6)
    assert result.status == "converged"
    assert result.n_passes <= 150
    assert result.duality_gap <= 1e-2 * result.loss


def test_a_path_and_a_callback_see_the_users_intercepts():
    seen = []
    X = Z + FAR
    path = fs.path(X, Y, l1s=[1e-2, 1e-3], tol=1e-8, callback=lambda state: seen.append((state.loss, state.W, state.b)))
    for result, l1 in zip(path, [1e-2, 1e-3], strict=True):
        alone = fs.fit(X, Y, l1=l1, tol=1e-8)
        assert result.loss == pytest.approx(alone.loss, rel=LOSS[np.float32])
        np.testing.assert_allclose(result.W, alone.W, atol=1e-4 * np.abs(alone.W).max())
        np.testing.assert_allclose(result.b - result.b.mean(), alone.b - alone.b.mean(), rtol=1e-3)
    loss, W, b = seen[-1]
    assert fs.loss_grad(X, Y, W, b)[0] + 1e-3 * np.abs(W).sum() == pytest.approx(loss, rel=1e-9)


def test_a_warm_start_at_the_optimum_stays_there():
    X = Z + FAR
    best = fs.fit(X, Y, l1=1e-3, tol=1e-8)
    again = fs.fit(X, Y, l1=1e-3, tol=1e-7, init=(best.W, best.b))
    assert again.n_iter <= 1
    np.testing.assert_allclose(again.W, best.W, atol=1e-6 * np.abs(best.W).max())
