"""The command line, called in this process."""

from click.testing import CliRunner, Result

from haystack_gen.cli import main


def run(*arguments: object) -> Result:
    """One command; nothing but an exit code may come out of it."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="haystack-gen")
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert "Traceback" not in done.stderr
    return done
