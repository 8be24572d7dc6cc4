"""Names that are cut to a width, and never to the same text."""

from collections import Counter


def distinct(names: list[str], width: int) -> list[str]:
    """Return names of at most `width` letters; different ones stay different, equal ones equal.

    A name that is too long is cut at its end; if others would be cut to the same text, in its middle; if that does
    not help either, it ends with its number.

    Parameters
    ----------
    names : list of str
    width : int
        At least 4.
    """
    different = list(dict.fromkeys(names))
    short = {name: _end_cut(name, width) for name in different}
    for cut in (_middle_cut, None):
        counts = Counter(short.values())
        for number, name in enumerate(different, 1):
            if counts[short[name]] > 1 and len(name) > width:
                if cut is not None:
                    short[name] = cut(name, width)
                else:
                    mark = f"…{number}"
                    short[name] = name[: max(0, width - len(mark))] + mark
    return [short[name] for name in names]


def _end_cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _middle_cut(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    end = (width - 1) // 2
    return name[: width - 1 - end] + "…" + name[len(name) - end :]
