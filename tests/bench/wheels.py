"""Whether pip finds a wheel of every package of the base installation, for each Python and platform.

Run: ``make wheels``. pip resolves as ``pip download --only-binary :all:`` would, without fetching the
wheels themselves.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Older names of a platform are the newer ones' wheels as well.
LINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
MACOS = [f"macosx_{version}_arm64" for version in ("14_0", "13_0", "12_0", "11_0")]
PLATFORMS = {
    "Linux x86-64": [f"{name}_x86_64" for name in LINUX],
    "Linux ARM64": [f"{name}_aarch64" for name in LINUX],
    "macOS ARM64": [*MACOS, "macosx_11_0_universal2", "macosx_10_13_universal2"],
    "Windows x86-64": ["win_amd64"],
}


def main() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    failed = 0
    for name, tags in PLATFORMS.items():
        for python in PYTHONS:
            said = lacking(python, tags, project["dependencies"])
            failed += bool(said)
            print(f"{name}, Python {python}: {said or 'all wheels'}", flush=True)
    sys.exit(1 if failed else 0)


def lacking(python: str, tags: list[str], packages: list[str]) -> str:
    """What pip complains of, "" where it finds everything."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--disable-pip-version-check", "--target", folder, "--only-binary", ":all:"]
        command += ["--python-version", python, *(word for tag in tags for word in ("--platform", tag))]
        done = subprocess.run([*command, *packages], capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else (lines or ["pip failed"])[-1]


if __name__ == "__main__":
    main()
