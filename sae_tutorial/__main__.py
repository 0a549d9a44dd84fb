"""The course from a command line, also where there is no `make`.

python -m sae_tutorial check         whether this machine has what the course needs; downloads the model on first use
python -m sae_tutorial look [TEXT]   a page of latents worth seeing, and of those that a text of yours turns on
python -m sae_tutorial lab           the notebooks in JupyterLab
python -m sae_tutorial course        run every notebook and build the course as pages: build/course/index.html
                                     (with --no-run: the pages alone, from the outputs as they are saved)
python -m sae_tutorial kit DIR       a folder for a memory stick, to install from where there is no network
"""

import argparse
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; 0 if it went well."""
    options = _parser().parse_args(arguments)
    if options.command in ("lab", "course", "kit") and not (ROOT / "notebooks").is_dir():
        print(f"there are no notebooks in {ROOT}; run this in a copy of the repository.", file=sys.stderr)
        return 1
    try:
        return options.run(options)
    except (ConnectionError, FileExistsError, ValueError) as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "sae_tutorial", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check").set_defaults(run=_check)
    look = commands.add_parser("look")
    look.set_defaults(run=_look)
    look.add_argument("text", nargs="?", help="a text of yours; its first 127 tokens are read")
    look.add_argument("--output", type=Path, default=Path("look.html"), help="the page (default: look.html)")
    look.add_argument("--no-open", action="store_true", help="write the page and open no browser")
    commands.add_parser("lab").set_defaults(run=_lab)
    course = commands.add_parser("course")
    course.set_defaults(run=_course)
    course.add_argument("notebooks", nargs="*", type=Path, help="only these (default: all)")
    course.add_argument(
        "--no-run", action="store_true", help="build the pages from the outputs that the notebooks have"
    )
    kit = commands.add_parser("kit")
    kit.set_defaults(run=_kit)
    kit.add_argument("directory", type=Path)
    kit.add_argument(
        "--platforms", nargs="+", default=[], help="other machines: linux, linux-arm, macos, windows"
    )
    kit.add_argument(
        "--pythons", nargs="+", default=[], help="their Pythons, such as 3.11 3.12 (default: this one)"
    )
    return parser


def _check(_: argparse.Namespace) -> int:
    from sae_tutorial.lab.environment import check_environment
    from sae_tutorial.lab.lab import open_lab

    if not check_environment():
        return 1
    open_lab()
    return 0


def _look(options: argparse.Namespace) -> int:
    from sae_tutorial.course.look import look

    path = look(options.text, options.output)
    print(f"the page is ready: {path}")
    if not options.no_open:
        webbrowser.open(path.as_uri())
    return 0


def _lab(_: argparse.Namespace) -> int:
    return _python("-m", "jupyterlab", f"--notebook-dir={ROOT / 'notebooks'}")


def _course(options: argparse.Namespace) -> int:
    notebooks = options.notebooks or sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    executed, course, scripts = ROOT / "build" / "executed", ROOT / "build" / "course", ROOT / "scripts"
    shutil.rmtree(executed, ignore_errors=True)
    executed.mkdir(parents=True)
    if options.no_run:
        for notebook in notebooks:
            shutil.copy(notebook, executed)
    # From the last to the first: the later ones take longer, and short ones at the end leave no core idle.
    elif failed := _check(options) or _python(
        scripts / "execute_notebooks.py", "--output", executed, *reversed(notebooks)
    ):
        return failed
    shutil.copy(ROOT / "notebooks" / "glossary.ipynb", executed)
    return _python(scripts / "build_course.py", executed, course)


def _kit(options: argparse.Namespace) -> int:
    from sae_tutorial.course.kit import make_kit

    page = make_kit(ROOT, options.directory, options.platforms, options.pythons)
    print(f"the kit is ready; {page} says what to type.")
    return 0


def _python(*arguments: str | Path) -> int:
    return subprocess.run([sys.executable, *map(str, arguments)]).returncode


if __name__ == "__main__":
    sys.exit(main())
