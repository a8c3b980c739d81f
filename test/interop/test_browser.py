"""A page of another origin, in a real browser, fetches a list across origins and decodes it with what browsers have."""
import functools
import http.server
import json
import shutil
import subprocess
import threading
import urllib.parse
import uuid

import pytest

from client import until
from peers import HERE, NODE, environment
from tokens import statuses


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def pages():
    """The base of the URLs of this folder's pages: an origin of its own, since its port is another."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


class Browser:
    """The page in a headless Chromium; `press` presses its button. Each answer is what the page shows."""

    def __init__(self, url):
        chromium = shutil.which("chromium")
        assert chromium is not None, "no chromium: script/bootstrap interop"
        self.process = subprocess.Popen([NODE, str(HERE / "browse.mjs"), json.dumps({"page": url, "chromium": chromium})],
                                        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.shown = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "the browser ended"
        return json.loads(line)

    def press(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@pytest.mark.parametrize("pool, value, shown", [("tests", 1, "INVALID"), ("chain", 2, "SUSPENDED")])
def test_a_page_of_another_origin_shows_the_status(service, pages, pool, value, shown):
    with service.client(pool) as c:
        uri, index = c.reserve()[0]
        url = f"{pages}/page.html?{urllib.parse.urlencode({'uri': uri, 'index': index})}"
        with Browser(url) as browser:
            before = browser.shown
            assert before["status"] == "VALID" and before["wrong"] == [], before
            assert before["origin"] == pages and not uri.startswith(pages)
            c.close()  # a browser may take longer to start than the service keeps an idle connection; the next call opens another
            assert before["etag"] == c.fetch(uri, {"Accept-Encoding": "gzip"})["etag"], "the page may read the ETag"

            c.update(uri, index, value)
            until(lambda: statuses(c, uri).get(index) == value, 10, "the status is in the token")
            after = browser.press()
            assert after["status"] == shown and after["wrong"] == [], after
            assert after["etag"] != before["etag"]


def test_a_page_can_read_our_errors_too(service, pages):
    with service.client() as c:
        uri, index = c.reserve()[0]
    unknown = f"{uri.rpartition('/')[0]}/{uuid.uuid4()}"
    url = f"{pages}/page.html?{urllib.parse.urlencode({'uri': unknown, 'index': index})}"
    with Browser(url) as browser:
        assert browser.shown["status"] == "404 NO_SUCH_LIST", browser.shown
