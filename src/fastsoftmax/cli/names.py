"""Names that are cut to a width, and never to the same text."""

from ..files.short_names import short_names


def distinct(names: list[str], width: int) -> list[str]:
    """Return names of at most `width` letters; different ones stay different, equal ones equal.

    Where no cut tells two names from each other, they end with their numbers.
    """
    different = list(dict.fromkeys(names))
    short = dict(zip(different, short_names(different, width), strict=True))
    for number, name in enumerate(different, 1):
        if len(short[name]) > width:
            mark = f"…{number}"
            short[name] = name[: max(0, width - len(mark))] + mark
    return [short[name] for name in names]
