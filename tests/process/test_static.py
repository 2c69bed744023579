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
    got, ending = raw(site.port, (asks + "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode())
    assert ending == "closed" and got.count(big) == 2
    assert got.index(b"plain") > got.index(big) and got.endswith(b"nothing like that")


def test_a_client_that_leaves_in_the_middle_costs_nothing(site):
    for _ in range(20):
        raw(site.port, b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n", within=0.001)
    pid = site.children()["worker"]
    assert site.get("/big.bin").status == 200
    until("no file is left open", lambda: not any("big.bin" in os.readlink(f"/proc/{p}/fd/{n}") for p in pid for n in os.listdir(f"/proc/{p}/fd")
                                                  if os.path.lexists(f"/proc/{p}/fd/{n}")))


@pytest.fixture
def compressed(run_postern, tmp_path):
    root = tmp_path / "postern/static"
    (root / "_astro").mkdir(parents=True)
    for name, content in [("index.html", b"<h1>home</h1>"), ("_astro/app.AbC1.js", b"plain script"), ("_astro/app.AbC1.js.br", b"br"),
                          ("_astro/app.AbC1.js.gz", b"gzip"), ("404.html", b"none")]:
        (root / name).write_bytes(content)
    postern = run_postern(server=f"""location /cached/ {{
        static {root}; precompressed on; cache_control no-cache; cache_control /_astro/ "public, max-age=31536000, immutable"; }}""")
    postern.root = root
    return postern


def test_compressed_siblings(compressed):
    path = "/cached/_astro/app.AbC1.js"
    tags = set()
    for accepted, body, coding in [("gzip, deflate, br, zstd", b"br", "br"), ("gzip", b"gzip", "gzip"), ("br;q=0.1, gzip;q=0.2", b"gzip", "gzip"),
                                   ("identity", b"plain script", None), (None, b"plain script", None)]:
        headers = {"Accept-Encoding": accepted} if accepted else {}
        answer = compressed.get(path, headers=headers)
        assert (answer.status, answer.body, answer.headers.get("content-encoding")) == (200, body, coding), accepted
        assert answer.headers["vary"] == "Accept-Encoding" and answer.headers["content-type"].startswith("text/javascript")
        tags.add(answer.headers["etag"])
        assert compressed.get(path, headers={**headers, "If-None-Match": answer.headers["etag"]}).status == 304
        part = compressed.get(path, headers={**headers, "Range": "bytes=1-1"})
        assert part.status == 206 and part.body == body[1:2]
    assert len(tags) == 3
    later = os.stat(compressed.root / "_astro/app.AbC1.js").st_mtime + 5
    os.utime(compressed.root / "_astro/app.AbC1.js", (later, later))
    assert compressed.get(path, headers={"Accept-Encoding": "br, gzip"}).body == b"plain script"
    # The same files in a location without the word: nothing varies.
    plain = compressed.get("/_astro/app.AbC1.js", headers={"Accept-Encoding": "br"})
    assert plain.body == b"plain script" and "vary" not in plain.headers and "cache-control" not in plain.headers


def test_what_caches_are_told(compressed):
    for path, status, told in [("/cached/_astro/app.AbC1.js", 200, "public, max-age=31536000, immutable"), ("/cached/", 200, "no-cache"),
                               ("/cached/_astro/none.js", 404, None)]:
        answer = compressed.get(path)
        assert (answer.status, answer.headers.get("cache-control")) == (status, told), path


def test_a_site_that_stands_in_for_a_session_is_not_stored(compressed):
    compressed.set_session("t1", "draining")
    answer = until("the draining session's site is shown", lambda: (a := compressed.get("/session/t1/")).status == 200 and a)
    assert answer.text == "<h1>home</h1>" and answer.headers["cache-control"] == "no-store"
    assert compressed.get("/session/t1/none").headers["cache-control"] == "no-store"


def test_a_new_release_is_seen_at_once_where_the_old_one_lacks_a_file(run_postern, tmp_path):
    sites = tmp_path / "sites"
    for name in ("one", "two"):
        (sites / name).mkdir(parents=True)
        (sites / name / "index.html").write_text(name)
        (sites / name / f"{name}.txt").write_text(name)
    (sites / "current").symlink_to("one")
    postern = run_postern(server=f"location /released/ {{ static {sites}/current; }}")
    for at in range(20):
        new, old = ("two", "one") if at % 2 == 0 else ("one", "two")
        assert postern.get(f"/released/{old}.txt").text == old
        (sites / "next").symlink_to(new)
        (sites / "next").rename(sites / "current")
        assert postern.get(f"/released/{new}.txt").text == new
    until("the old release is forgotten", lambda: postern.get("/released/").text == new)
