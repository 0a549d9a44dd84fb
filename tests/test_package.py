"""The package as a whole: imports point one way and do nothing, nothing is unpickled, everything public is described."""

import ast
import importlib
import inspect
import socket
import subprocess
import sys
from pathlib import Path

import conftest
import guard
import pytest

import sae_tutorial

PACKAGE = Path(sae_tutorial.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__init__"
)
# The rooms in the order of the course: a module may import from its own room and from those before it.
ROOMS = [
    "storage", "lab", "toys", "transformer", "activations", "sae", "features", "effects", "show", "course", "exercises",
    "__main__",
]  # fmt: skip
LONGEST_MODULE = 400


def imported(module: str) -> set[str]:
    """The package's own modules that `module` imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {
                node.module if node.module.removeprefix("sae_tutorial.") in MODULES else name
                for name in names
            }
    return {name.removeprefix("sae_tutorial.") for name in found if name.startswith("sae_tutorial.")}


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_a_place_in_the_order_and_says_what_it_is():
    assert {room(module) for module in MODULES} == set(ROOMS)
    for path in PACKAGE.glob("*/__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    allowed = ROOMS[: ROOMS.index(room(module)) + 1]
    assert {room(other) for other in imported(module)} <= set(allowed), f"{module} may import from {allowed}"


def test_no_circles_inside_a_room():
    waiting = {module: imported(module) & set(MODULES) for module in MODULES}
    while free := [module for module, needs in waiting.items() if needs.isdisjoint(waiting)]:
        waiting = {module: needs for module, needs in waiting.items() if module not in free}
    assert not waiting


@pytest.mark.parametrize(
    ("of", "knows_nothing_of"),
    [
        ("lab", {"toys", "sae", "activations"}),
        ("toys", {"lab", "transformer", "sae", "activations"}),
        ("transformer", {"lab", "toys"}),
        ("activations", {"lab", "toys"}),
        ("sae", {"lab", "toys", "transformer"}),
        ("features", {"lab"}),
        ("effects", {"lab", "toys"}),
    ],
)
def test_what_a_room_must_not_know(of, knows_nothing_of):
    for module in MODULES:
        if room(module) == of:
            assert {room(other) for other in imported(module)}.isdisjoint(knows_nothing_of), module


def test_this_test_sees_imports():
    assert imported("course.artifacts") >= {"lab.lab", "sae.config", "sae.training"}
    assert imported("sae.saved") == {"sae.config", "sae.foreign", "storage"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_read_in_one_sitting(module):
    text = (PACKAGE / f"{module.replace('.', '/')}.py").read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE


def test_the_names_people_copy_are_at_the_top_and_load_nothing_before_they_are_used():
    code = (
        "import sys, sae_tutorial; assert 'torch' not in sys.modules; from sae_tutorial import *; "
        "assert train_sae.__name__ == 'train_sae' and open_lab and ActivationStore and evaluate_reconstruction"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'tran_sae'"):
        sae_tutorial.tran_sae  # noqa: B018


def test_importing_everything_touches_no_network_and_no_gpu():
    """conftest.py imports every module behind the guard on sockets."""
    assert {f"sae_tutorial.{module}" for module in MODULES} <= set(sys.modules)
    assert conftest.REFUSED_AT_IMPORT == []
    assert not conftest.GPU_TOUCHED_AT_IMPORT


def test_the_guard_on_sockets_guards():
    with pytest.raises(AssertionError, match="tried to look up example.org"):
        socket.create_connection(("example.org", 80), timeout=1)
    with socket.socket() as free, pytest.raises(AssertionError, match="tried to connect"):
        free.connect(("192.0.2.1", 80))
    assert guard.REFUSED == ["example.org", ("192.0.2.1", 80)]
    guard.REFUSED.clear()


def test_nothing_is_ever_unpickled():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        modules = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        modules |= {
            node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
        }
        assert modules.isdisjoint({"pickle", "dill", "joblib", "cloudpickle", "marshal", "shelve"}), path
        assert names.isdisjoint({"read_pickle", "to_pickle"}), path
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            assert called not in ("torch.load", "torch.save"), path
            if called == "np.load":
                assert "allow_pickle=False" in ast.unparse(call), path


def public(module: str) -> list[tuple[str, object]]:
    """Public functions, classes and their public methods that `module` itself defines."""
    loaded = importlib.import_module(f"sae_tutorial.{module}")
    found = []
    for name, item in vars(loaded).items():
        if name.startswith("_") or getattr(item, "__module__", None) != loaded.__name__:
            continue
        if inspect.isfunction(item):
            found.append((name, item))
        elif inspect.isclass(item):
            found.append((name, item))
            for attribute, raw in vars(item).items():
                method = raw.fget if isinstance(raw, property) else getattr(raw, "__func__", raw)
                if not attribute.startswith("_") and inspect.isfunction(method):
                    found.append((f"{name}.{attribute}", method))
    return found


# torch.autograd.Function fixes the signature of its two methods; NamedTuple adds undocumented helpers.
FIXED_ELSEWHERE = {f"{name}.{method}" for name in ("Step", "JumpReLU") for method in ("forward", "backward")}


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_has_a_docstring(module):
    loaded = importlib.import_module(f"sae_tutorial.{module}")
    assert loaded.__doc__
    missing = [
        name
        for name, item in public(module)
        if not (item.__doc__ or "").strip()
        and name not in FIXED_ELSEWHERE
        or (item.__doc__ or "").startswith(name.split(".")[-1] + "(")  # a dataclass's made-up docstring
    ]
    assert missing == []


@pytest.mark.parametrize("module", MODULES)
def test_every_public_function_has_type_hints(module):
    missing = []
    for name, item in public(module):
        if not inspect.isfunction(item) or name in FIXED_ELSEWHERE:
            continue
        signature = inspect.signature(item)
        parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        missing += [f"{name}({p.name})" for p in parameters if p.annotation is inspect.Parameter.empty]
        if signature.return_annotation is inspect.Signature.empty:
            missing.append(f"{name} -> ?")
    assert missing == []


def test_this_test_sees_the_public_names():
    names = {name for module in ("sae.coder", "sae.config") for name, _ in public(module)}
    assert {"SAEConfig", "SAEConfig.d_sae", "SparseAutoencoder.encode", "SparseAutoencoder.load"} <= names
    assert "ActivePairs" not in names
