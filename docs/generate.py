"""Writes the pages that are made from the code: docs/cli.md and docs/row.schema.json.

python docs/generate.py           write them
python docs/generate.py --check   exit 1 if they are out of date
"""

import json
import sys
from pathlib import Path

import click

from haystack_gen.cli import main
from haystack_gen.emit.rows import json_schema

DOCS = Path(__file__).parent


def cli_page() -> str:
    """Every command's help, as the terminal shows it."""
    parts = ["# Command line\n\nMade by `python docs/generate.py` from the commands themselves.\n"]
    group = click.Context(main, info_name="haystack-gen", terminal_width=100, **main.context_settings)
    parts.append(f"```\n{main.get_help(group)}\n```\n")
    for name in main.list_commands(group):
        command = main.commands[name]
        context = click.Context(command, info_name=name, parent=group, terminal_width=100)
        parts.append(f"## haystack-gen {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    """The text of every generated page."""
    return {
        DOCS / "cli.md": cli_page(),
        DOCS / "row.schema.json": json.dumps(json_schema(), indent=1) + "\n",
    }


if __name__ == "__main__":
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        sys.exit(f"out of date: {', '.join(path.name for path in stale)}" if stale else 0)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
