"""The options of fit that say how C is chosen, and on which rows the model is judged."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..families import OutputsFamily
from .fit_options import CS_OPTION, SCORING, SEARCH, VALIDATION, share_of


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """How C is chosen, and on which rows the model is judged."""

    cv: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="FOLDS",
            rich_help_panel=SEARCH,
            help="Choose C by cross-validation, then fit all rows with it. With --Cs and --validation alone, the "
            "C that is best there.",
        ),
    ] = None
    Cs: Annotated[str | None, CS_OPTION] = None
    scoring: SCORING = "neg_log_loss"
    validation: VALIDATION = None

    @property
    def share(self) -> float | None:
        """The share of the rows that is held out; None for a file, or nothing."""
        return share_of(self.validation)

    @property
    def file(self) -> Path | None:
        """The file to judge the model on."""
        return None if self.validation is None or self.share is not None else Path(self.validation)

    @property
    def is_search(self) -> bool:
        """Whether C is chosen."""
        return self.cv is not None or self.Cs is not None

    def check(self, family: object) -> None:
        """Raise ValueError if these options do not go together."""
        if self.Cs is not None and self.cv is None and self.validation is None:
            raise ValueError("--Cs must be given together with --cv or --validation, which choose among them")
        if self.cv is not None and isinstance(family, OutputsFamily):
            raise ValueError(f"--cv is for --family softmax, found {str(family)!r}; --validation and --Cs serve it")
