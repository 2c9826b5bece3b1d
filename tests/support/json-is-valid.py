#!/usr/bin/python3
# Whether what is read is what conf/jailctl.schema.json says of a verb: json-is-valid.py SCHEMA VERB. More strictly than the
# schema is for its readers: a key that it has not is wrong.
import json
import sys

import jsonschema


def close(node):
    if isinstance(node, dict):
        if "properties" in node:
            node["additionalProperties"] = False
        node = list(node.values())
    for child in node if isinstance(node, list) else []:
        close(child)


schema = json.load(open(sys.argv[1]))
close(schema)
if sys.argv[2] not in schema["$defs"]:
    sys.exit(f"{sys.argv[1]} knows nothing of {sys.argv[2]}")
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/" + sys.argv[2].replace(" ", "%20"), "$defs": schema["$defs"]})
errors = [f"{'/'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(json.load(sys.stdin))]
sys.exit("\n".join(errors) or None)
