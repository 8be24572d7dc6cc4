"""All commands, registered in one place; each has its own module, which says what it takes and does."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from .compare import compare_command
from .config import config_command
from .cv import cv_command
from .demo import demo_command
from .entry import FAILED, INTERRUPTED
from .evaluate import evaluate_command
from .examples import CODES, epilog
from .export import export_command
from .fit import fit_command
from .groups import grouped
from .output import describe, say
from .path import path_command
from .predict import predict_command
from .show import show_command


class Commands(TyperGroup):
    """A group of commands; an expected error prints one line and sets the exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, MemoryError, ImportError) as error:
            say("error", describe(error), "bold red")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt as interrupt:
            say("interrupted", str(interrupt) or "ended by Ctrl-C before it was done", "bold yellow")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=CODES,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fastsoftmax {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Softmax (multinomial logistic) regression and generalised linear models on CPUs."""


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo_command,
    "fit": fit_command,
    "cv": cv_command,
    "path": path_command,
    "evaluate": evaluate_command,
    "compare": compare_command,
    "predict": predict_command,
    "show": show_command,
    "export": export_command,
    "config": config_command,
}

for name, command in COMMANDS.items():
    app.command(name, epilog=epilog(name))(grouped(command))
