"""The command config: what the package was built with, and runs with."""

from ..runtime.config import show_config
from .options import JSON
from .output import Report


def config_command(as_json: JSON = False) -> None:
    """Show the version, the compiler, the instruction sets and the threads in use."""
    if not as_json:
        show_config()
        return
    report = Report(as_json)
    report.tell(**(show_config("dicts") or {}))
    report.close()
