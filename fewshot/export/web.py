"""The page's scripts and styles, the folder ``interface/web``, and how several modules become one script.

A browser loads no modules for a page that was opened from a disk, and fifty of them from a server take longer than one.
So they are put into one script: each module is a function that returns what it exports, and is called after those that
it imports.
"""

import posixpath
import re
from collections.abc import Container
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "interface" / "web"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.\.?/[\w./-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
_NO_EXPORT = re.compile(r"^export \{\};\n", re.MULTILINE)  # of a module that has only types
_OTHER = re.compile(r"^(?:import\b|export\b).*$|import\.meta", re.MULTILINE)


def read(name: str) -> str:
    """A file's text."""
    return (WEB / name).read_text(encoding="utf-8")


def modules(entry: str, apart: Container[str] = ()) -> dict[str, str]:
    """A module and all that it imports but what is ``apart``, each after those that it imports itself: name and text.

    Raises ValueError for modules that import each other.
    """
    done: dict[str, str] = {}

    def add(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise ValueError(f"These modules import each other: {' '.join([*importers, name])}.")
        if name in done or name in apart:
            return
        text = read(name)
        for _, other in _IMPORT.findall(text):
            add(_named(other, name), (*importers, name))
        done[name] = text

    add(entry, ())
    return done


def bundle(entry: str) -> str:
    """A module and all that it imports, as one script. Raises ValueError for imports or exports of another form.

    Understood are ``import { a, b as c } from "./x.js";`` and ``export`` before function, class and const.
    """
    return "\n".join(_as_function(name, text) for name, text in modules(entry).items()) + "\n"


def module(entry: str, apart: list[str]) -> str:
    """A module and all that it imports, as one module to be served from the folder; what is ``apart`` stays an import.

    That is for modules that have to know where they lie. Raises ValueError as ``bundle`` does.
    """
    parts = modules(entry, apart)
    lines = [f'import * as {_constant(name)} from "./{name}";' for name in apart]
    lines += [_as_function(name, text) for name, text in parts.items()]
    exported = ", ".join(_exported(parts[entry]))
    return "\n".join([*lines, f"export const {{ {exported} }} = {_constant(entry)};"]) + "\n"


def _exported(text: str) -> list[str]:
    """The names that a module exports."""
    return [name for _, name in _EXPORT.findall(text)]


def _named(address: str, importer: str) -> str:
    """The name of a module that another one imports."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), address))


def _as_function(name: str, text: str) -> str:
    """A module as the constant that has what it exports."""
    exported = _exported(text)
    text = _EXPORT.sub(r"\1 \2", _NO_EXPORT.sub("", text))

    def taken(match: re.Match[str]) -> str:
        return f"const {{{match[1].replace(' as ', ': ')}}} = {_constant(_named(match[2], name))};\n"

    text = _IMPORT.sub(taken, text)
    if other := _OTHER.search(text):
        raise ValueError(f"{name} has an import or export that is not understood: {other[0]}")
    returned = ", ".join(exported)
    lines = [f"// {name}", f"const {_constant(name)} = (() => {{", text.rstrip(), f"return {{ {returned} }};", "})();"]
    return "\n".join(lines)


def _constant(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))
