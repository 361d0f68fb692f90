"""What docstrings must say where a linter cannot see it."""

import ast
import re

from tests.tidy.sources import functions, is_kernel, modules


def test_public_functions__say_what_they_give() -> None:
    broken = []
    for module in modules():
        for name, function in functions(module.tree):
            public = not any(part.startswith("_") for part in name.split("."))
            nested = f".{function.name}" in name and not _is_method(module.tree, name)
            if public and not nested and ast.get_docstring(function) is None:
                broken.append(f"{module}:{function.lineno}: {name} has no docstring")
    # Callbacks that a base class documents: the base says what they give.
    broken = [line for line in broken if not re.search(r": \w*\.(format|emit) has", line)]
    assert not broken, "\n".join(broken)


def _is_method(tree: ast.Module, name: str) -> bool:
    holder = name.split(".")[-2]
    return any(isinstance(node, ast.ClassDef) and node.name == holder for node in ast.walk(tree))


def test_public_kernels__describe_every_argument() -> None:
    """Numba takes no annotations: types and shapes of a kernel stand in its docstring."""
    broken = []
    called = _kernels_called_from_outside()
    for module in modules():
        for name, function in functions(module.tree):
            if not is_kernel(function) or name not in called:
                continue
            text = ast.get_docstring(function) or ""
            missing = [
                argument.arg
                for argument in function.args.args
                if not re.search(rf"\b{argument.arg}\b", text)
            ]
            if missing:
                broken.append(f"{module}:{function.lineno}: {name} says nothing of {missing}")
    assert not broken, "\n".join(broken)


def _kernels_called_from_outside() -> set[str]:
    """Give what other parts of the engine import from kernels; the rest is their own affair."""
    return {
        alias.name
        for module in modules()
        if not module.path.startswith("engine/encours/kernels/")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("encours.kernels")
        for alias in node.names
    }
