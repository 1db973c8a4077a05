"""Python source with references in it becomes a syntax tree in which every value is data.

Each reference is replaced by a made-up name of exactly its length, so that lines and columns stay what they were, and
the source is parsed once, without any value. In the tree such a name is found again as one of three things: an
expression, which becomes a variable; a piece of a string, which becomes text; or something that must be a name, which
is an error. In a comment it is gone. No value ever meets the parser.
"""

import ast
import json
import os
import re
import warnings

# Nothing that a number may go on with after an underscore: in `1${a}` the digit must not swallow the name.
LETTERS = "ghikmnpqrstuvwyzGHIKMNPQRSTUVWYZ"


def bind(segments, values, filename, line, restore):
    """The tree of the source, and the variables it needs: {name: value}.

    segments: text, and references as {"ref", "raw"}; values: by ref; line: of the file on which the source begins;
    restore: makes of a value as it travels one of its own, a new one at each call.
    """
    names, source = _name(segments, "\n" * (line - 1), filename)
    tree = _parse(source, filename, names)
    pattern = "|".join(sorted(names, key=len, reverse=True))
    in_text, in_bytes = re.compile(pattern), re.compile(pattern.encode())
    variables = {}

    def refuse(name, node):
        # not every node knows its line, and none that of its parts
        lines = source.split("\n")
        first = getattr(node, "lineno", 1) - 1
        number = next(number for number in [*range(first, len(lines)), *range(first)] if name in lines[number])
        message = f"{names[name]['raw']} stands where Python needs a name, and it is a value"
        text = lines[number]
        raise SyntaxError(message, (filename, number + 1, text.index(name) + 1, _written(text, names)))

    def text_of(name):
        value = values[names[name]["ref"]]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def bytes_of(name):
        value = restore(values[names[name]["ref"]])
        return value if isinstance(value, bytes) else text_of(name).encode("utf-8", "surrogatepass")

    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            # one pass: a value that looks like another reference's name stays what it is
            if isinstance(node.value, str):
                node.value = in_text.sub(lambda found: text_of(found.group()), node.value)
            elif isinstance(node.value, bytes):
                node.value = in_bytes.sub(lambda found: bytes_of(found.group().decode()), node.value)
        elif isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
            reference = names[node.id]
            # no identifier, so that no name of the source's own can be the same
            node.id = f"{reference['raw']} {len(variables)}"
            variables[node.id] = restore(values[reference["ref"]])
        else:
            for _, field in ast.iter_fields(node):
                for part in field if isinstance(field, list) else (field,):
                    found = in_text.search(part) if isinstance(part, str) else None
                    if found is not None:
                        refuse(found.group(), node)
    return tree, variables


def _name(segments, before, filename):
    """Names for the references, none of them anywhere in the source; and the source with them in place."""
    written = "".join(part for part in segments if isinstance(part, str))
    while True:
        names, by_raw = {}, {}
        for part in segments:
            if isinstance(part, str) or part["raw"] in by_raw:
                continue
            raw = part["raw"]
            if "\n" in raw or "\r" in raw:
                raise SyntaxError(f"{raw!r} does not stand on one line", (filename, 1, 1, ""))
            length = len(raw.encode("utf-8", "surrogatepass"))
            by_raw[raw] = "_" + "".join(LETTERS[byte % len(LETTERS)] for byte in os.urandom(length - 1))
            names[by_raw[raw]] = part
        source = before + "".join(part if isinstance(part, str) else by_raw[part["raw"]] for part in segments)
        alone = all(
            name not in written and not any(other != name and other.startswith(name) for other in names)
            for name in names
        )
        if alone and len(names) == len(by_raw):
            return names, source


def _parse(source, filename, names):
    try:
        with warnings.catch_warnings():
            # `"\${a}"` is not the author's escape of an underscore
            warnings.filterwarnings("ignore", r".*\\_", SyntaxWarning)
            warnings.filterwarnings("ignore", r".*\\_", DeprecationWarning)
            return ast.parse(source, filename)
    except SyntaxError as error:
        error.msg = _written(error.msg, names)
        error.text = error.text and _written(error.text, names)
        raise


def _written(text, names):
    """With the references as they were written."""
    for name, reference in names.items():
        text = text.replace(name, reference["raw"])
    return text
