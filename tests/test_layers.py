"""Dependencies point one way: models know no sampler, samplers no interface, and only the interface knows gradio."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A part may import the parts named; fewshot.interface and the command line may import all.
ALLOWED = {
    "data": {"data"},
    "models": {"models"},
    "evaluation": {"data", "models"},
    "sampling": {"data", "models", "sampling"},
    "checkpoints": {"models"},
    "training": {"data", "models", "evaluation", "checkpoints", "training"},
    "api": {"data", "models", "sampling", "checkpoints"},
    "figures": {"api"},
    "quality": {"api", "data", "models"},
    "bench": {"api", "data", "models", "sampling", "checkpoints", "training"},
    "lab": {"data", "models", "checkpoints"},
    "report": {"data", "evaluation", "checkpoints"},
}


def imports(file: Path) -> set[str]:
    """The full names of the modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part(file: Path) -> str:
    return file.relative_to(ROOT / "fewshot").parts[0].removesuffix(".py")


FILES = sorted((ROOT / "fewshot").rglob("*.py"))


def test_only_the_interface_imports_gradio():
    users = {part(file) for file in FILES if any(name.split(".")[0].startswith("gradio") for name in imports(file))}
    assert users == {"interface"}


def test_dependencies_point_one_way():
    assert {part(file) for file in FILES} == ALLOWED.keys() | {"interface", "__main__", "__init__"}
    for file in FILES:
        if part(file) in ALLOWED:
            used = {name.split(".")[1] for name in imports(file) if name.startswith("fewshot.")}
            modules = {part(other) for other in FILES}
            assert used & modules <= ALLOWED[part(file)], file
