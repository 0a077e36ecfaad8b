#!/usr/bin/env python3
"""Opens pages in headless Chromium: python3 tests/browser/check.py OUT PAGE.html...

Fails on a console message, on a page wider than a phone, on a request that leaves the page, and where a
page with marks does not answer to hovering and the keyboard. Writes screenshots (light, dark, phone) to
the directory OUT. Needs Debian's packages chromium and chromium-driver, and installs them where they are
missing and it may.
"""

import base64
import json
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.request

PORT = 9517
DRIVER = f"http://127.0.0.1:{PORT}"


def install():
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        subprocess.run(["apt-get", "update"], check=True)
        packages = ["chromium", "chromium-driver", "fonts-dejavu-core"]
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *packages], check=True)


def call(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(DRIVER + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["value"]


class Browser:
    def __init__(self):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,900"]
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments, "perfLoggingPrefs": {"enableNetwork": True}},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        session = call("/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = "/session/" + session["sessionId"]

    def post(self, path, body):
        return call(self.session + path, body)

    def devtools(self, command, **parameters):
        return self.post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def script(self, source):
        return self.post("/execute/sync", {"script": source, "args": []})

    def key(self, key):
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.post("/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def point_at(self, selector):
        self.script(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
        place = self.script(
            f"const r = document.querySelector('{selector}').getClientRects()[0];"
            "return [r.x + r.width / 2, r.y + r.height / 2].map(Math.round)"
        )
        move = {"type": "pointerMove", "x": place[0], "y": place[1], "duration": 0}
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [move]}
        self.post("/actions", {"actions": [pointer]})

    def open(self, page, scheme, width):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)
        phone = width < 600
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=phone
        )
        self.post("/url", {"url": page.resolve().as_uri()})

    def screenshot(self, path):
        height = min(self.script("return document.documentElement.scrollHeight"), 16000)
        clip = {"x": 0, "y": 0, "width": self.script("return innerWidth"), "height": height, "scale": 1}
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))


def requests_of(browser):
    for entry in browser.post("/se/log", {"type": "performance"}):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


def check_marks(browser, say):
    browser.script("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    detail = "return document.getElementById('detail').textContent"
    browser.point_at("mark[data-e]")
    first = browser.script(detail)
    if not first:
        say("hovering over a mark says nothing")
    browser.script("document.querySelector('mark[data-e]').focus()")
    for _ in range(3):
        browser.key("\ue014")  # arrow right
    walked = browser.script("return document.activeElement.dataset.tip")
    if browser.script(detail) != walked or not walked:
        say("the arrow keys do not walk through the marks")
    browser.key("\ue00c")  # escape
    if browser.script(detail):
        say("escape does not let go")


def check(browser, page, out):
    problems = []

    def say(problem):
        problems.append(f"{page}: {problem}")

    for scheme, width in [("light", 1200), ("dark", 1200), ("light", 390)]:
        name = "phone" if width < 600 else scheme
        browser.open(page, scheme, width)
        browser.screenshot(out / f"{page.stem}-{name}.png")
        wide = browser.script("return document.documentElement.scrollWidth")
        if wide > width:
            say(f"{wide} pixels wide on a screen of {width}")
    browser.open(page, "light", 1200)
    if browser.script("return document.querySelectorAll('mark[data-e]').length"):
        check_marks(browser, say)
    links = browser.script("return document.querySelectorAll('[href],[src],iframe,object,form').length")
    if links:
        say(f"{links} elements that link or load")
    for entry in browser.post("/se/log", {"type": "browser"}):
        say(f"console: {entry['message']}")
    for url in requests_of(browser):
        if url != page.resolve().as_uri() and not url.startswith(("data:", "chrome:")):
            say(f"asks for {url}")
    return problems


def main():
    out, pages = pathlib.Path(sys.argv[1]), [pathlib.Path(p) for p in sys.argv[2:]]
    out.mkdir(parents=True, exist_ok=True)
    install()
    driver = subprocess.Popen(["chromedriver", f"--port={PORT}"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(2)
        browser = Browser()
        try:
            problems = [problem for page in pages for problem in check(browser, page, out)]
        finally:
            call(browser.session, method="DELETE")
    finally:
        driver.terminate()
    print("\n".join(problems) or f"{len(pages)} pages, no complaint")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
