"""Dependencies point one way: models know no sampler, samplers no interface, and only the interface knows gradio."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A part may import the parts named; fewshot.interface and the command line may import all.
ALLOWED = {
    "data": {"data"},
    "models": {"models"},
    "files": set(),
    "memory": set(),
    "tasks": {"data"},
    "evaluation": {"data", "models"},
    "sampling": {"data", "models", "sampling"},
    "checkpoints": {"models", "files"},
    "training": {"data", "models", "tasks", "evaluation", "checkpoints", "files", "memory", "training"},
    "api": {"models", "tasks", "sampling", "checkpoints", "files"},
    "payload": {"api", "data", "tasks"},
    "export": {"api", "data", "payload", "export"},
    "quality": {"api", "data", "models"},
    "bench": {"api", "models", "sampling", "checkpoints", "files", "memory", "training"},
    "lab": {"api", "data", "models", "tasks", "checkpoints", "files"},
    "report": {"api", "data", "tasks", "evaluation", "checkpoints", "files"},
}
# What a run's own methods need, when they are called.
WHEN_CALLED = {"api": {"export"}}


def imports(file: Path, when_called: bool = True) -> set[str]:
    """The full names of the modules that a file imports; ``when_called``: also those that its functions do."""
    names = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if when_called or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(file: Path) -> str:
    return file.relative_to(ROOT / "fewshot").parts[0].removesuffix(".py")


def parts_used(file: Path, when_called: bool = True) -> set[str]:
    """The parts of the package that a file imports, as ``imports``."""
    names = [name.split(".") for name in imports(file, when_called) if name.split(".")[0] == "fewshot"]
    modules = {part(other) for other in FILES}
    # The package itself, and what it has that is no part, is the api's.
    return {name[1] if len(name) > 1 and name[1] in modules else "api" for name in names}


FILES = sorted((ROOT / "fewshot").rglob("*.py"))


def test_only_the_interface_imports_gradio():
    users = {part(file) for file in FILES if any(name.split(".")[0].startswith("gradio") for name in imports(file))}
    assert users == {"interface"}


def test_dependencies_point_one_way():
    assert {part(file) for file in FILES} == ALLOWED.keys() | {"interface", "commands", "__main__", "__init__"}
    for file in FILES:
        if part(file) in ALLOWED:
            assert parts_used(file, when_called=False) <= ALLOWED[part(file)], file
            assert parts_used(file) <= ALLOWED[part(file)] | WHEN_CALLED.get(part(file), set()), file
