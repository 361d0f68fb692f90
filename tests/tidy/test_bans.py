"""What no module may do, and what it does instead."""

import ast
from dataclasses import dataclass, field

import pytest

from tests.tidy.sources import Module, dotted, modules


@dataclass(frozen=True)
class Ban:
    """A ban on names, with the way that is open.

    names    dotted names, called or merely mentioned; one that begins with a point means the
             method of that name on anything, one that ends with a parenthesis calls only
    roots    the packages where it holds
    allowed  the modules where it does not, with the reason
    """

    names: tuple[str, ...]
    instead: str
    roots: tuple[str, ...] = ("engine/", "jobs/", "schemas/")
    allowed: dict[str, str] = field(default_factory=dict)


BANS = [
    Ban(("print",), "`outcome.emit` prints results, `logging` tells the rest"),
    Ban(
        ("click.echo", "click.secho"),
        "`outcome.emit`, which survives a reader that has gone",
        allowed={
            "jobs/encours_jobs/outcome.py": "is `emit`",
            "jobs/encours_jobs/cli.py": "--version, before anything is set up",
        },
    ),
    Ban(
        (
            "date.today", "datetime.today", "datetime.now", "datetime.utcnow",
            "datetime.date.today", "datetime.datetime.now", "time.time", "time.localtime",
        ),
        "take the as-of date as an argument: no result depends on the clock",
    ),
    Ban(
        ("float(", "np.float64", "np.float32", "np.double", "pl.Float64", "pl.Float32"),
        "thousandths as int64, `Decimal` or `Fraction`: money and rates are never floats",
        roots=("engine/", "schemas/"),
        allowed={"engine/encours/ledger/decode.py": "reads float columns of declared decimals"},
    ),
    Ban(
        ("os.environ", "os.getenv"),
        "take it from the configuration, which jobs read",
        roots=("engine/", "schemas/"),
        allowed={
            "engine/encours/kernels/_jit.py": "where compiled kernels lie is no result",
            "engine/encours/ledger/layouts/queries.py": "a database's address holds a secret",
            "engine/encours/ledger/storages.py": "what the clouds name beside their own chains",
        },
    ),
    Ban(
        ("numba.njit", "numba.jit", "numba.vectorize", "numba.guvectorize", "numba.prange",
         "njit", "jit", "prange"),
        "`encours.kernels._jit.kernel`, the one place where Numba is configured",
        allowed={"engine/encours/kernels/_jit.py": "is that place"},
    ),
    Ban(
        ("os.rename", "os.replace", "os.link", "os.fsync", "os.unlink", "os.remove",
         "shutil.rmtree", "shutil.move", ".unlink", ".rmdir"),
        "`encours.publish.files`, the only module that renames, links, syncs and deletes",
        roots=("engine/",),
        allowed={
            "engine/encours/publish/files.py": "is that module",
            "engine/encours/passes/spill.py": "its scratch files are never published",
            "engine/encours/ledger/table_spill.py": "its scratch files are never published",
            "engine/encours/ledger/text_spill.py": "its scratch files are never published",
        },
    ),
    Ban(
        ("random.random", "np.random.default_rng", "np.random.rand", "uuid.uuid4", "hash"),
        "results depend on the input alone; digests come from hashlib",
        roots=("engine/", "schemas/"),
    ),
    Ban(
        ("sys.exit", "os._exit", "exit", "quit"),
        "raise an `EncoursError`",
        allowed={"schemas/encours_schemas/__main__.py": "is a command of its own"},
    ),
    Ban(("NotImplementedError",), "finish it, or leave it out"),
    Ban(("os.fork", "multiprocessing.Process"), "threads; a forked Numba or Polars hangs"),
]  # fmt: skip


def uses(module: Module, name: str) -> list[int]:
    """Give the lines where a module mentions a name, or calls it where that alone is banned."""
    if name.endswith("("):
        calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
        return [call.lineno for call in calls if dotted(call.func) == name[:-1]]
    return [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and (dotted(node).endswith(name) if name.startswith(".") else dotted(node) == name)
    ]


@pytest.mark.parametrize("ban", BANS, ids=lambda ban: ban.names[0])
def test_ban__is_kept(ban: Ban) -> None:
    broken = [
        f"{module}:{line}: {name} is banned: {ban.instead}"
        for module in modules()
        if module.path.startswith(ban.roots) and module.path not in ban.allowed
        for name in ban.names
        for line in uses(module, name)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("ban", BANS, ids=lambda ban: ban.names[0])
def test_ban__has_no_idle_exception(ban: Ban) -> None:
    by_path = {module.path: module for module in modules()}
    for path in ban.allowed:
        assert path in by_path, f"{path} is gone: drop its exception"
        assert any(uses(by_path[path], name) for name in ban.names), f"{path} needs no exception"


def test_imports__name_packages_not_folders() -> None:
    broken = []
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            broken += [
                f"{module}:{node.lineno}: import from encours, encours_jobs or encours_schemas"
                for name in names
                if name.split(".")[0] in {"engine", "jobs", "schemas", "tests", "bench"}
            ]
    assert not broken, "\n".join(broken)
