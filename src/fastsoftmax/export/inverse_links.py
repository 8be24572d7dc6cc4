"""How other languages compute the mean of y from a logit z."""

from typing import NamedTuple

# Below this, exp(-z) overflows: some databases raise an error then.
LEAST_LOGIT = -700


class InverseLink(NamedTuple):
    """An inverse link as an operator of ONNX, None for the identity, and as expressions of z."""

    onnx: str | None
    c: str
    sql: str


INVERSE_LINKS = {
    "identity": InverseLink(None, "z", "{z}"),
    "log": InverseLink("Exp", "exp(z)", "EXP({z})"),
    "logit": InverseLink(
        "Sigmoid",
        "z < 0 ? exp(z) / (1 + exp(z)) : 1 / (1 + exp(-z))",
        f"CASE WHEN {{z}} < {LEAST_LOGIT} THEN 0e0 ELSE 1e0 / (1e0 + EXP(-{{z}})) END",
    ),
}
