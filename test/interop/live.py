"""Loaded by schemathesis: puts what exists into some of the requests that it makes up, so that not all of them are about
lists and pools that do not exist."""
import json
import os
import random

import cbor2
import schemathesis

FACTS = json.loads(os.environ["SL_FACTS"])
chance = random.Random(1)


def often():
    return chance.random() < 0.6


def put(where, name):
    if isinstance(where, dict) and isinstance(where.get(name), str) and where[name] and often():
        where[name] = FACTS[name]


def real(entry):
    put(entry, "uri")
    if isinstance(entry, dict) and type(entry.get("index")) is int and often():
        entry["index"] %= FACTS["size"]


@schemathesis.hook
def map_case(context, case):
    """Cases that are wrong on purpose stay wrong."""
    if case.meta is None or case.meta.generation.mode.is_negative:
        return case
    for name in ("list-id", "pool"):
        put(case.path_parameters, name)
    real(case.query)
    real(case.body)
    entries = case.body.get("statusListReferences") if isinstance(case.body, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        real(entry)
    return case


@schemathesis.deserializer("application/statuslist+cwt")
def cwt(context, response):
    token = cbor2.loads(response.content)
    assert token.tag == 18
    return [type(part).__name__ for part in token.value]
