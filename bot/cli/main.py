"""The ``songwriter`` command: thin; what a command needs is imported when it is called."""

from __future__ import annotations

import io
import sys
from pkgutil import resolve_name

import click

# Where each command is, and its line in the list of them: showing that list imports none.
COMMANDS = {
    "backup": ("bot.cli.ratings:backup", "Copy the bot's database to a new file, also while the bot runs."),
    "caption": ("bot.cli.caption:caption", "Say what is on pictures."),
    "check": ("bot.cli.host:check", "Try everything that `run` needs; print the configuration in force."),
    "data": ("bot.cli.collect:data", "Collect and prepare what the models learn from."),
    "evaluate": ("bot.cli.evaluate:evaluate", "Measure the models."),
    "lyrics": ("bot.cli.sing:lyrics", "Write a stanza from a seed, or from nothing."),
    "ratings": ("bot.cli.ratings:ratings", "What people thought of the stanzas."),
    "report": ("bot.cli.report:report", "Write one HTML page about the models, to look at."),
    "run": ("bot.cli.host:run", "Run the Discord bot."),
    "sing": ("bot.cli.sing:sing", "Write a stanza about a photograph."),
    "train": ("bot.cli.train:train", "Train the models."),
}


class Program(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = resolve_name(COMMANDS[cmd_name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="neural-songwriter")
def main() -> None:
    """Neural Songwriter: a photograph becomes a stanza."""
    # What a terminal has no sign for, such as an emoji or a file's odd name, is no reason to stop.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
