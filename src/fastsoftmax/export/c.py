"""C: one file with the weights and the functions that predict from them, valid as C99 and as C++."""

import os
from typing import Any

from .. import _build_config
from ..files.atomic import atomic_path
from ..files.model_file import Model
from ..runtime.arrays import Float64Array, IndexArray
from .affine import DTYPES, affine
from .c_preparation import preparation_in_c
from .c_words import check_name, escaped, of_matrix, of_vector, real_of
from .quantized import Loss, Quantized, measure, quantize

# How a file begins, so that it is known again.
MARK = "/* Exported by fastsoftmax"

INT8 = "int8"

FRAME = """\
{mark} {version}: softmax regression, {n_classes} classes, {n_features} features.
 *
 * x holds the features of one sample, in the order of training, as numbers that are finite. The functions allocate
 * nothing, keep no state and may run in any number of threads. They need math.h alone (link with -lm). Where they are
 * called, #define {upper}_DECLARE and #include this file for their declarations.
 *
 * {weights}
 */
#include <math.h>
{include}
#ifdef __cplusplus
extern "C" {{
#endif

enum {{ {name}_n_classes = {n_classes}, {name}_n_features = {n_features} }};

/* The names of the classes. */
extern const char *const {name}_labels[{name}_n_classes];

/* Return the number of the likeliest class, from 0 on; the first of equally likely ones. */
int {name}_predict(const {real} *x);

/* Write the probability of each class, {name}_n_classes numbers. */
void {name}_predict_proba(const {real} *x, {real} *probabilities);
{declaration}
#ifndef {upper}_DECLARE

/* What sums are made in; float, by -D{upper}_SUM=float, suits processors that lack double. */
#ifndef {upper}_SUM
#define {upper}_SUM double
#endif

const char *const {name}_labels[{name}_n_classes] = {{
{labels}
}};

{constants}
{definition}
/* The logit of class k, up to rounding W (x - center) + b. */
static {upper}_SUM {name}_logit(const {real} *x, int k) {{
    {upper}_SUM sum = 0;
    int j;
    for (j = 0; j < {name}_n_features; ++j) {{
        sum += ({upper}_SUM){name}_W[k][j] * {difference};
    }}
    return {scaled} + ({upper}_SUM){name}_b[k];
}}

int {name}_predict(const {real} *x) {{
    {upper}_SUM top = {name}_logit(x, 0);
    int k, best = 0;
    for (k = 1; k < {name}_n_classes; ++k) {{
        const {upper}_SUM logit = {name}_logit(x, k);
        if (logit > top) {{
            top = logit;
            best = k;
        }}
    }}
    return best;
}}

void {name}_predict_proba(const {real} *x, {real} *probabilities) {{
    {upper}_SUM top = {name}_logit(x, 0), total = 1;
    int i, k;
    /* Each number is exp(logit - top): no overflow, no rounded logit. A new top scales those before it. */
    probabilities[0] = 1;
    for (k = 1; k < {name}_n_classes; ++k) {{
        const {upper}_SUM logit = {name}_logit(x, k);
        if (logit > top) {{
            const {upper}_SUM factor = ({upper}_SUM)exp((double)(top - logit));
            for (i = 0; i < k; ++i) {{
                probabilities[i] = ({real})(factor * ({upper}_SUM)probabilities[i]);
            }}
            total *= factor;
            top = logit;
        }}
        probabilities[k] = ({real})exp((double)(logit - top));
        total += ({upper}_SUM)probabilities[k];
    }}
    for (k = 0; k < {name}_n_classes; ++k) {{
        probabilities[k] = ({real})(({upper}_SUM)probabilities[k] / total);
    }}
}}

#endif

#ifdef __cplusplus
}}
#endif
"""


def save_c(
    path: str | os.PathLike[str],
    model: Model,
    *,
    center: Float64Array | None,
    dtype: str,
    name: str,
    X: Any = None,
    labels: IndexArray | None = None,
) -> None:
    """Write a model as one file of C, whole or not at all; equal models make equal files.

    Parameters
    ----------
    path : path
    model : Model
    center : ndarray of shape (n_features,), optional
        What the features lie around.
    dtype : {"float32", "float64", "int8"}
        Of the weights; features and probabilities are float32 with "int8".
    name : str
        What the names in the file begin with.
    X, labels : optional
        Samples, and their class indices, on which the loss of "int8" is measured.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written there, or an argument is none that is served.
    """
    check_name(name)
    if dtype not in (*DTYPES, INT8):
        raise ValueError(f"dtype must be one of {', '.join((*DTYPES, INT8))}, found {dtype!r}")
    if (X is None) != (labels is None):
        raise ValueError(f"X and y must be given together, found only {'X' if labels is None else 'y'}")
    if X is not None and dtype != INT8:
        raise ValueError(f'X and y measure the loss of dtype="int8" and must not be given for others, found {dtype!r}')
    parameters = affine(model, center, "float32" if dtype == INT8 else dtype)
    W: Any = parameters.W
    vectors = {"b": parameters.b, "center": parameters.center}
    comment = f"The weights are {dtype}."
    if dtype == INT8:
        quantized = quantize(parameters.W)
        W, vectors["scale"] = quantized.q, quantized.scale
        loss = None if labels is None else measure(affine(model, center, "float64"), quantized, X, labels)
        comment = _told(quantized, loss)
    constants = [of_matrix(name, W, "n_classes")]
    constants += [
        of_vector(name, suffix, values, "n_features" if suffix == "center" else "n_classes")
        for suffix, values in vectors.items()
        if values is not None
    ]
    prepared = preparation_in_c(model.preprocessing, name, parameters.b.dtype)
    sum_type = f"{name.upper()}_SUM"
    n_classes, n_features = W.shape
    text = FRAME.format(
        mark=MARK,
        version=_build_config.version,
        n_classes=n_classes,
        n_features=n_features,
        name=name,
        upper=name.upper(),
        real=real_of(parameters.b),
        weights=comment,
        labels=",\n".join(f'    "{escaped("classes", text)}"' for text in map(str, model.classes.tolist())),
        constants="\n\n".join(constants),
        **prepared._asdict(),
        difference=f"({sum_type})x[j]" if center is None else f"(({sum_type})x[j] - ({sum_type}){name}_center[j])",
        scaled=f"({sum_type}){name}_scale[k] * sum" if dtype == INT8 else "sum",
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="ascii", newline="\n")


def holds_c(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `save_c` wrote."""
    with open(path, "rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _told(quantized: Quantized, loss: Loss | None) -> str:
    """Return what the file says of the accuracy of its weights."""
    lines = ["The weights are int8, times a scale for each class: w = scale[k] * W[k][j]."]
    if loss is None:
        half = quantized.scale.max() / 2
        lines += [
            f"Each is off by half its scale or less, {half:.3g} at most, and the logit of class k by half of scale[k]",
            "times the sum of |x - center| or less. What this does to accuracy was not measured.",
        ]
    else:
        before, after = loss.accuracy, loss.quantized_accuracy
        lines += [
            f"What this loses, measured on {loss.n_samples} samples: accuracy {before:.6f} before, {after:.6f} after;",
            f"samples of which the predicted class changes: {loss.n_changed};",
            f"change of a probability: {loss.mean:.3g} on average, {loss.largest:.3g} at most.",
        ]
    return "\n * ".join(lines)
