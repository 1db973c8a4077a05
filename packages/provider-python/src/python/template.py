"""Python source with references in it becomes a syntax tree in which every value is data.

Each reference is replaced by a made-up name of exactly its length in bytes, so that lines and columns stay what they
were, and the source is parsed once, without any value. The names are drawn anew for every task and stand nowhere else
in the source: no text, and no escape in a text, can be one of them but by chance. In the tree such a name is found
again as one of three things: an expression, which becomes a variable; a piece of a string, which becomes text; or
something that must be a name, which is an error. In a comment it is gone. No value ever meets the parser.
"""

import ast
import json
import os
import re
import warnings

import values as forms

# Nothing that a number may go on with after an underscore: in `1${a}` the digit must not swallow the name.
LETTERS = "ghikmnpqrstuvwyzGHIKMNPQRSTUVWYZ"


def bind(segments, values, filename, line, restore):
    """The tree of the source, and the variables it needs: {name: value}.

    segments: text, and references as {"ref", "raw"}; values: by ref; line: of the file on which the source begins;
    restore: makes of a value as it travels one of its own, a new one at each call.
    """
    names, source = _name(segments, filename, line)
    tree = _parse(source, filename, names)
    pattern = "|".join(sorted(names, key=len, reverse=True)) or r"(?!)"
    in_text, in_bytes = re.compile(pattern), re.compile(pattern.encode())
    variables = {}

    def refuse(name, node):
        # not every node knows its place, and none that of its parts
        lines = source.split("\n")
        first = max(getattr(node, "lineno", 1) - 1, 0)
        number = next(number for number in [*range(first, len(lines)), *range(first)] if name in lines[number])
        text = lines[number]
        begin = _characters(text, getattr(node, "col_offset", 0)) if number == first else 0
        at = text.find(name, begin)
        if at < 0:
            at = text.index(name)
        message = f"{names[name]['raw']} stands where Python needs a name, and it is a value"
        raise SyntaxError(message, (filename, number + 1, _offset(text, at + 1, names), _written(text, names)))

    def text_of(name):
        value = values[names[name]["ref"]]
        if isinstance(value, str):
            return value
        text = _json(value)
        # a number that travels with a tag is a number in the text too
        return _json(json.loads(text, object_hook=forms.untag)) if '"$type"' in text else text

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


def _name(segments, filename, line):
    """Names for the references, none of them anywhere in the source; and the source with them, on its lines."""
    written = "".join(part for part in segments if isinstance(part, str))
    while True:
        names, by_raw, pieces = {}, {}, ["\n" * (line - 1)]
        for part in segments:
            if isinstance(part, str):
                pieces.append(part)
                continue
            raw = part["raw"]
            if "\n" in raw or "\r" in raw:
                before = "".join(pieces)
                at = (filename, before.count("\n") + 1, len(before) - before.rfind("\n"), "")
                raise SyntaxError(f"{raw!r} does not stand on one line", at)
            if raw not in by_raw:
                length = len(raw.encode("utf-8", "surrogatepass"))
                by_raw[raw] = "_" + "".join(LETTERS[byte % len(LETTERS)] for byte in os.urandom(length - 1))
                names[by_raw[raw]] = part
            pieces.append(by_raw[raw])
        alone = all(
            name not in written and not any(other != name and other.startswith(name) for other in names)
            for name in names
        )
        if alone and len(names) == len(by_raw):
            return names, "".join(pieces)


def _parse(source, filename, names):
    try:
        with warnings.catch_warnings():
            # `"\${a}"` is not the author's escape of an underscore
            warnings.filterwarnings("ignore", r".*\\_", SyntaxWarning)
            warnings.filterwarnings("ignore", r".*\\_", DeprecationWarning)
            return ast.parse(source, filename)
    except SyntaxError as error:
        lines = source.split("\n")
        if error.filename == "<fstring>":
            _place(error, source, filename)
        elif 0 < (error.lineno or 0) <= len(lines):
            # Python shows the line of the file of that name, where the code is indented
            error.text = lines[error.lineno - 1]
        text = error.text
        if text:
            error.offset = _offset(text, error.offset, names)
            if getattr(error, "end_offset", None) and error.end_lineno == error.lineno:
                error.end_offset = _offset(text, error.end_offset, names)
            error.text = _written(text, names)
        error.msg = _written(error.msg, names)
        raise


def _place(error, source, filename):
    """Before 3.12 an expression in an f-string is parsed apart, in parentheses and without its place."""
    expression = (error.text or "").rstrip("\n")[1:-1]
    lines = source.split("\n")
    found = [number for number, line in enumerate(lines) if expression and expression in line]
    error.filename = filename
    if found:
        error.lineno, error.text = found[0] + 1, lines[found[0]]
        error.offset = error.text.index(expression) + 1
    else:
        error.lineno, error.text, error.offset = None, None, None
    if hasattr(error, "end_offset"):
        error.end_lineno = error.end_offset = None


def _json(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=forms.tag)


def _written(text, names):
    """With the references as they were written."""
    for name, reference in names.items():
        text = text.replace(name, reference["raw"])
    return text


def _offset(text, offset, names):
    """Of a character (from 1) of the text, where it stands in the text as it was written: that has as many bytes."""
    if not offset or offset < 1:
        return offset
    before = len(text[: offset - 1].encode("utf-8", "surrogatepass"))
    return _characters(_written(text, names), before) + 1


def _characters(text, size):
    """How many characters that many bytes of it are."""
    return len(text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore"))
