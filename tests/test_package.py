"""The package as a whole: imports point one way and do nothing, nothing is unpickled, everything public is described."""

import ast
import importlib
import inspect
import socket
import sys
from pathlib import Path

import conftest
import guard
import pytest

import sae_tutorial

PACKAGE = Path(sae_tutorial.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
# In the order the data flows: a module may import only those before it.
ORDER = [
    "storage", "foreign", "checkpoint", "sparse", "sae", "activations", "intervals", "metrics", "batches", "training",
    "features", "controls", "probes", "concepts", "dictionaries", "downstream", "superposition", "hierarchy", "residual",
    "interventions", "plots",
    "dashboard", "exercises", "literate", "lab", "artifacts", "environment",
]  # fmt: skip


def imported(module: str) -> set[str]:
    """The package's own modules that `module` imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("sae_tutorial.")
            }
        elif isinstance(node, ast.ImportFrom) and node.module == "sae_tutorial":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sae_tutorial."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import"
    return found


def test_every_module_has_a_place_in_the_order():
    assert set(MODULES) <= set(ORDER)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    earlier = ORDER[: ORDER.index(module)]
    assert imported(module) <= set(earlier), f"{module} may import only {earlier}"


@pytest.mark.parametrize(
    ("module", "knows_nothing_of"),
    [
        ("lab", {"sparse", "checkpoint", "sae", "activations", "metrics", "training", "features"}),
        ("sae", {"activations", "training", "metrics"}),
        ("sparse", set(ORDER)),
        ("literate", set(ORDER)),
        ("checkpoint", {"training", "sae"}),
        ("foreign", {"checkpoint", "training", "sae"}),
        ("training", {"lab", "plots"}),
        ("features", {"lab", "plots", "training"}),
        ("activations", {"sae", "lab"}),
        ("superposition", {"lab", "activations", "features", "probes"}),
        ("plots", {"lab", "sae"}),
    ],
)
def test_what_a_module_must_not_know(module, knows_nothing_of):
    assert imported(module).isdisjoint(knows_nothing_of)


def test_this_test_sees_imports():
    assert imported("artifacts") >= {"activations", "lab", "sae", "training"}
    assert imported("checkpoint") == {"foreign", "storage"}


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
FIXED_ELSEWHERE = {
    f"{name}.{method}" for name in ("SparseAutoencode", "JumpReLU") for method in ("forward", "backward")
}


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
    names = {name for name, _ in public("sae")}
    assert {"SAEConfig", "SAEConfig.d_sae", "SparseAutoencoder.encode", "SparseAutoencoder.load"} <= names
    assert "ActivePairs" not in names
