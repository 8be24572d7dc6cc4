"""`typing.override` of Python 3.12, for Python 3.11 too."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: Callable[..., Any]) -> Callable[..., Any]:
        """Mark a method that takes the place of its base class's; type checkers compare the two."""
        method.__override__ = True
        return method


__all__ = ["override"]
