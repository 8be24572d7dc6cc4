"""C: one file with the weights of a regression and the function that predicts means, valid as C99 and as C++."""

import os

from .. import _build_config
from ..files.atomic import atomic_path
from ..files.regression_model import RegressionModel
from .affine import affine
from .c import MARK
from .c_preparation import preparation_in_c
from .c_words import check_name, of_matrix, of_vector, real_of
from .inverse_links import INVERSE_LINKS

FRAME = """\
{mark} {version}: {family} regression, {n_features} features; outputs: {n_outputs}.
 *
 * x holds the features of one sample, in the order of training, as numbers that are finite. The function allocates
 * nothing, keeps no state and may run in any number of threads. It needs math.h alone (link with -lm). Where it is
 * called, #define {upper}_DECLARE and #include this file for its declaration.
 */
#include <math.h>
{include}
#ifdef __cplusplus
extern "C" {{
#endif

enum {{ {name}_n_outputs = {n_outputs}, {name}_n_features = {n_features} }};

/* Write the mean of each output, {name}_n_outputs numbers. */
void {name}_predict(const {real} *x, {real} *means);
{declaration}
#ifndef {upper}_DECLARE

{constants}
{definition}
void {name}_predict(const {real} *x, {real} *means) {{
    int j, k;
    for (k = 0; k < {name}_n_outputs; ++k) {{
        double z = (double){name}_b[k];
        for (j = 0; j < {name}_n_features; ++j) {{
            z += (double){name}_W[k][j] * (double)x[j];
        }}
        means[k] = ({real})({mean});
    }}
}}

#endif

#ifdef __cplusplus
}}
#endif
"""


def save_c_means(path: str | os.PathLike[str], model: RegressionModel, *, dtype: str, name: str) -> None:
    """Write a regression as one file of C, whole or not at all; equal models make equal files.

    Parameters
    ----------
    path : path
    model : RegressionModel
    dtype : {"float32", "float64"}
        Of the weights, the features and the means; sums are made in double.
    name : str
        What the names in the file begin with.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written there, or an argument is none that is served.
    """
    check_name(name)
    parameters = affine(model, None, dtype)
    n_outputs, n_features = parameters.W.shape
    prepared = preparation_in_c(model.preprocessing, name, parameters.b.dtype)
    text = FRAME.format(
        mark=MARK,
        version=_build_config.version,
        family=str(model.family),
        n_outputs=n_outputs,
        n_features=n_features,
        name=name,
        upper=name.upper(),
        real=real_of(parameters.b),
        constants="\n\n".join(
            [
                of_matrix(name, parameters.W, "n_outputs"),
                of_vector(name, "b", parameters.b, "n_outputs"),
            ]
        ),
        **prepared._asdict(),
        mean=INVERSE_LINKS[model.family.link].c,
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="ascii", newline="\n")
