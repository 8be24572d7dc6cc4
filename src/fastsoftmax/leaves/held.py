"""Rows that are so few that all of them are held after the first pass."""

from ..problem.ledger import Ledger
from ..problem.loss import Loss
from ..runtime.arrays import IndexArray
from ..runtime.override import override
from .binding import Binding
from .loss import LeavesLoss
from .reading import Passes
from .streamed import StreamedLoss
from .survey import Survey


class HeldLoss(LeavesLoss):
    """The loss of rows that are all at hand: what solvers ask beside loss and gradient is had as in memory.

    Loss and gradient are sums over leaves that are read in passes, as of more rows, by whoever has them.

    Parameters
    ----------
    passes, binding, survey, ledger
        As of `LeavesLoss`; the survey holds the rows.
    """

    def __init__(self, passes: Passes, binding: Binding, survey: Survey, ledger: Ledger | None = None) -> None:
        assert survey.held is not None
        whole = binding.loss(survey.held)
        super().__init__(whole.X, whole.samples, passes, binding, survey, ledger)

    @override
    def columns(self, columns: IndexArray) -> Loss:
        # Of some features, all is had as in memory.
        return Loss.columns(self, columns)

    @override
    def _of_binding(self, binding: Binding, ledger: Ledger) -> "HeldLoss":
        return HeldLoss(self.passes, binding, self.survey, ledger)


def loss_of(passes: Passes, binding: Binding, survey: Survey, ledger: Ledger | None = None) -> LeavesLoss:
    """Return the loss of rows that have been surveyed."""
    kind = StreamedLoss if survey.held is None else HeldLoss
    return kind(passes, binding, survey, ledger)
