"""Names of classes and features where there is little room, as in pictures."""

from collections import Counter
from collections.abc import Iterable


def short_names(names: Iterable[object], length: int = 14) -> list[str]:
    """Return names of at most `length` characters, those of different names being different.

    A name is cut at its end, else at its start, else in its middle; where none of these tells it from another name, it
    stays whole.
    """
    texts = [str(name) for name in names]
    shown = [_without_end(text, length) for text in texts]
    for cut in (_without_start, _without_middle, lambda text, _: text):
        count = Counter(shown)
        shown = [name if count[name] == 1 else cut(text, length) for name, text in zip(shown, texts, strict=True)]
    return shown if len(set(shown)) == len(set(texts)) else texts


def short_name(name: object, length: int = 40) -> str:
    """Return a name that stands alone, without its middle where it is longer than `length`."""
    return _without_middle(str(name), length)


def _without_end(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _without_start(text: str, length: int) -> str:
    return text if len(text) <= length else "…" + text[1 - length :]


def _without_middle(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[head + 1 - length :]}"
