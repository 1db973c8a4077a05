"""Values of Python as JSON and back. What JSON has no form for travels as {"$type": ...}."""

import binascii
import json
import os
import sys

# Deepest nesting of a result, and the largest number that every reader of JSON keeps exactly.
DEPTH, EXACT = 200, 2**53
SIMPLE = frozenset((str, bool, type(None)))


def untag(found):
    """For json.loads: a tagged value as itself. What only looks like one stays what it is."""
    kind, keys = found.get("$type"), found.keys()
    try:
        if kind == "int" and keys == {"$type", "value"} and isinstance(found["value"], str):
            return int(found["value"])
        if kind == "float" and keys == {"$type", "value"} and isinstance(found["value"], str):
            return float(found["value"])
        if kind == "bytes" and keys == {"$type", "base64"}:
            return binascii.a2b_base64(found["base64"])
    except (TypeError, ValueError):
        pass
    return found


def tag(value):
    """For json.dumps: bytes in their tagged form."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$type": "bytes", "base64": binascii.b2a_base64(bytes(value), newline=False).decode()}
    raise TypeError(f"{type(value).__name__} has no form in JSON")


class Unfit(ValueError):
    """A value that cannot be written down, and the way to it."""

    def __init__(self, why):
        super().__init__(why)
        self.way = []

    def __str__(self):
        return f"result{''.join(reversed(self.way))} {self.args[0]}" if len(self.way) < 10 else f"it {self.args[0]}"


def plain(value, strange):
    """The JSON form of a value. strange: a set that gets the types that have none."""
    return _plain(value, 0, set(), strange)


def _plain(value, depth, above, strange):
    """above: ids of what it is in."""
    if type(value) in SIMPLE:
        return value
    if isinstance(value, int):
        number = int(value)
        return number if -EXACT <= number <= EXACT else {"$type": "int", "value": str(number)}
    if isinstance(value, float):
        number = float(value)
        if number - number == 0:
            return number
        return {"$type": "float", "value": "nan" if number != number else "inf" if number > 0 else "-inf"}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return tag(value)
    if id(value) in above:
        raise Unfit("holds itself")
    if depth >= DEPTH:
        raise Unfit(f"is nested more than {DEPTH} levels deep")
    above.add(id(value))
    try:
        return _compound(value, depth + 1, above, strange)
    finally:
        above.discard(id(value))


def _compound(value, depth, above, strange):
    if isinstance(value, dict):
        items = list(value.items())
        found = {_key(key): item for key, item in _each(items, depth, above, strange)}
        if len(found) < len(items):
            raise Unfit("has keys that are the same as text, such as 1 and '1'")
        return found
    if isinstance(value, (set, frozenset)):
        value = _sorted(value)
    if isinstance(value, (list, tuple)):
        return [item for _, item in _each(enumerate(value), depth, above, strange)]
    if hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
        fields = [field.name for field in sys.modules["dataclasses"].fields(value)]
        return dict(_each([(name, getattr(value, name)) for name in fields], depth, above, strange))
    converted = _converted(value)
    if converted is not value:
        return _plain(converted, depth, above, strange)
    name = f"{type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    strange.add(name)
    return {"$type": "repr", "type": name, "value": _repr(value)}


def _each(items, depth, above, strange):
    key = None
    try:
        for key, item in items:
            yield key, item if type(item) in SIMPLE else _plain(item, depth, above, strange)
    except Unfit as error:
        error.way.append(f"[{_repr(key)}]")
        raise


def _converted(value):
    """A form of it that is nearer to JSON; itself when there is none."""
    for ancestor in type(value).__mro__:
        convert = CONVERTED.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if convert is not None:
            return convert(value)
    return value


def _iso(value):
    return value.isoformat()


def _nothing(_):
    return None


def _number(value):
    """A number, a date or the like of numpy, which may have more digits than Python's own."""
    if value.dtype.kind == "M":
        return str(value) if value == value else None
    if value.dtype.kind == "m":
        return value / type(value)(1, "s") if value == value else None
    item = value.item()
    return item if type(item) is not type(value) else complex(value) if value.dtype.kind == "c" else float(value)


def _array(value):
    """One of dates goes piece by piece: all at once they come as numbers when they are finer than microseconds."""
    if value.dtype.kind not in "mM":
        return value.tolist()
    return list(value) if value.ndim else value[()]


# By name, so that no module is loaded for it: a value of the type can only be there when its module is.
CONVERTED = {
    "array.array": list,
    "builtins.dict_items": list,
    "builtins.dict_keys": list,
    "builtins.dict_values": list,
    "builtins.mappingproxy": dict,
    "builtins.range": list,
    "collections.ChainMap": dict,
    "collections.UserDict": dict,
    "collections.UserList": list,
    "collections.UserString": str,
    "collections.deque": list,
    "datetime.date": _iso,
    "datetime.time": _iso,
    "datetime.timedelta": lambda value: value.total_seconds(),
    "decimal.Decimal": str,
    "enum.Enum": lambda value: value.value,
    "fractions.Fraction": str,
    "numpy.generic": _number,
    "numpy.ndarray": _array,
    "pandas._libs.missing.NAType": _nothing,
    "pandas._libs.tslibs.nattype.NaTType": _nothing,
    "pandas._libs.tslibs.period.Period": str,
    "pandas._libs.interval.Interval": str,
    "pandas.core.arrays.base.ExtensionArray": lambda value: value.tolist(),
    "pandas.core.frame.DataFrame": lambda value: value.to_dict(orient="records"),
    "pandas.core.indexes.base.Index": lambda value: value.tolist(),
    "pandas.core.series.Series": lambda value: value.tolist(),
    "pathlib.PurePath": os.fspath,
    "pathlib._local.PurePath": os.fspath,
    "uuid.UUID": str,
}


def _key(key):
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (bool, float)) or type(key) is int:
        return json.dumps(key)
    converted = _converted(key)
    return str(key) if converted is key or isinstance(converted, (list, dict)) else _key(converted)


def _sorted(values):
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _repr(value):
    try:
        return repr(value)[:1000]
    except Exception:
        return f"<{type(value).__name__}>"
