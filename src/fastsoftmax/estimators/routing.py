"""What estimators that cross-validate have in common: the splitter, the scorer, and the metadata that go to them."""

from copy import copy
from inspect import signature
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import (
    UNUSED,
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)


class RoutesMetadata:
    """An estimator with the parameters `cv` and `scoring`, which passes on what these request."""

    # The scorer requests sample_weight, not `score` itself.
    __metadata_request__score: ClassVar[dict[str, str]] = {"sample_weight": UNUSED}

    default_scoring: ClassVar[str]

    cv: Any
    scoring: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata goes to `fit` itself, to the splitter and to the scorer."""
        to_score = MethodMapping().add(caller="fit", callee="score").add(caller="score", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(scorer=self._get_scorer(), method_mapping=to_score)
        )

    def _get_scorer(self) -> Any:
        return get_scorer(self.scoring or self.default_scoring)

    def _routed(self, method: str, sample_weight: Any, params: dict[str, Any]) -> Bunch:
        """Return the metadata for the splitter and for the scorer.

        Raises
        ------
        ValueError
            If scikit-learn routes no metadata, and there is other than sample_weight and, for `fit`, groups.
        """
        _raise_for_params(params, self, method, allow=["groups"] if method == "fit" else None)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        if _routing_enabled():
            return process_routing(self, method, **weights, **params)
        return Bunch(splitter=Bunch(split=params), scorer=Bunch(score=weights))


def told_classes(scorer: Any, classes: np.ndarray) -> Any:
    """Return a scorer whose metric knows all classes, if the metric has an argument for them: a fold may lack one."""
    asked = signature(scorer._score_func).parameters if hasattr(scorer, "_score_func") else {}
    if "labels" not in asked:
        return scorer
    known: dict[str, Any] = {"labels": classes}
    if len(classes) == 2 and "pos_label" in asked:
        known["pos_label"] = classes[-1]
    scorer = copy(scorer)
    scorer._kwargs = {**known, **scorer._kwargs}
    return scorer
