"""What fastsoftmax.h declares, read from its text: structs, their members, and constants."""

import re
from pathlib import Path

import fastsoftmax as fs

HEADER = Path(fs.get_include()) / "fastsoftmax" / "fastsoftmax.h"


def code_of(text):
    """The declarations without comments."""
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def structs(text):
    """Name of a struct → its members, (type, name), in their order; functions have the type "function"."""
    found = {}
    for body, name in re.findall(r"typedef struct \{(.*?)\} (\w+);", code_of(text), flags=re.DOTALL):
        members = []
        for line in body.split(";")[:-1]:
            declared = " ".join(line.split())
            function = re.search(r"\(\*(\w+)\)\(", declared)
            if function:
                members.append(("function", function[1]))
            else:
                kind, member = re.fullmatch(r"(.*?)(\w+)", declared).groups()
                members.append((kind.strip(), member))
        found[name] = members
    return found


def constants(text):
    """Name of a constant → its value, of the enums and of macros that are numbers."""
    code = code_of(text)
    pairs = [pair for body in re.findall(r"enum \{(.*?)\};", code, flags=re.DOTALL) for pair in body.split(",")]
    found = [re.fullmatch(r"\s*(\w+) = (\d+)\s*", pair).groups() for pair in pairs]
    found += re.findall(r"#define (FASTSOFTMAX_\w+) (\d+)$", code, re.MULTILINE)
    return {name: int(value) for name, value in found}


STRUCTS = structs(HEADER.read_text(encoding="utf-8"))
CONSTANTS = constants(HEADER.read_text(encoding="utf-8"))
