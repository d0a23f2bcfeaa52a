"""A validator for the part of JSON Schema that the published schema uses; no further package is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    "$schema", "$id", "title", "description", "type", "enum", "const", "required", "properties",
    "additionalProperties", "items", "minItems", "maxItems", "minimum", "minProperties", "$ref", "$defs",
}  # fmt: skip


def violations(
    value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, at: str = "$"
) -> list[str]:
    """Each place of ``value`` that does not fit ``schema``.

    Raises:
        ValueError: the schema uses a word that is not understood here.
    """
    root = schema if root is None else root
    if unknown := set(schema) - KNOWN:
        raise ValueError(f"unknown words in the schema: {sorted(unknown)}")
    if "$ref" in schema:
        return violations(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    return [*_of_value(value, schema, at), *_of_object(value, schema, root, at), *_of_array(value, schema, root, at)]


def _of_value(value: Any, schema: Mapping[str, Any], at: str) -> Iterator[str]:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{at} is {value!r}, not {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, not one of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {value!r}, not {schema['const']!r}"
    if "minimum" in schema and _is(value, "number") and value < schema["minimum"]:
        yield f"{at} is {value!r}, less than {schema['minimum']}"


def _of_object(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    yield from (f"{at} lacks {name!r}" for name in schema.get("required", ()) if name not in value)
    if len(value) < schema.get("minProperties", 0):
        yield f"{at} has {len(value)} entries, fewer than {schema['minProperties']}"
    named, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, one in value.items():
        rule = named.get(name, others)
        if rule is False:
            yield f"{at} has {name!r}, which is not expected"
        elif rule is not True:
            yield from violations(one, rule, root, f"{at}.{name}")


def _of_array(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str) -> Iterator[str]:
    if not isinstance(value, list):
        return
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at} has {len(value)} items"
    for place, one in enumerate(value if "items" in schema else ()):
        yield from violations(one, schema["items"], root, f"{at}[{place}]")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
