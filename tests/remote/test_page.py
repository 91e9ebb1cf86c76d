"""The commands of docs/storage.md exist, with the options that they are given."""

import re
import shlex
from pathlib import Path

import pytest

from haystack_gen.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"
COMMANDS = re.findall(r"^ {4}(haystack-gen .*?)(?: {2,}#.*)?$", PAGE.read_text().replace("\\\n", " "), re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_can_be_parsed(line):
    _, name, *arguments = shlex.split(line)
    assert main.commands[name].make_context(name, arguments)


def test_there_are_some():
    assert len(COMMANDS) >= 4
