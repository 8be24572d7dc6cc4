"""SoftmaxRegression: the scikit-learn classifier. Names and parameters, no mathematics."""

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from ..data.arguments import as_generator
from ..fitting.binding import start
from ..fitting.result import FitState
from ..fitting.solving import Settings, solve
from ..fitting.stream import fit_chunk
from ..leaves import is_chunks
from ..penalties import as_penalty
from ..problem.objective import Objective
from ..solvers import SGD, Walk
from .base import dtype_of, shortfall
from .bound import Bound, bound_arrays, bound_chunks
from .callbacks import CallbackSupportMixin, FitTasks, with_callbacks
from .classifier import (
    bounds_of,
    fitted_attributes,
    penalty_of,
    rows_of,
    total_of,
)
from .exporting import ExportableClassifier
from .parameters import FitParameters
from .scaling import Scaling
from .sklearn_input import as_local, check_labels
from .spellings import OF_LOGISTIC_REGRESSION, explains_spellings, known_solver, refuse_none, with_note


class Stream(NamedTuple):
    """What one call of partial_fit passes on to the next."""

    n_samples: int  # seen so far
    weight: float  # their total weight
    settings: tuple[Any, ...] = ()  # those that the walk has used
    walk: Walk | None = None
    random: np.random.Generator | None = None


def _serves_streams(estimator: "SoftmaxRegression") -> bool:
    """Return true if partial_fit can serve the parameters, else raise AttributeError."""
    solver = known_solver(estimator.solver)
    if not (isinstance(solver, SGD) or solver in ("auto", "sgd")):
        raise AttributeError(f'solver must be "auto", "sgd" or an SGD for partial_fit, found {solver!r}')
    if isinstance(solver, SGD) and solver.schedule == "cosine":
        raise AttributeError("schedule must not be \"cosine\" for partial_fit: a stream has no end, found 'cosine'")
    if estimator.l1_ratio:
        raise AttributeError(
            f"l1_ratio must be 0 for partial_fit: its steps serve no L1 penalty, found {estimator.l1_ratio!r}"
        )
    if estimator.penalty_factor is not None:
        raise AttributeError(
            f"penalty_factor must be None for partial_fit: its steps penalise all features alike, "
            f"found {estimator.penalty_factor!r}"
        )
    if estimator.group is not None:
        raise AttributeError(
            f"group must be None for partial_fit: its steps serve no L1 penalty, found {estimator.group!r}"
        )
    if estimator.bounds is not None:
        raise AttributeError("bounds must be None for partial_fit: its steps serve none, found others")
    if estimator.standardize:
        raise AttributeError("standardize must be False for partial_fit: a stream's deviations are unknown, found True")
    if isinstance(estimator.class_weight, str):
        raise AttributeError(
            f"class_weight must be a dict or None for partial_fit, found {estimator.class_weight!r}; "
            "compute_class_weight('balanced', classes=classes, y=y) of a large sample gives the numbers"
        )
    return True


@explains_spellings
@dataclass(kw_only=True, eq=False, repr=False)
class SoftmaxRegression(FitParameters, CallbackSupportMixin, ExportableClassifier):
    """Softmax (multinomial logistic) regression, a drop-in for scikit-learn's ``LogisticRegression``.

    Minimises Σ_i s_i L_i + (1/C) · (l1_ratio ‖W‖₁ + (1 − l1_ratio) ½‖W‖²) over the samples, as ``LogisticRegression``
    does: if both converge, the coefficients agree. For two classes there is one row of coefficients.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the penalty; ``np.inf`` for none.
    l1_ratio : float, default=0.0
        The share of the L1 penalty: 0 for ½‖W‖² alone, 1 for ‖W‖₁ alone, and the elastic net in between.
    tol : float, default=1e-4
        The fit has converged when no entry of the gradient of the mean loss exceeds tol in absolute value and, with
        "auto" and no L1 penalty, the estimated distance to the minimum is at most tol times the loss.
    fit_intercept : bool, default=True
    penalty_factor : array_like of shape (n_features,), default=None
        Multiplies the penalty of each feature; 0 leaves a feature free. None for ones. `partial_fit` takes None alone.
    group : {"classes"} or None, default=None
        "classes" takes the coefficients of a feature, one for each class, as a group: Σ_j ‖W_:j‖₂ takes the place of
        ‖W‖₁, and a feature has coefficients for all classes or for none. For two classes it is ‖w‖₁.
    bounds : (lower, upper), default=None
        lower ≤ coef_ ≤ upper; each a number or an array that has the shape of coef_ or (n_features,), and may be
        infinite. Not with a group.
    standardize : bool, default=False
        Train on (x − mean)/std of every feature, or on x/std without an intercept, and penalise the coefficients of
        these features. coef_ and intercept_ are for x itself. X is not copied, and a sparse X stays sparse.
    class_weight : dict or "balanced", default=None
        Weights of the classes, multiplied with sample_weight.
    random_state : int, RandomState, Generator or None, default=None
        Draws the order of the samples for "sgd" and `partial_fit`.
    solver : {"auto", "gd", "agd", "sgd", "lbfgs", "preconditioned-lbfgs", "proximal"} or SGD, default="auto"
        "auto" is "proximal" with an L1 penalty or bounds (no other solver serves them), else "preconditioned-lbfgs".
        "lbfgs" is plain L-BFGS, "gd" gradient descent, "agd" accelerated gradient descent. "sgd" takes a step per
        mini-batch, with the default options of `SGD`; an `SGD` instance sets others. "newton-cg", "newton-cholesky",
        "sag", "saga" and "liblinear", of ``LogisticRegression``, mean "auto"; the message in `result_` says so.
    learning_rate : float or "auto", default="auto"
        For "gd" and "agd": the step size; "auto" is one over a bound of the curvature, which never diverges. For "sgd"
        and `partial_fit`: the first step size; "auto" derives it from the curvature of the first mini-batch.
    max_iter : int, default=100
    verbose : int, default=0
        1 shows a line of progress on standard error.
    warm_start : bool, default=False
        Start from the coefficients of the previous fit.
    n_jobs : int, default=None
        Threads: None and -1 mean all that the process may use, -2 all but one. The result does not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; if the targets were probabilities, the numbers of their columns.
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
        float64 if X is float64, else float32.
    intercept_ : ndarray of shape (n_classes,), or (1,) for two classes
        Of the dtype of coef_, or float64 with `standardize`.
    n_iter_ : ndarray of shape (1,)
        1 after `partial_fit`.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if the columns of X have names.
    result_ : FitResult
        What the solver returned, with one row of W per class, even for two classes. Missing after `partial_fit`, which
        evaluates no loss.
    """

    C: float = 1.0
    l1_ratio: float = 0.0
    standardize: bool = False
    warm_start: bool = False

    _spelt_otherwise: ClassVar[dict[str, str]] = OF_LOGISTIC_REGRESSION

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FitParameters._parameter_constraints,
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "standardize": ["boolean"],
        "warm_start": ["boolean"],
    }

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, offset: Any = None) -> "SoftmaxRegression":
        """Fit to labels, or to rows of target probabilities.

        Parameters
        ----------
        X : array_like, frame or sparse matrix of shape (n_samples, n_features), or Chunks
            Read without a copy: float64, float32, float16, `ml_dtypes.bfloat16`, uint8 or int8, in any order and with
            any strides, memory-mapped or not, or CSR of float32 or float64. Other types become float64, or CSR. Chunks,
            such as `fastsoftmax.chunks.from_parquet` makes, hold X, y, sample_weight and offset of more rows than
            memory holds.
        y : array_like of shape (n_samples,) or (n_samples, n_classes), None with Chunks
            Labels of any kind; or, with at least two columns, probabilities or counts of the classes 0, 1, …
        sample_weight : array_like of shape (n_samples,), optional
        offset : array_like of shape (n_samples, n_classes), optional
            Added to the logits, columns in the order of classes_; −∞ rules a class out for a sample. For two classes it
            may be what is added to the log-odds of the second, (n_samples,). Predictions take an offset too.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values, or if this version does not serve a parameter.
        KeyboardInterrupt
            On Ctrl-C. The fitted attributes then hold the best coefficients so far.
        """
        self._validate_params()
        loss, classes, total_weight, scaling = self._bind(X, y, sample_weight, offset)
        penalty = penalty_of(self.C, self.l1_ratio, total_weight, len(classes), self.group)
        dtype, shape = dtype_of(loss.X), (len(classes), loss.X.shape[1])
        line = self._progress()
        tasks = None
        if hasattr(self, "_skl_callbacks"):

            def of_state(state: FitState) -> dict[str, Any]:
                W = scaling.to_stored(state.W)
                return fitted_attributes(W, state.b, state.iteration, classes, dtype, scaling.center)

            metadata = {"sample_weight": sample_weight, "offset": offset}
            metadata = {name: values for name, values in metadata.items() if values is not None}
            tasks = FitTasks(self, of_state, {"X": X, "y": y, "metadata": metadata or None}, self.max_iter)
        watchers = [watcher for watcher in (line, tasks) if watcher is not None]
        whole = as_penalty(
            *(penalty.l2, penalty.l1, shape),
            penalty_factor=self.penalty_factor,
            group=self.group,
            bounds=scaling.bounds(bounds_of(self.bounds, *shape)),
        )
        settings = Settings(
            solver=known_solver(self.solver),
            learning_rate=self.learning_rate,
            tol=self.tol,
            max_iter=self.max_iter,
            callback=(lambda state: any(watch(state) for watch in watchers)) if watchers else None,
            random_state=self.random_state,
            certify=self._certify,
        )
        found = with_note(
            solve(Objective(loss, whole), start(self._warm_start(classes, scaling), loss), settings), self.solver
        )
        result = scaling.result(found)
        if line is not None:
            line.close(f"{result.status}: {result.message}")
        self.result_ = result
        self.__dict__.update(fitted_attributes(result.W, found.b, result.n_iter, classes, dtype, scaling.center))
        self._stream = Stream(len(loss), total_weight)
        if tasks is not None:
            tasks.close()
        if result.status == "interrupted":
            raise KeyboardInterrupt(result.message)
        if missed := shortfall(result):
            warnings.warn(missed, ConvergenceWarning, stacklevel=2)
        return self

    @available_if(_serves_streams)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "SoftmaxRegression":
        """Take one epoch of mini-batch steps over a part of the data, from the coefficients of the last call or `fit`.

        The objective is that of `fit` for all samples seen so far: l2 = 1/(C · their total weight). A part takes larger
        steps if its mean weight exceeds that of all samples so far. Samples that come again count again. `solver` gives
        the options of the steps; if it, learning_rate or fit_intercept changes, the steps start anew without momentum.
        `tol`, `max_iter` and `verbose` concern only `fit`.

        The method exists (see `hasattr`) only if solver means "auto", or is "sgd" or an SGD. It does not exist with the
        schedule "cosine", an l1_ratio above 0, standardize or class_weight="balanced": these need all data or their
        number in advance, or steps other than along the gradient.

        Parameters
        ----------
        X : array_like, frame or sparse matrix of shape (n_samples, n_features)
            As for `fit`.
        y : array_like of shape (n_samples,) or (n_samples, n_classes)
            Labels, which may lack some of the classes; or probabilities or counts of the classes 0, 1, …
        classes : array_like of shape (n_classes,), optional
            All labels that may ever come. Required in the first call if y holds labels.
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument has the wrong shape, type or values.
        """
        self._validate_params()
        options = self.solver if isinstance(self.solver, SGD) else SGD()
        first = not hasattr(self, "coef_")
        known = self._known_classes(classes, y)
        X = self._validate_X(X, reset=first)
        targets, known = self._encode(y, X.shape[0], known)
        weights = self._weights(sample_weight, X, targets, known)
        seen = Stream(0, 0.0) if first else self._stream
        n_samples = seen.n_samples + X.shape[0]
        weight = seen.weight + (X.shape[0] if weights is None else total_of(weights))
        settings = (options, self.learning_rate, self.fit_intercept)
        random = seen.random if seen.random is not None else as_generator("random_state", self.random_state)
        walk, W, b = fit_chunk(
            X,
            targets,
            seen.walk if settings == seen.settings else None,
            n_outputs=len(known),
            options=options,
            random=random,
            learning_rate=self.learning_rate,
            l2=penalty_of(self.C, 0.0, weight, len(known)).l2,
            sample_weight=weights,
            mean_weight=weight / n_samples,
            init=None if first else self._parameters(),
            fit_intercept=self.fit_intercept,
            num_threads=self._num_threads(),
        )
        if not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise ValueError(
                f"learning_rate must be smaller: the coefficients overflowed and those before are kept, "
                f"found {self.learning_rate!r}"
            )
        self.__dict__.update(fitted_attributes(W, b, 1, known, dtype_of(X)))
        self._stream = Stream(n_samples, weight, settings, walk, random)
        if hasattr(self, "result_"):
            del self.result_
        return self

    def _validate_params(self) -> None:
        refuse_none("l1_ratio", self.l1_ratio, "0.0")
        super()._validate_params()

    def _bind(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> Bound:
        """Check the data, and bind them for a fit."""
        return (bound_chunks if is_chunks(X) else bound_arrays)(self, X, y, sample_weight, offset)

    def _known_classes(self, classes: Any, y: Any) -> np.ndarray | None:
        """Classes of the previous call, or else the given ones; None if the columns of y are the classes."""
        if classes is not None:
            classes = as_local("classes", classes)
            check_labels("classes", np.ravel(classes))
            classes = np.unique(column_or_1d(classes))
            if len(classes) < 2:
                raise ValueError(f"classes must hold at least two classes, found {classes.tolist()!r}")
        known = getattr(self, "classes_", None)
        if known is None:
            if classes is None and np.ndim(y) != 2:
                raise ValueError("classes must be passed on the first call to partial_fit, found None")
            return classes
        if classes is not None and not np.array_equal(classes, known):
            raise ValueError(
                f"classes must be those of the call before, {known.tolist()!r}, found {classes.tolist()!r}"
            )
        return known

    def _warm_start(self, classes: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the previous fit's parameters, one row per class, converted to the scaled features; None if unused."""
        if not self.warm_start or not hasattr(self, "coef_"):
            return None
        if self.coef_.shape != ((1 if len(classes) == 2 else len(classes)), self.n_features_in_):
            raise ValueError(
                f"warm_start needs the classes and features of the previous fit, whose coef_ has shape "
                f"{self.coef_.shape}; found {len(classes)} classes and {self.n_features_in_} features"
            )
        return scaling.to_scaled(*self._parameters())

    def _parameters(self) -> tuple[np.ndarray, np.ndarray]:
        """Return W and b in float64, with one row per class."""
        coef, intercept = self._coefficients()
        if not self.fit_intercept:
            intercept = np.zeros_like(intercept)
        return rows_of(coef.astype(np.float64), intercept.astype(np.float64))
