"""How tests call the command line."""

import re
import sys

import pytest

testing = pytest.importorskip("typer.testing")
commands = pytest.importorskip("fastsoftmax.cli.commands")

MAIN = [sys.executable, "-c", "from fastsoftmax.cli.entry import main; main()"]


def run(*arguments):
    return testing.CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


def succeed(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def one_line(text):
    return re.sub(r"\s+", " ", text)
