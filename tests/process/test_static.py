"""The static origin from outside: what a browser gets, and what nobody gets."""
import os
import re

import pytest
from harness import raw, request, until


@pytest.fixture
def site(run_postern, tmp_path):
    root = tmp_path / "postern/static"
    (root / "about").mkdir(parents=True)
    (root / "index.html").write_text("<h1>home</h1>")
    (root / "about/index.html").write_text("about")
    (root / "plain.html").write_text("plain")
    (root / "404.html").write_text("nothing like that")
    (root / "a b%.txt").write_text("odd name")
    (root / "big.bin").write_bytes(os.urandom(3_000_000))
    (root / ".hidden").write_text("hidden")
    (tmp_path / "postern/secret").write_text("secret")
    (root / "out").symlink_to(tmp_path / "postern/secret")
    postern = run_postern(server=f"location /other/ {{ static {root}/about; }}")
    postern.root = root
    return postern


@pytest.mark.parametrize("path, status, body", [
    ("/", 200, "<h1>home</h1>"), ("/index.html", 200, "<h1>home</h1>"), ("/about/", 200, "about"), ("/plain", 200, "plain"),
    ("/plain.html?v=1", 200, "plain"), ("/a%20b%25.txt", 200, "odd name"), ("/other/index.html", 200, "about"),
    ("/nothing", 404, "nothing like that"), ("/plain.html/", 404, "nothing like that"), ("/out", 404, "nothing like that")])
def test_what_is_found(site, path, status, body):
    answer = site.get(path)
    assert answer.status == status and answer.text == body
    bare = request(site.port, path, method="HEAD")
    assert bare.status == status and bare.body == b"" and bare.headers["content-length"] == str(len(body))


def test_a_folder_is_given_its_slash(site):
    answer = site.get("/about?x=1")
    assert answer.status in (301, 308) and answer.headers["location"].endswith("/about/?x=1")


@pytest.mark.parametrize("path", ["/../secret", "/%2e%2e/secret", "/about/../../secret", "/..%2fsecret", "/%2e%2e%2fsecret", "/about/%2e%2e/%2e%2e/secret",
                                  "//../secret", "/..;/secret", "/..\\secret", "/%5c..%5csecret", "/%00/secret", "/plain.html%00.txt",
                                  "/%c0%ae%c0%ae/secret", "/..%c0%afsecret", "/out/", "/%252e%252e/secret", "/static/../../secret"])
def test_nothing_outside_is_ever_sent(site, path):
    got, _ = raw(site.port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert re.match(rb"HTTP/1\.1 (400|404) ", got) and b"secret" not in got.partition(b"\r\n\r\n")[2]


def test_ranges(site):
    content = (site.root / "big.bin").read_bytes()
    for asked, start, end in [("0-0", 0, 1), ("5-9", 5, 10), ("2999990-", 2999990, 3000000), ("-7", 2999993, 3000000), ("0-99999999", 0, 3000000)]:
        answer = site.get("/big.bin", headers={"Range": f"bytes={asked}"})
        assert answer.status == 206 and answer.body == content[start:end], asked
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/3000000"
    beyond = site.get("/big.bin", headers={"Range": "bytes=3000000-"})
    assert beyond.status == 416 and beyond.headers["content-range"] == "bytes */3000000"
    for whole in ("bytes=0-1,5-9", "lines=1-2", "bytes=9-5", "bytes=x-"):
        answer = site.get("/big.bin", headers={"Range": whole})
        assert answer.status == 200 and answer.body == content, whole


def test_what_the_browser_has_already_is_not_sent_again(site):
    first = site.get("/plain.html")
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers, status in [({"If-None-Match": tag}, 304), ({"If-None-Match": f'"x", {tag}'}, 304), ({"If-None-Match": '"x"'}, 200),
                            ({"If-Modified-Since": date}, 304), ({"If-Modified-Since": "Thu, 01 Jan 1970 00:00:01 GMT"}, 200),
                            ({"If-None-Match": '"x"', "If-Modified-Since": date}, 200)]:
        answer = site.get("/plain.html", headers=headers)
        assert answer.status == status and (status == 200) == bool(answer.body), headers
    (site.root / "plain.html").write_text("changed now")
    changed = site.get("/plain.html", headers={"If-None-Match": tag})
    assert changed.status == 200 and changed.text == "changed now"
    part = {"Range": "bytes=0-2"}
    assert site.get("/plain.html", headers={**part, "If-Range": changed.headers["etag"]}).status == 206
    assert site.get("/plain.html", headers={**part, "If-Range": tag}).status == 200


def test_types_and_methods(site):
    assert "text/html" in site.get("/").headers["content-type"]
    assert site.get("/a%20b%25.txt").headers["content-type"].startswith("text/plain")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = request(site.port, "/plain.html", method=method, body=b"x")
        assert answer.status == 405 and "GET" in answer.headers["allow"]


def test_big_files_pipelined_with_small_ones_come_in_order(site):
    big = (site.root / "big.bin").read_bytes()
    asks = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in ["/big.bin", "/plain.html", "/big.bin"])
    got, ending = raw(site.port, (asks + "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode(), within=10)
    assert ending == "closed" and got.count(big) == 2
    assert got.index(b"plain") > got.index(big) and got.endswith(b"nothing like that")


def test_a_client_that_leaves_in_the_middle_costs_nothing(site):
    for _ in range(20):
        raw(site.port, b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n", within=0.001)
    pid = site.children()["worker"]
    assert site.get("/big.bin").status == 200
    until("no file is left open", lambda: not any("big.bin" in os.readlink(f"/proc/{p}/fd/{n}") for p in pid for n in os.listdir(f"/proc/{p}/fd")
                                                  if os.path.lexists(f"/proc/{p}/fd/{n}")))
