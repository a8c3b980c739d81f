"""Loaded by schemathesis: puts what exists into some of the requests that it makes up, so that not all of them are about
lists and pools that do not exist."""
import json
import os
import random
import re

import cbor2
import schemathesis

FACTS = json.loads(os.environ["SL_FACTS"])
chance = random.Random(1)


def often():
    return chance.random() < 0.6


def is_id(text):
    return isinstance(text, str) and re.search(r"^(https?://.+/)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", text)


def put(where, name):
    """What was made up to be wrong stays wrong."""
    right = re.fullmatch("[a-z0-9_-]{1,64}", where[name]) if name == "pool" else is_id(where[name])
    if right and often():
        where[name] = FACTS[name]


def real(entry):
    if isinstance(entry, dict) and "uri" in entry:
        put(entry, "uri")
        if type(entry.get("index")) is int and entry["index"] >= 0 and often():
            entry["index"] %= FACTS["size"]


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    for name in ("list-id", "pool"):
        if path_parameters and isinstance(path_parameters.get(name), str):
            put(path_parameters, name)
    return path_parameters


@schemathesis.hook
def map_query(context, query):
    if query and isinstance(query.get("uri"), str) and query["uri"]:
        query["uri"] = FACTS["uri"] if often() else query["uri"]
        real(query)
    return query


@schemathesis.hook
def map_body(context, body):
    real(body)
    entries = body.get("statusListReferences") if isinstance(body, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        real(entry)
    return body


@schemathesis.deserializer("application/statuslist+cwt")
def cwt(context, response):
    token = cbor2.loads(response.content)
    assert token.tag == 18
    return [type(part).__name__ for part in token.value]
