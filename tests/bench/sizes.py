"""What a first visit to the times costs in bytes and requests, as a browser asks for it."""

import re
from urllib.parse import urljoin, urlsplit

import httpx

from tests.bench.common import Options, opus_times
from tests.bench.report import Table, Target, number
from tests.bench.system import System

ASSET = re.compile(
    r'<(?:script[^>]*\bsrc|link[^>]*\brel="(?:icon|stylesheet|preload)"[^>]*\bhref|img[^>]*\bsrc)="([^"]+)"'
)
ANY_ADDRESS = re.compile(r'\b(?:src|srcset|action)="(https?://[^"]+)"|<link[^>]*href="(https?://[^"]+)"')
IN_CSS = re.compile(r"url\(\s*['\"]?([^'\")]+)")
AS_A_BROWSER = {"Accept-Encoding": "gzip, deflate", "Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Dest": "document"}
KB = 1000
YEAR = 365 * 24 * 3600


def measure(system: System, table: Table, options: Options) -> None:
    table.part("bytes", "a first visit to the times page (Opus, everybody's), nothing in the browser's cache")
    (slug,) = system.add("opus", "bytes", 1)
    with httpx.Client(base_url=system.url, trust_env=False, headers=AS_A_BROWSER) as client:
        page_bytes, page = _fetch(client, opus_times(slug))
        assets = {urljoin(system.url, found): None for found in ASSET.findall(page.text)}
        answers = {address: _fetch(client, address) for address in assets}
        for address, (_bytes, answer) in list(answers.items()):
            if address.partition("?")[0].endswith(".css"):
                for found in IN_CSS.findall(answer.text):
                    if not found.startswith("data:"):
                        answers[urljoin(address, found)] = _fetch(client, urljoin(address, found))
        total = page_bytes + sum(wire for wire, _answer in answers.values())
        scripts = sum(wire for address, (wire, _answer) in answers.items() if address.partition("?")[0].endswith(".js"))
        table.row("all of it, heads included", total / KB, "KB", Target(most=40, unit="KB"))
        table.row("requests", 1 + len(answers), "", Target(most=5))
        table.row("of it JavaScript", scripts / KB, "KB", Target(most=20, unit="KB"))
        elsewhere = {urlsplit(address).netloc for address in [*answers, *_foreign(page.text)]}
        third = sorted(elsewhere - {urlsplit(system.url).netloc})
        table.row("hosts of third parties", len(third), "", Target(most=0))
        coding = page.headers.get("Content-Encoding", "not compressed")
        table.note(f"the page {number(page_bytes / KB)} KB ({coding}; {number(len(page.content) / KB)} KB unpacked)")
        for address, (wire, answer) in answers.items():
            coding = answer.headers.get("Content-Encoding", "not compressed")
            caching = answer.headers.get("Cache-Control", "")
            table.note(f"{urlsplit(address).path} {number(wire / KB)} KB ({coding}; {caching})")
        table.row(
            "static files not compressed", sum(not _compressed(a) for _w, a in answers.values()), "", Target(most=0)
        )
        table.row(
            "static files not immutable", sum(not _immutable(a) for _w, a in answers.values()), "", Target(most=0)
        )
        _wire, script = _fetch(client, "/embed.js")
        if script.status_code == 200:
            table.row("/embed.js, without its head", script.num_bytes_downloaded / KB, "KB", Target(most=3, unit="KB"))
            table.note(script.headers.get("Content-Encoding", "not compressed"))
        else:
            table.row("/embed.js", "not there")


def _fetch(client: httpx.Client, address: str) -> tuple[int, httpx.Response]:
    """The bytes of the answer as they came, with its head, and the answer."""
    answer = client.get(address)
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) + len("HTTP/1.1 200 OK\r\n\r\n")
    return head + answer.num_bytes_downloaded, answer


def _foreign(page: str) -> list[str]:
    return ["".join(found) for found in ANY_ADDRESS.findall(page)]


def _compressed(answer: httpx.Response) -> bool:
    return "Content-Encoding" in answer.headers


def _immutable(answer: httpx.Response) -> bool:
    caching = answer.headers.get("Cache-Control", "")
    age = re.search(r"max-age=(\d+)", caching)
    return "immutable" in caching and age is not None and int(age[1]) >= YEAR
