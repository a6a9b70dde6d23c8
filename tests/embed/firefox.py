"""Firefox without a window, driven by WebDriver BiDi: the few commands that a test here needs, on a plain socket."""

import base64
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PREFERENCES = """
user_pref("network.proxy.type", 0);
user_pref("remote.active-protocols", 1);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("network.cookie.cookieBehavior", {cookies});
"""
PARTITIONED, ALL_BLOCKED = 5, 2
"""What Firefox does with cookies: other sites' apart for each site, as it does unasked; none at all."""


def path() -> str:
    """Empty where there is no Firefox."""
    return next((found for name in ("firefox-esr", "firefox") if (found := shutil.which(name))), "")


class Firefox:
    def __init__(self, address: str) -> None:
        host, port = re.fullmatch(r"ws://([\d.]+):(\d+)", address).groups()  # type: ignore[union-attr]
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._socket.sendall(
            f"GET /session HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream = self._socket.makefile("rb")
        while self._stream.readline().strip():
            pass
        self._number = 0
        self.command("session.new", capabilities={})
        self.page = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._send(json.dumps({"id": self._number, "method": method, "params": params}).encode())
        while True:
            answer = json.loads(self._receive())
            if answer.get("id") == self._number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, address: str) -> None:
        self.command("browsingContext.navigate", context=self.page, url=address, wait="complete")

    def frames(self) -> list[tuple[str, str]]:
        """(context, address) of the frames in the page."""
        tree = self.command("browsingContext.getTree", root=self.page)["contexts"][0]
        return [(child["context"], child["url"]) for child in tree["children"]]

    def run(self, context: str, code: str) -> Any:
        """What this JavaScript comes to, by way of JSON."""
        target = {"context": context}
        code = f"JSON.stringify((() => {{ {code} }})() ?? null)"
        done = self.command("script.evaluate", expression=code, target=target, awaitPromise=False)
        assert done["type"] == "success", done
        return json.loads(done["result"]["value"])

    def until(self, holds: Callable[[], Any], seconds: float = 20) -> Any:
        ends = time.monotonic() + seconds
        while True:
            try:
                if found := holds():
                    return found
            except AssertionError:  # the page went away while it was asked
                pass
            assert time.monotonic() < ends, "it did not come"
            time.sleep(0.05)

    def _send(self, payload: bytes) -> None:
        mask = secrets.token_bytes(4)
        short = len(payload) < 126
        size = struct.pack("!BB", 0x81, 0x80 | len(payload)) if short else struct.pack("!BBH", 0x81, 0xFE, len(payload))
        self._socket.sendall(size + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload)))

    def _receive(self) -> bytes:
        parts = b""
        while True:
            first, size = self._stream.read(2)
            if size == 126:
                [size] = struct.unpack("!H", self._stream.read(2))
            elif size == 127:
                [size] = struct.unpack("!Q", self._stream.read(8))
            payload = self._stream.read(size)
            if first & 0x0F in (0, 1):
                parts += payload
                if first & 0x80:
                    return parts


@contextmanager
def started(folder: pathlib.Path, cookies: int) -> Iterator[Firefox]:
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(PREFERENCES.format(cookies=cookies))
    log = folder / "firefox.txt"
    command = [path(), "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, "HOME": str(folder)})
    try:
        ends = time.monotonic() + 60
        while not (found := re.search(r"BiDi listening on (ws://\S+)", log.read_text(errors="replace"))):
            assert time.monotonic() < ends, log.read_text(errors="replace")[-2000:]
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            time.sleep(0.1)
        yield Firefox(found[1])
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
