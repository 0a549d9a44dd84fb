"""Install the course from this folder, without a network.

python install.py [WHERE]      by default into the folder sae-tutorial in your home
"""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

KIT = Path(__file__).resolve().parent


def main() -> None:
    """Make the environment, install from the wheels, unpack the model and the texts, and say what to type next."""
    here, pythons = f"3.{sys.version_info[1]}", pythons_of_the_kit()
    if here not in pythons:
        sys.exit(
            f"This is Python {here}; the kit has packages for {', '.join(pythons)}. Start install.py with one of these: "
            f"python{pythons[-1]} install.py, on Windows py -{pythons[-1]} install.py"
        )
    where = Path(sys.argv[1]).expanduser().resolve() if len(sys.argv) > 1 else Path.home() / "sae-tutorial"
    shutil.copytree(KIT / "course", where, dirs_exist_ok=True)
    venv.create(where / ".venv", with_pip=True)
    python = where / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # An address, since pip would cut a path with a space in it. pip's own settings, such as an index, are left out.
    wheels = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (KIT / "wheels").as_uri(), "PIP_CONFIG_FILE": os.devnull}
    environment = os.environ | wheels | {"SAE_LAB": "offline", "SAE_TEXTS": "wikipedia"}
    for step in (
        ["pip", "install", "--requirement", "requirements.lock"],
        ["pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."],
        ["sae_tutorial", "check"],
    ):
        print("python -m", *step, flush=True)
        if subprocess.run([python, "-m", *step], cwd=where, env=environment).returncode:
            sys.exit(
                "That step failed; its message is above. Does wheels/ hold packages for this machine and this Python?"
            )
    (where / ".venv" / "installed").touch()  # `make` need not install again
    print(f"\nThe course is installed. To open it:\n\n    {python} -m sae_tutorial lab\n")


def pythons_of_the_kit() -> "list[str]":
    """The Pythons that wheels/ has a PyTorch for."""
    found = (re.match(r"torch-[^-]+-cp3(\d+)-", path.name) for path in (KIT / "wheels").glob("torch-*.whl"))
    return [f"3.{minor}" for minor in sorted({int(match[1]) for match in found if match})]


if __name__ == "__main__":
    main()
