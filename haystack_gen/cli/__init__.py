"""The command line: one thin command per verb. Data go to stdout, talk and progress to stderr."""

from haystack_gen.cli.main import main

__all__ = ["main"]
