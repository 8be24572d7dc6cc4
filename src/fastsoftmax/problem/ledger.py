"""How often X was read."""


class Ledger:
    """Counts the rows that are read; whoever reads them is handed one.

    Parameters
    ----------
    n_rows : int
        Rows of a pass.
    total : Ledger, optional
        Where the same is counted again: that of all fits of a path, for example.

    Attributes
    ----------
    rows_read : int
    """

    def __init__(self, n_rows: int, total: "Ledger | None" = None) -> None:
        self.n_rows = n_rows
        self.total = total
        self.rows_read = 0

    @property
    def n_passes(self) -> int:
        """Passes so far; a begun pass counts as one."""
        return -(-self.rows_read // self.n_rows)

    def count(self, rows: int) -> None:
        """Count rows that were read."""
        self.rows_read += rows
        if self.total is not None:
            self.total.count(rows)
