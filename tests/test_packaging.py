"""Container, service and invitation: what can be checked without building or inviting."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import discord
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.client import intents
from bot.config import load_config
from bot.ops.health import Metrics

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
HOSTING = (ROOT / "docs/hosting.md").read_text()
UNIT = ROOT / "packaging/songwriter.service"
DOCKER_CONFIG = ROOT / "packaging/docker.toml"

# Where each is needed: see docs/hosting.md.
PERMISSIONS = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    read_message_history=True,
    add_reactions=True,
)

analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")


def instructions() -> list[tuple[str, str]]:
    """Of the last stage, the image."""
    lines = [line.strip() for line in DOCKERFILE.splitlines() if line.strip() and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines[last:]]


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    kinds = [kind for kind, _ in instructions()]
    found = dict(instructions())
    assert found["USER"] == "10001:10001"
    assert found["VOLUME"] == "/data"
    assert json.loads(found["ENTRYPOINT"]) == ["songwriter"]
    assert json.loads(found["CMD"]) == ["run"]
    # Nothing runs as root after that.
    assert "RUN" not in kinds[kinds.index("USER") :]


def test_the_image_holds_only_the_program() -> None:
    copied = re.findall(r"^(?:COPY|ADD) (.+)$", DOCKERFILE, re.MULTILINE)
    sources = [word for line in copied if "--from=" not in line for word in line.split()[:-1]]
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(sources) == sorted(allowed)
    assert all((ROOT / source).exists() for source in sources)
    assert "\n*\n" in (ROOT / ".dockerignore").read_text()
    assert not re.search(
        r"^(ADD|ARG|ENV) .*(token|secret|password)", DOCKERFILE, re.MULTILINE | re.IGNORECASE
    )


def test_what_is_installed_is_in_the_image() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert copied == set(packages["wheel"]["packages"])


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
async def test_the_health_check_fails_when_the_bot_is_not_ready(status: int, code: int) -> None:
    check = re.search(r"HEALTHCHECK .*CMD (\[.*\])", DOCKERFILE)
    assert check
    _, option, script = json.loads(check[1])

    async def ready(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    async with TestServer(app) as server:
        port = load_config(DOCKER_CONFIG).health.port
        assert f":{port}/" in script
        here = script.replace(f":{port}/", f":{server.port}/")
        run = await asyncio.create_subprocess_exec(
            sys.executable, option, here, stderr=asyncio.subprocess.DEVNULL
        )
        assert await run.wait() == code


def test_the_containers_settings_fit_the_image() -> None:
    config = load_config(DOCKER_CONFIG)
    assert config.health.enabled
    assert config.health.host == "127.0.0.1"
    assert config.store.path == Path("/data/songwriter.sqlite3")
    assert dict(instructions())["WORKDIR"] == "/etc/songwriter"


def test_compose_gives_the_container_little() -> None:
    bot = compose()["services"]["bot"]
    assert bot["read_only"] is True
    assert bot["init"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert bot["security_opt"] == ["no-new-privileges:true"]
    assert bot["stop_grace_period"] == "30s"
    assert {"mem_limit", "cpus", "pids_limit"} <= set(bot)
    assert not {"ports", "privileged", "network_mode", "user"} & set(bot)
    assert bot["volumes"] == ["data:/data"]


def test_composes_references_lead_somewhere() -> None:
    found = compose()
    bot = found["services"]["bot"]
    (secret,) = bot["secrets"]
    assert bot["environment"] == {"DISCORD_TOKEN_FILE": f"/run/secrets/{secret}"}
    assert set(found["secrets"]) == {secret}
    (settings,) = bot["configs"]
    assert (ROOT / found["configs"][settings["source"]]["file"]).exists()
    assert settings["target"] in DOCKERFILE
    assert set(found["volumes"]) == {"data"}
    gpu = compose("compose.gpu.yaml")["services"]["bot"]
    assert re.search(r"^ARG GPU=0$", DOCKERFILE, re.MULTILINE)
    assert gpu["build"]["args"] == {"GPU": "1"}


def test_the_service_is_stopped_and_restarted_as_the_bot_expects() -> None:
    found = unit()
    assert found["KillMode"] == ["mixed"]
    assert found["TimeoutStopSec"] == ["30"]
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == ["65 78"]
    name = found["LoadCredential"][0].split(":")[0]
    assert f"DISCORD_TOKEN_FILE=%d/{name}" in found["Environment"]
    # PyTorch and CUDA compile at run time.
    assert "MemoryDenyWriteExecute" not in found


@pytest.fixture
def unit_here(tmp_path: Path) -> Path:
    """The unit, for a machine on which the bot is not installed."""
    here = tmp_path / UNIT.name
    here.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    return here


@analyze
def test_systemd_understands_the_service(unit_here: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", unit_here], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@analyze
def test_the_service_is_confined(unit_here: Path) -> None:
    """systemd's own measure of exposure, 0 to 10: it calls up to 2 or so "OK"."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit_here]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-200:]


def test_the_invitation_asks_for_what_the_table_explains() -> None:
    link = discord.utils.oauth_url(
        "APPLICATION_ID", permissions=PERMISSIONS, scopes=("bot", "applications.commands")
    )
    assert f"\n{link}\n" in HOSTING
    assert f"That is all: {PERMISSIONS.value}." in HOSTING
    table = HOSTING.split("| permission | for |")[1].split("\n\n")[0]
    explained = re.findall(r"^\| ([A-Z][\w ]+) \|", table, re.MULTILINE)
    names = [name.replace(" ", "_").lower().replace("channels", "channel") for name in explained]
    assert discord.Permissions(**dict.fromkeys(names, True)) == PERMISSIONS


def test_the_intents_are_explained() -> None:
    table = HOSTING.split("| intent | for |")[1].split("\n\n")[0]
    explained = {
        name.replace(" ", "_") for name in re.findall(r"^\| ([a-z ]+?)(?: \(|\s\|)", table, re.MULTILINE)
    }
    wanted = {name.removeprefix("guild_").removeprefix("dm_") for name, on in intents(True) if on}
    assert explained == wanted


def test_every_metric_is_explained() -> None:
    explained = set(re.findall(r"`(songwriter_\w+)`", HOSTING))
    assert explained == {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    }


def test_what_is_explained_is_what_the_program_says() -> None:
    said = "\n".join(
        str(node.value)
        for folder in ("bot", "model")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
    )
    table = HOSTING.split("| it says | do this |")[1]
    explained = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(explained) > 10
    assert [sentence for sentence in explained if sentence not in said] == []
