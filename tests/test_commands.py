"""What `python -m sae_tutorial` does, and what it says where it cannot."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sae_tutorial import __main__ as commands
from sae_tutorial.course import kit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CALLED = {"huggingface-hub": "huggingface_hub", "ipython": "IPython", "scikit-learn": "sklearn"}
USED_BY_OTHERS = {"gguf": "transformers reads the offline model's file with it"}


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A copy of the repository with two notebooks, in the place of this one."""
    (tmp_path / "notebooks").mkdir()
    for name in ("01_b.ipynb", "00_a.ipynb", "glossary.ipynb"):
        (tmp_path / "notebooks" / name).write_text("{}")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def started(monkeypatch) -> list[list[str]]:
    """The Pythons that would have been started."""
    found: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        found.append(command)
        (commands.ROOT / "build" / "executed").mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(commands.subprocess, "run", run)
    return found


def test_the_course_is_executed_and_then_built(checkout, started, monkeypatch):
    monkeypatch.setattr(commands, "_check", lambda _: 0)
    assert commands.main(["course"]) == 0
    assert [Path(command[1]).name for command in started] == [
        "execute_notebooks.py",
        "build_course.py",
    ]
    assert [Path(path).name for path in started[0][4:]] == ["01_b.ipynb", "00_a.ipynb"]  # the longest first
    assert (checkout / "build" / "executed" / "glossary.ipynb").is_file()


def test_the_course_is_built_from_saved_outputs_and_runs_nothing(checkout, started, monkeypatch):
    monkeypatch.setattr(commands, "_check", lambda _: pytest.fail("this needs no model"))
    (checkout / "build" / "executed").mkdir(parents=True)
    (checkout / "build" / "executed" / "99_old.ipynb").touch()
    assert commands.main(["course", "--no-run"]) == 0
    assert [Path(command[1]).name for command in started] == ["build_course.py"]
    copied = {path.name for path in (checkout / "build" / "executed").iterdir()}
    assert copied == {"00_a.ipynb", "01_b.ipynb", "glossary.ipynb"}


def test_a_machine_that_lacks_something_builds_no_course(checkout, started, monkeypatch):
    monkeypatch.setattr(commands, "_check", lambda _: 1)
    assert commands.main(["course"]) == 1
    assert started == []


@pytest.mark.parametrize("command", [["lab"], ["course"], ["kit", "somewhere"]])
def test_without_notebooks_the_cure_is_named(command, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    assert commands.main(command) == 1
    assert "run this in a copy of the repository" in capsys.readouterr().err


def test_looking_opens_the_page(monkeypatch, tmp_path, capsys):
    look = pytest.importorskip("sae_tutorial.course.look")
    monkeypatch.setattr(look, "look", lambda text, path: tmp_path / f"{text}.html")
    opened: list[str] = []
    monkeypatch.setattr(commands.webbrowser, "open", opened.append)
    assert commands.main(["look", "Saturn"]) == commands.main(["look", "Mars", "--no-open"]) == 0
    assert opened == [(tmp_path / "Saturn.html").as_uri()]
    assert "Mars.html" in capsys.readouterr().out


def test_an_error_is_a_line_and_no_traceback(checkout, tmp_path, capsys):
    assert commands.main(["kit", str(tmp_path / "kit"), "--platforms", "amiga"]) == 1
    assert capsys.readouterr().err.startswith("kit: there is no platform 'amiga'; choose from linux, ")
    assert not (tmp_path / "kit").exists()


# ----------------------------------------------------------------------------------------------- kit


@pytest.fixture
def no_index(monkeypatch) -> list[list[str]]:
    """What pip would be asked for."""
    asked: list[list[str]] = []
    monkeypatch.setattr(kit, "run_pip", lambda *arguments: asked.append(list(arguments)))

    def download(wheel: object, directory: Path) -> Path:
        path = directory / f"{wheel.requirement}.whl"
        path.touch()
        return path

    monkeypatch.setattr(kit, "download", download)
    return asked


def test_a_kit_holds_the_course_the_wheels_and_a_page(no_index, tmp_path):
    page = kit.make_kit(ROOT, tmp_path / "a kit", ["windows", "macos"], ["3.12", "3.13"])
    assert page == tmp_path / "a kit" / "START.html"
    assert {path.name for path in page.parent.iterdir()} == {"START.html", "install.py", "wheels", "course"}
    assert len(list((page.parent / "wheels").iterdir())) == 2
    course = page.parent / "course"
    assert (course / "notebooks" / "00_start_here.ipynb").is_file() and (
        course / "sae_tutorial" / "data"
    ).is_dir()
    assert not list(course.rglob("__pycache__"))
    assert [asked[0] for asked in no_index] == ["wheel", *["download"] * 4]
    windows = [asked for asked in no_index if "--platform=win_amd64" in asked]
    assert [asked[asked.index("--python-version") + 1] for asked in windows] == ["3.12.99", "3.13.99"]
    assert "pywinpty" in windows[0]


def test_a_torch_that_asks_for_cuda_is_refused_with_the_cure(no_index, monkeypatch, tmp_path):
    def pip(command: str, *arguments: str) -> None:
        folder = Path(arguments[arguments.index("--dest") + 1]) if command == "download" else tmp_path
        (folder / f"torch-2.13.0{build}-cp313-cp313-manylinux_2_28_x86_64.whl").touch()

    monkeypatch.setattr(kit, "run_pip", pip)
    build = "+cpu"
    kit.make_kit(ROOT, tmp_path / "installs", ["linux"], ["3.13"])
    build = ""
    with pytest.raises(ValueError, match="set PIP_EXTRA_INDEX_URL"):
        kit.make_kit(ROOT, tmp_path / "does not", ["linux"], ["3.13"])
    assert not (tmp_path / "does not").exists()


def test_a_folder_that_holds_something_is_left_alone(no_index, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"thesis\.txt"):
        kit.make_kit(ROOT, tmp_path)
    assert no_index == []
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


# ---------------------------------------------------------------------------------------- dependencies


def imported() -> set[str]:
    names = set()
    for path in (ROOT / "sae_tutorial").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("line", PROJECT["dependencies"])
def test_every_dependency_is_imported_somewhere(line):
    name = Requirement(line).name
    assert CALLED.get(name.replace("_", "-").lower(), name) in imported() or name in USED_BY_OTHERS


def test_everything_imported_is_a_dependency():
    asked = {Requirement(line).name.replace("_", "-").lower() for line in PROJECT["dependencies"]}
    known = {CALLED.get(name, name.replace("-", "_")) for name in asked}
    assert imported() - known - set(sys.stdlib_module_names) <= {
        "sae_tutorial",
        "transformer_lens",
        "mpl_toolkits",
        "ipywidgets",  # where a notebook runs, which the extra `course` is for
    }


# --------------------------------------------------------------------------- slow: from nothing, as a person would


def offline(*command: str | Path, **settings: str) -> None:
    """Run a command with no network but the machine's own loop; where that cannot be had, without a way out."""
    settings |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    line = [str(part) for part in command]
    cut = [
        "unshare",
        "--user",
        "--map-root-user",
        "--net",
        "sh",
        "-c",
        'ip link set lo up && exec "$@"',
        "sh",
    ]
    if sys.platform == "linux" and not subprocess.run([*cut, "true"], capture_output=True).returncode:
        line = cut + line
    done = subprocess.run(line, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_a_kit_refuses_a_python_that_it_has_no_packages_for(tmp_path):
    (tmp_path / "wheels").mkdir()
    for minor in (9, 10):
        (tmp_path / "wheels" / f"torch-2.13.0-cp3{minor}-cp3{minor}-win_amd64.whl").touch()
    (tmp_path / "install.py").write_text((ROOT / "scripts" / "kit_install.py").read_text("utf-8"), "utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "install.py", tmp_path / "x"], capture_output=True, text=True
    )
    assert done.returncode == 1 and not (tmp_path / "x").exists()
    assert "the kit has packages for 3.9, 3.10. Start" in done.stderr and "py -3.10 install.py" in done.stderr


@pytest.mark.slow
def test_from_a_kit_the_course_installs_and_its_first_notebook_runs_without_a_network(tmp_path):
    folder = Path(os.environ.get("SAE_KIT", tmp_path / "a kit"))  # a kit that is there already
    if not folder.is_dir():
        assert commands.main(["kit", str(folder)]) == 0
    where, home = (
        tmp_path / "course",
        {"XDG_CACHE_HOME": str(tmp_path / "cache"), "SAE_ARTIFACTS": str(tmp_path / "artifacts")},
    )
    offline(sys.executable, folder / "install.py", where, **home)
    python, notebook = where / ".venv" / "bin" / "python", where / "notebooks" / "00_start_here.ipynb"
    offline(
        python,
        where / "scripts" / "execute_notebooks.py",
        "--output",
        tmp_path / "executed",
        notebook,
        **home,
    )
    assert (tmp_path / "executed" / notebook.name).is_file()


@pytest.mark.slow
def test_colab_s_cell_installs_all_that_the_first_notebook_needs(tmp_path):
    """The notebook's own cells, in an environment that has what Colab brings: torch and IPython."""
    import nbformat

    import colab

    cells = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4).cells
    setup, *rest = (cell.source for cell in cells if cell.cell_type == "code")
    assert "%pip install" in setup
    setup = setup.replace(f"git+{colab.repository()}", f"git+file://localhost{ROOT.as_posix()}")
    fake = 'import sys, types\nsys.modules["google.colab"] = types.ModuleType("google.colab")'
    gone = 'del sys.modules["google.colab"]'  # other libraries look for it too, and would use what is in it
    script = tmp_path / "notebook.ipy"
    script.write_text("\n\n".join([fake, setup, gone, *rest]), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "colab"], check=True)
    python, lock = (
        tmp_path / "colab" / "bin" / "python",
        (ROOT / "requirements.lock").read_text().splitlines(),
    )
    brought = [line for line in lock if line.startswith(("torch==", "ipython=="))]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *brought], check=True)
    settings = {"SAE_LAB": "offline", "SAE_BUDGET": "smoke", "SAE_ARTIFACTS": str(tmp_path / "artifacts")}
    subprocess.run([python, "-m", "IPython", script], check=True, cwd=tmp_path, env=os.environ | settings)
