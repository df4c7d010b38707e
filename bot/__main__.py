"""``python -m bot`` is ``songwriter run``."""

from bot.cli.host import run

if __name__ == "__main__":
    run(prog_name="python -m bot")
