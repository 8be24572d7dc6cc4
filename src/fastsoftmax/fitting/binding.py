"""From data as users have them to the loss of a fit, and to its start."""

import numpy as np
from numpy.typing import ArrayLike

from ..data.arguments import as_parameters, check_finite
from ..data.features import AnyMatrix, bind_features
from ..families import Family, as_family
from ..leaves import LocalPasses, as_chunks, bind_passes, is_chunks
from ..problem.loss import Loss
from ..runtime.arrays import Float64Array

Init = tuple[ArrayLike, ArrayLike]


def bind(
    X: AnyMatrix,
    y: ArrayLike | None,
    *,
    family: str | Family = "softmax",
    link: str | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    num_threads: int | None = None,
) -> Loss:
    """Return the loss of data as users have them; arguments and errors as of `fit`."""
    of = as_family(family, link)
    if is_chunks(X):
        chunks = as_chunks(X, y=y, sample_weight=sample_weight, offset=offset)
        return bind_passes(
            LocalPasses(chunks),
            of,
            fit_intercept=bool(fit_intercept),
            scale=scale,
            shift=shift,
            num_threads=num_threads,
        )
    if y is None:
        raise ValueError("y must be given where X is an array, found None")
    features = bind_features(X, scale, shift)
    samples = of.samples(y, len(features), features.dtype, sample_weight=sample_weight, offset=offset)
    return Loss(features, samples, of, fit_intercept=bool(fit_intercept), num_threads=num_threads)


def start(init: Init | None, loss: Loss) -> Float64Array:
    """Return theta of the parameters to start from; errors as of `fit`."""
    theta = np.zeros(loss.n_params)
    if init is None:
        intercept = loss.intercept() if loss.fit_intercept else None
        if intercept is not None:
            loss.split(theta).b[:] = intercept
        return theta
    if not isinstance(init, tuple | list) or len(init) != 2:
        raise ValueError(f"init must be a pair (W, b), found {type(init).__name__}")
    W, b = as_parameters(*init, loss.X.shape[1], names=("init[0]", "init[1]"))
    if len(W) != loss.n_outputs:
        raise ValueError(f"init[0] must have {loss.n_outputs} rows, one a class, found {len(W)}")
    check_finite("init[0]", W)
    check_finite("init[1]", b)
    if b.any() and not loss.fit_intercept:
        raise ValueError("init[1] must be zero where fit_intercept is false, found other values")
    theta_W, theta_b = loss.split(theta)
    theta_W[:] = W
    theta_b[:] = b
    return theta
