"""docs/openapi.yaml, and whether an exchange is as it says."""
import gzip
import json
import pathlib
import re
import urllib.parse

import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_schema_validator import OAS31Validator
from werkzeug.datastructures import Headers, ImmutableMultiDict

PATH = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
PUBLIC, OPERATIONS = "https://status.example.com", "http://127.0.0.1:9090"
TRANSPORT = {"server", "date", "connection", "content-length", "content-type"}  # the last is the media type's name


class Exchange:
    """One request that was made and its answer. `method` and `target` as sent."""

    def __init__(self, listener, method, target, answer, api_key=None):
        self.listener, self.method, self.target, self.answer, self.api_key = listener, method, target, answer, api_key
        self.path = urllib.parse.urlsplit(target).path

    def code(self):
        is_problem = self.answer["content-type"] == "application/problem+json" and self.method != "HEAD"
        return self.answer.json()["code"] if is_problem else None

    def __repr__(self):
        return f"{self.method} {self.target[:100]} -> {self.answer.status} {self.answer.fields} {self.answer.body[:100]!r}"


class _Request:
    """What openapi-core asks of a request."""

    def __init__(self, exchange):
        query = urllib.parse.urlsplit(exchange.target).query
        self.host_url, self.path, self.method = exchange.listener, exchange.path, exchange.method.lower()
        self.full_url_pattern = exchange.listener + exchange.path
        self.parameters = RequestParameters(query=ImmutableMultiDict(urllib.parse.parse_qsl(query)), header=Headers(),
                                            cookie=ImmutableMultiDict(), path={})
        self.content_type, self.body = "", None


class _Response:
    """What openapi-core asks of an answer."""

    def __init__(self, answer):
        self.status_code = answer.status
        # Several lines of a field are one list (RFC 9110 section 5.3).
        self.headers = Headers({name: answer[name] for name, _ in answer.fields})
        self.content_type, self.data = answer.get("content-type", ""), answer.body
        if answer["content-encoding"] == "gzip" and answer.body:
            self.data = gzip.decompress(answer.body)  # the description is of the content before its coding


def text(data, **_):
    return data.decode()


class Description:
    def __init__(self, path=PATH):
        self.document = yaml.safe_load(path.read_text())
        readers = {"application/statuslist+jwt": text, "text/plain": text, "application/yaml": lambda data, **_: yaml.safe_load(data), "application/problem+json": json.loads}
        self.api = OpenAPI.from_dict(self.document, config=Config(extra_media_type_deserializers=readers))

    def resolve(self, node):
        while isinstance(node, dict) and "$ref" in node:
            found = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node

    def template(self, exchange):
        """The path item that an exchange belongs to; fixed ones go before those with parameters."""
        def matches(template):
            servers = self.document["paths"][template].get("servers", self.document["servers"])
            if servers[0]["url"] != exchange.listener:
                return False
            pattern = re.sub(r"\\\{([a-z-]+)\\\}", self._parameter, re.escape(template).replace(r"\-", "-"))
            return re.fullmatch(pattern, exchange.path) is not None
        return next((t for t in sorted(self.document["paths"], key=lambda t: "{" in t) if matches(t)), None)

    def _parameter(self, match):
        parameters = map(self.resolve, self.document["components"]["parameters"].values())
        schema = next(p["schema"] for p in parameters if p["in"] == "path" and p["name"] == match[1])
        return "(?:" + self.resolve(schema)["pattern"].strip("^$") + ")"

    def operation(self, exchange):
        return self.document["paths"].get(self.template(exchange), {}).get(exchange.method.lower())

    def response(self, exchange):
        """The description of this answer, whatever becomes of the request."""
        named = self.document["components"]["responses"]
        operation = self.operation(exchange)
        if self.template(exchange) is None:
            return named["NotFound"]
        if operation is None:
            return named["MethodNotAllowed"]
        found = operation["responses"].get(str(exchange.answer.status), operation["responses"].get("default"))
        assert found is not None, f"undocumented status: {exchange}"
        return self.resolve(found)

    def check(self, exchange):
        response = self.response(exchange)
        if self.operation(exchange) is None:
            self._check_by_hand(exchange, response)
        else:
            self.api.validate_response(_Request(exchange), _Response(exchange.answer))
            if exchange.method == "HEAD":
                response = {"headers": {**response.get("headers", {}), **self._headers_of_get(exchange)}}
        self._check_content(exchange, response)
        documented = {name.lower() for name in response.get("headers", {})}
        undocumented = {name for name, _ in exchange.answer.fields} - documented - TRANSPORT
        assert not undocumented, f"undocumented headers {undocumented}: {exchange}"

    def _check_content(self, exchange, response):
        """What no schema says, because generators would make another type of it: which codes, and that no two entries are equal."""
        answer = exchange.answer
        if exchange.method == "HEAD" or "json" not in answer.get("content-type", ""):
            return
        body = json.loads(answer.body)
        if answer["content-type"] == "application/problem+json":
            assert body["status"] == answer.status, f"another status: {exchange}"
            assert body["code"] in response.get("x-codes", [body["code"]]), f"a code that is not described: {exchange}"
        for entries in (body[name] for name in ("references", "status_lists") if name in body):
            assert len({json.dumps(e, sort_keys=True) for e in entries}) == len(entries), f"equal entries: {exchange}"

    def _headers_of_get(self, exchange):
        responses = self.document["paths"][self.template(exchange)]["get"]["responses"]
        assert str(exchange.answer.status) in responses, f"a status that GET does not have: {exchange}"
        return self.resolve(responses[str(exchange.answer.status)])["headers"]

    def _check_by_hand(self, exchange, response):
        """A path or method that no operation describes."""
        answer = exchange.answer
        assert answer.status == (404 if self.template(exchange) is None else 405), f"another status: {exchange}"
        media = response["content"][answer["content-type"]]
        schema = {**media["schema"], "components": self.document["components"]}
        if exchange.method != "HEAD":
            OAS31Validator(schema).validate(json.loads(answer.body))
        for name, header in response["headers"].items():
            header = self.resolve(header)
            if answer[name] is None:
                assert not header.get("required"), f"no {name}: {exchange}"
            else:
                OAS31Validator(header["schema"]).validate(answer[name])

    def documented(self):
        """{(method, template, status, code)} of all operations; code None where the answer is no problem."""
        found = set()
        for template, item in self.document["paths"].items():
            for method in ("get", "post", "patch", "options"):
                for status, response in item.get(method, {}).get("responses", {}).items():
                    for code in self._codes(self.resolve(response)):
                        found.add((method.upper(), template, status, code))
        return {row for row in found if row[2] != "default"}

    def _codes(self, response):
        content = response.get("content", {"": {}})
        assert ("x-codes" in response) <= ("application/problem+json" in content), response
        return [code for media in content for code in (response.get("x-codes", [None]) if media == "application/problem+json" else [None])]

    def codes(self):
        return set(self.document["components"]["schemas"]["Code"]["enum"])
