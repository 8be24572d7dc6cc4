"""fit: from data to parameters, by any of the solvers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..data.features import AnyMatrix
from ..families import Family, NegativeBinomial, as_family
from ..penalties import Bounds, ElasticNet, as_penalty
from ..problem.loss import Loss
from ..problem.objective import Objective
from ..runtime.arrays import Float64Array
from ..solvers import SGD
from .binding import Init, bind, start
from .goodness import has_dispersion, pearson_dispersion
from .profile import fit_dispersion
from .result import FitResult, FitState
from .solving import Settings, solve


def fit(
    X: AnyMatrix,
    y: ArrayLike | None = None,
    *,
    family: str | Family = "softmax",
    link: str | None = None,
    solver: str | SGD = "auto",
    l2: float = 0.0,
    l1: float = 0.0,
    penalty_factor: ArrayLike | None = None,
    group: str | None = None,
    bounds: Bounds | None = None,
    learning_rate: float | str = "auto",
    tol: float = 1e-4,
    max_iter: int = 1000,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    init: Init | None = None,
    fit_intercept: bool = True,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    callback: Callable[[FitState], object] | None = None,
    random_state: object = None,
    certify: bool = False,
    num_threads: int | None = None,
) -> FitResult:
    """Fit a softmax regression, or a generalised linear model, by maximum (penalised) likelihood.

    Minimises F = (1/Σs) Σ_i s_i (−⟨y_i, log softmax(W x_i + b + o_i)⟩) + ½ · l2 · ‖W‖² + l1 · ‖W‖₁, or, with factors
    f_j of the features, Σ_j f_j (½ · l2 · ‖W_:j‖² + l1 · ‖W_:j‖₁) in the place of the last two terms. For another
    family L_i is half of its deviance, Σ_k L(y_ik, m_ik), where the logits z_i = W x_i + b + o_i give the means m_i.

    Parameters
    ----------
    X : array_like or sparse matrix of shape (n_samples, n_features), or Chunks
        Read as it is: float64, float32, float16, `ml_dtypes.bfloat16`, uint8, int8 or bool, in any order and of any
        strides, memory-mapped or not, or SciPy's CSR of float32 or float64. Other integers are copied to float64,
        other sparse formats to CSR. float64 is computed with in float64, all others in float32. Chunks, such as those
        of `fastsoftmax.chunks`, hold X, y, weights and offsets of more rows than memory holds; the result is that of
        arrays up to the order of sums. "negative-binomial(auto)" does not serve them.
    y : array_like of shape (n_samples,) or (n_samples, n_classes), None with Chunks
        Class indices 0, 1, …, or rows of target probabilities or counts: floats, or whole numbers of equal sums. For
        another family the outputs that W has a row for, (n_samples,) or (n_samples, n_outputs); for "binomial"
        successes and failures, (n_samples, 2) or (n_samples, n_outputs, 2).
    family : str or value of `fastsoftmax.families`
        The distribution of y: "softmax", "bernoulli", "binomial", "poisson", "gaussian", "gamma", "inverse-gaussian",
        "tweedie", "negative-binomial". The last two have a parameter, "tweedie(1.5)" or
        `families.Tweedie(power=1.5)`, "negative-binomial(0.5)" or `families.NegativeBinomial(dispersion=0.5)`;
        "negative-binomial(auto)" finds the likeliest dispersion, by some fits in turn.
    link : str, optional
        What a logit is of the mean: "log" for counts and positive numbers, "logit" for softmax, bernoulli and binomial,
        "identity", the default, or "log" for gaussian.
    solver : {"auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal"} or SGD
        "auto" is "proximal" with an L1 penalty or bounds, which it alone serves, else "preconditioned-lbfgs": L-BFGS
        that starts from the curvature of a sample, as "lbfgs" does not; and, for a float32 X and 32 classes or more,
        with rough products, of which nothing remains in the result. "gd" is gradient descent by a fixed learning
        rate, "agd" Nesterov's, accelerated and restarted; "sgd" takes a step after every mini-batch, as `SGD()`
        describes, and an iteration is an epoch and an evaluation: two passes.
    l2 : float
        Weight of ½‖W‖²; with scikit-learn's C it is 1/(C · Σs). b is not penalised.
    l1 : float
        Weight of ‖W‖₁; with scikit-learn's C it is 1/(C · Σs) where l1_ratio is 1. Entries of W become exactly zero.
    penalty_factor : array_like of shape (n_features,), optional
        Multiplies l2 and l1 of each feature; 0 leaves a feature free of both. Ones by default.
    group : {"classes"}, optional
        "classes" takes the weights of a feature, one for each class, as a group: l1 · Σ_j f_j ‖W_:j‖₂ is the L1 part,
        and a feature has weights for all classes or for none.
    bounds : (lower, upper), optional
        lower ≤ W ≤ upper; each a number or an array of shape (n_features,) or (n_classes, n_features), which may be
        infinite. b is free. "auto" is then "proximal", which alone serves bounds; not with a group.
    learning_rate : float or "auto"
        For "gd" and "agd": η, or 1/L with L a bound of the curvature, which never diverges; for "sgd" the first
        step's, or one found by the curvature of the first mini-batch.
    tol : float
        Converged when no entry of ∂F is larger in absolute value and, with "auto" and "preconditioned-lbfgs", the
        estimated distance to the minimum is at most tol · F. With an L1 penalty or bounds ∂F is the minimum-norm
        subgradient, of which no entry may be larger than a twentieth of l1 either, and the distance is estimated where
        the Hessian is at hand. `distance` and `duality_gap` tell what that is worth.
    max_iter : int
    sample_weight : array_like of shape (n_samples,), optional
    offset : array_like of shape (n_samples, n_classes), optional
        Added to the logits; −∞ rules a class out for a sample. With the log link the logarithm of an exposure.
    init : (W, b), optional
        Where to start; by default at W = 0 and the b of the mean of y, for softmax only if nearly all samples have one
        class, else at b = 0. With bounds, from the weights nearest to these that are within them.
    fit_intercept : bool
        False holds b at zero.
    scale, shift : float or array_like of shape (n_features,), optional
        x_ij = scale_j · X_ij + shift_j takes the place of X_ij, without a copy: scale=1/255 makes pixels of bytes, and
        `standardization` finds what centres and scales every feature. The parameters are those of the scaled x.
    callback : callable, optional
        Called with a `FitState` after each iteration; a true return stops.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Where "sgd" has the order of the samples from; a whole number gives the same one every time.
    certify : bool
        Compute `duality_gap` at the end of a fit without an L1 penalty, too: a bound of the distance to the minimum, in
        two passes and with some matrices of n_samples × n_classes float64. Needs a penalty on every feature.
    num_threads : int, optional
        All that the process may use by default. The answer does not depend on it, bit for bit.

    Returns
    -------
    FitResult
        Failure is data: read `status`. Ctrl-C returns the best parameters so far, with status "interrupted".

    Raises
    ------
    ValueError
        If an argument has the wrong shape, type or values; X must be finite in samples of weight zero too.
    KeyboardInterrupt
        On Ctrl-C before the loss at the start is known, when there are no best parameters yet.
    """
    of = as_family(family, link)
    loss = bind(
        X,
        y,
        family=first_of(of),
        sample_weight=sample_weight,
        offset=offset,
        fit_intercept=fit_intercept,
        scale=scale,
        shift=shift,
        num_threads=num_threads,
    )
    shape = loss.n_outputs, loss.X.shape[1]
    penalty = as_penalty(l2, l1, shape, penalty_factor=penalty_factor, group=group, bounds=bounds)
    settings = Settings(solver, learning_rate, tol, max_iter, callback, random_state, bool(certify))
    return fit_loss(loss, penalty, init, settings, of)


def first_of(family: Family) -> Family:
    """Return the family that a fit begins with: itself, but where a dispersion is to be found."""
    return NegativeBinomial() if _is_auto(family) else family


def _is_auto(family: Family) -> bool:
    return isinstance(family, NegativeBinomial) and family.is_auto


def fit_loss(
    loss: Loss, penalty: ElasticNet, init: Init | None, settings: Settings, family: Family | None = None
) -> FitResult:
    """Fit to data that are bound already; result, arguments and errors as of `fit`.

    Parameters
    ----------
    family : Family, optional
        That of the loss by default; `first_of` this one is the loss's.
    """

    def solved(loss: Loss, theta: Float64Array) -> tuple[FitResult, Float64Array]:
        result = solve(Objective(loss, penalty), theta, settings)
        return result, start((result.W, result.b), loss)

    theta, finds_dispersion = start(init, loss), family is not None and _is_auto(family)
    if not finds_dispersion and not has_dispersion(loss):
        return solve(Objective(loss, penalty), theta, settings)
    if finds_dispersion:
        result, theta, loss = fit_dispersion(loss, theta, solved)
    else:
        result, theta = solved(loss, theta)
    dispersion = pearson_dispersion(loss, theta) if np.isfinite(result.loss) else None
    return replace(result, dispersion=dispersion, family=loss.family, n_passes=loss.ledger.n_passes)
