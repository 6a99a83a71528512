"""Features from an Assay server, as Arrow. One file; needs pyarrow and nothing else.

    client = FeatureClient("http://127.0.0.1:4000", token)
    table = client.historical("churn_v1", spine).read_all()      # or: for batch in client.historical(...)
    answer = client.online("churn_v1", [{"customer_id": "17850"}])
"""

import json
import urllib.error
import urllib.request

import pyarrow as pa


class AssayRefused(Exception):
    """What the server refused: `code` is stable, the text says what to do."""

    def __init__(self, status, told):
        super().__init__(told.get("detail", f"status {status}") + (f" ({told['hint']})" if told.get("hint") else ""))
        self.status, self.code = status, told.get("code", "internal")


class FeatureClient:
    def __init__(self, url, token, timeout=300):
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout

    def historical(self, features, spine, fingerprint=None):
        """A training set, as a `pyarrow.RecordBatchStreamReader` that reads while the server sends.

        `features` is a service's name or a list of features; `spine` a list of dicts with the key and `event_time`, a pyarrow Table, or
        {"query": metric query}. A stream that was cut raises, it never just ends.
        """
        if isinstance(spine, pa.Table):
            spine = spine.to_pylist()
        body = {**_choice(features, fingerprint), "spine": spine, "format": "arrow"}
        return pa.ipc.open_stream(self._post("historical", body))

    def online(self, features, entities, max_age=None, include=(), fingerprint=None):
        """Features as they were last materialized: a list of dicts in the order of `entities`, and what they were made from."""
        body = {**_choice(features, fingerprint), "entities": entities, "include": list(include)}
        if max_age is not None:
            body["max_age"] = max_age
        told = json.load(self._post("online", body))
        names = [column["name"] for column in told["columns"]]
        return [dict(zip(names, row)) for row in told["rows"]], told["provenance"]

    def service(self, name):
        """A service's Arrow schema and its fingerprint."""
        response = self._send(f"services/{name}", None, "application/vnd.apache.arrow.stream")
        return pa.ipc.open_stream(response).schema, response.headers["etag"].strip('"')

    def _post(self, route, body):
        return self._send(route, json.dumps(body, default=str).encode(), "application/json")

    def _send(self, route, body, accept):
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json", "accept": accept}
        if body is None:
            del headers["content-type"]
        if route == "historical":
            headers["accept"] = "*/*"
        request = urllib.request.Request(f"{self.url}/api/v2/features/{route}", data=body, headers=headers)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as refused:
            raise AssayRefused(refused.code, json.load(refused)) from None


def _choice(features, fingerprint):
    choice = {"service": features} if isinstance(features, str) else {"features": list(features)}
    return {**choice, "fingerprint": fingerprint} if fingerprint else choice
