"""The tree as the tidy tests see it: its files, and its modules as syntax trees."""

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "engine": ROOT / "engine" / "encours",
    "jobs": ROOT / "jobs" / "encours_jobs",
    "schemas": ROOT / "schemas" / "encours_schemas",
}


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the root, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return self.path


@cache
def modules() -> tuple[Module, ...]:
    """Give every module of the three packages."""
    found = []
    for package in PACKAGES.values():
        for path in sorted(package.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            found.append(Module(path.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return tuple(found)


@cache
def tree_files() -> tuple[Path, ...]:
    """Give every file that is, or would be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:  # an unpacked archive: whatever lies in it
        return tuple(path for path in sorted(ROOT.rglob("*")) if path.is_file())
    names = listed.stdout.decode().split("\0")
    return tuple(ROOT / name for name in sorted(names) if name and (ROOT / name).is_file())


def dotted(node: ast.AST) -> str:
    """Give `a.b.c` of a name or an attribute, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        holder = dotted(node.value)
        return f"{holder}.{node.attr}" if holder else f".{node.attr}"
    return ""


def functions(tree: ast.Module) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Give every function of a module under its qualified name."""
    found = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append((prefix + child.name, child))
                visit(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            else:
                visit(child, prefix)

    visit(tree, "")
    return found


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a function is compiled by Numba."""
    return any(dotted(decorator) == "kernel" for decorator in function.decorator_list)
