"""Families: what is known of one distribution alone, in a file each.

The softmax has its dual ascent, its duality gap and its separated classes beside it.
"""

from .family import Family
from .softmax import Softmax

SOFTMAX = Softmax()

# By the name that users give.
FAMILIES: dict[str, Family] = {family.name: family for family in (SOFTMAX,)}

__all__ = ["FAMILIES", "SOFTMAX", "Family", "Softmax"]
