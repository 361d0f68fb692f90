"""How long functions and modules are: a ratchet, old offenders may stay and none may grow."""

import ast

from tests.tidy.sources import functions, is_kernel, modules

FUNCTION_LINES_MAX = 60
KERNEL_LINES_MAX = 60  # 40, or 60 where passes are fused
MODULE_LINES_MAX = 600
ARGUMENTS_MAX = 9

# Function or module -> lines that it had when the limit came. Entries go, and never come.
OLD_OFFENDERS: dict[str, int] = {}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Give the lines of a function's body without its docstring."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_functions__are_short() -> None:
    broken = []
    for module in modules():
        for name, function in functions(module.tree):
            limit = KERNEL_LINES_MAX if is_kernel(function) else FUNCTION_LINES_MAX
            key = f"{module}:{name}"
            lines = body_lines(function)
            if lines > OLD_OFFENDERS.get(key, limit):
                broken.append(f"{key} has {lines} lines of {limit}: it does two things")
    assert not broken, "\n".join(broken)


def test_modules__have_one_subject() -> None:
    broken = []
    for module in modules():
        lines = len(module.text.splitlines())
        if lines > OLD_OFFENDERS.get(module.path, MODULE_LINES_MAX):
            broken.append(f"{module} has {lines} lines of {MODULE_LINES_MAX}: cut it by subject")
    assert not broken, "\n".join(broken)


def test_kernels__take_few_arguments() -> None:
    broken = [
        f"{module}:{name} takes {len(function.args.args)} arguments of {ARGUMENTS_MAX}: "
        "a NamedTuple of arrays holds what belongs together"
        for module in modules()
        for name, function in functions(module.tree)
        if is_kernel(function) and len(function.args.args) > ARGUMENTS_MAX
    ]
    assert not broken, "\n".join(broken)
