#!/usr/bin/python3
"""validate.py SCHEMA DOCUMENT...: 0 if all documents follow the schema, 1 if not, 77 without
python3-jsonschema (Debian's package of that name)."""

import json
import sys


def refuse(constant):
    raise ValueError(constant + " is not JSON")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, parse_constant=refuse)


def main():
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        print("python3-jsonschema is not installed")
        return 77
    schema = load(sys.argv[1])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    code = 0
    for path in sys.argv[2:]:
        errors = sorted(validator.iter_errors(load(path)), key=lambda e: list(map(str, e.path)))
        print("INVALID" if errors else "valid", path)
        for error in errors[:20]:
            where = ".".join(map(str, error.absolute_path)) or "document"
            print(f"  {where}: {error.message[:300]}")
        code = 1 if errors else code
    return code


if __name__ == "__main__":
    sys.exit(main())
