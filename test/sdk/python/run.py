"""run.py BASE KEY: reserves a reference, revokes it, and is refused for an index that is not there; by the package `client` that
openapi-python-client has generated beside this file."""
import json
import sys

from client import Client
from client.api.issuer import reserve, update
from client.models import Problem, References, Update

base, key = sys.argv[1:]
with Client(base, headers={"X-Api-Key": key}) as client:
    reserved = reserve.sync("tests", client=client, amount=2)
    assert isinstance(reserved, References), reserved
    reference = reserved.references[0]
    done = update.sync_detailed(client=client, body=Update(reference.uri, reference.index, 1))
    refused = update.sync(client=client, body=Update(reference.uri, 4294967295, 1))
    assert isinstance(refused, Problem), refused
print(json.dumps({"references": len(reserved.references), "updated": done.status_code, "version": done.headers["Status-List-Version"],
                  "status": refused.status, "code": refused.code.value}))
