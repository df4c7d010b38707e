"""Commands of whoever hosts the bot: run it, and check its configuration."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bot.cli.console import (
    BAD_CONFIGURATION,
    BAD_DATA,
    UNAVAILABLE,
    config_option,
    load_settings,
    polite,
    stop,
)
from model.extras import check_torch
from model.eye import Eye


@click.command()
@config_option
@polite
def run(config_path: Path | None) -> None:
    """Run the Discord bot; the token comes from DISCORD_TOKEN or DISCORD_TOKEN_FILE."""
    from bot.stopping import end_quietly

    end_quietly()
    from bot.config import BadConfiguration, token

    config = load_settings(config_path)
    try:
        secret = token(os.environ)
    except BadConfiguration as error:
        stop(str(error), BAD_CONFIGURATION)
    if config.engine.device == "cuda":
        check_torch('engine.device = "cuda"')
    # The workers may not write what is fetched, nor ask the network for it.
    Eye.ready(**dict(config.eye))
    from bot.app import run as run_bot
    from bot.store import BadStore, DatabaseInUse, StoreError

    try:
        run_bot(config, secret)
    except (BadConfiguration, DatabaseInUse) as error:
        stop(str(error), BAD_CONFIGURATION)
    except BadStore as error:
        stop(str(error), BAD_DATA)
    except StoreError as error:
        stop(str(error), UNAVAILABLE)


@click.command()
@config_option
@polite
def check(config_path: Path | None) -> None:
    """Load what `run` would load, and print the configuration in force as TOML; the token is not shown."""
    from bot.cli.rehearsal import faults, remarks
    from bot.config import BadConfiguration, dump, token

    config = load_settings(config_path)
    try:
        token(os.environ)
        click.echo("# The token is set; it is not shown.\n")
    except BadConfiguration as error:
        click.echo(f"# {error}\n")
    for said in remarks(config):
        click.echo(f"# {said}\n")
    click.echo(dump(config))
    found = list(faults(config))
    for fault in found[:-1]:
        click.echo(f"songwriter: {fault}", err=True)
    if found:
        stop(found[-1], BAD_CONFIGURATION)
