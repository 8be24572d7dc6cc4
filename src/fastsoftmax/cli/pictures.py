"""Files of pictures: how they are written, and known again. Nothing here draws."""

import os
from pathlib import Path
from typing import Any

from ..files.atomic import atomic_path
from ..files.outputs import Kind

DPI = 160

# PNG metadata by which `holds_picture` recognises our pictures.
SOFTWARE = "fastsoftmax"


def check_png(path: Path) -> None:
    """Raise ValueError unless a picture can have this name."""
    if path.suffix.lower() != ".png":
        raise ValueError(f"--plot must end in .png, found {str(path)!r}")


def save_figure(path: str | os.PathLike[str], figure: Any) -> None:
    """Write a figure of Matplotlib as PNG, whole or not at all.

    Raises
    ------
    OSError, ValueError
        If the file cannot be written there.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": SOFTWARE})


def holds_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a picture that `save_figure` wrote: PNG stores the metadata before the pixels."""
    with open(path, "rb") as file:
        return f"tEXtSoftware\0{SOFTWARE}".encode() in file.read(512)


PICTURE = Kind("a picture that fastsoftmax drew", holds_picture)
