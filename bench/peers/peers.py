"""Three other products with a two-factor login, each as the smallest application, to be measured beside the panel."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.load import Answer, Connection, get, post
from bench.population import INSTANCES, KEY, PASSWORD

HERE = Path(__file__).resolve().parent
SECRET = "kX3v9RzW1qLmT7pYb5Hd0JfNs8GcUa2E"  # of every peer, whose people are all made up
THREADS = 8
KEEP_ALIVE_SECONDS = 75  # gunicorn's own 2 would hang up on a connection between two requests


class Browser:
    """One connection, and the cookies that came over it."""

    def __init__(self, port: int, connection: Connection) -> None:
        self.port, self._connection = port, connection
        self.cookies: dict[str, str] = {}
        self.token = ""  # that its forms send, where a peer wants one

    @classmethod
    async def open(cls, port: int) -> "Browser":
        return cls(port, await Connection.open(port))

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def get(self, path: str) -> Answer:
        return await self._ask(get(path, self.port, **self._headers()))

    async def post(self, path: str, form: dict[str, str]) -> Answer:
        return await self._ask(post(path, self.port, form, **self._headers()))

    async def post_json(self, path: str, content: dict[str, str]) -> Answer:
        return await self._ask(post_json(path, self.port, content, **self._headers()))

    def close(self) -> None:
        self._connection.close()

    def _headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie_header} if self.cookies else {}

    async def _ask(self, request: bytes) -> Answer:
        answer = await self._connection.ask(request)
        for name, line in answer.headers:
            if name == "set-cookie":
                self._keep(line)
        return answer

    def _keep(self, line: str) -> None:
        name, _, value = line.partition(";")[0].partition("=")
        self.cookies[name] = value
        if re.search(r";\s*max-age=0\b", line, re.IGNORECASE):
            del self.cookies[name]


def post_json(path: str, port: int, content: dict[str, str], **headers: str) -> bytes:
    body = json.dumps(content).encode()
    kind = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = {"Host": f"127.0.0.1:{port}", "Origin": f"http://127.0.0.1:{port}"} | headers | kind
    return "\r\n".join([f"POST {path} HTTP/1.1", *(f"{n}: {v}" for n, v in lines.items()), "", ""]).encode() + body


@dataclass(frozen=True)
class Runtime:
    """How a peer's packages are installed, and what its folder is run with."""

    lock: str
    install: Callable[[Path], None]  # told the peer's folder in the cache, a copy of the one here
    seed: Callable[[Path], list[str]]
    serve: Callable[[Path, int], list[str]]


@dataclass(frozen=True)
class Expected:
    """What an answer must be: its status, where it leads without the query, and something its body holds."""

    status: int
    location: str = ""
    body: str = ""

    def is_met_by(self, answer: Answer) -> bool:
        location, _, _ = answer.header("location").partition("?")
        return (answer.status, location) == (self.status, self.location) and self.body.encode() in answer.body


@dataclass(frozen=True)
class Peer:
    name: str
    folder: str
    runtime: Runtime
    ready: str  # answered with 200 once it serves
    give_password: Callable[[Browser, str, str], Awaitable[Answer]]  # told the name and the password
    give_code: Callable[[Browser, str], Awaitable[Answer]]
    after_password: Expected
    after_code: Expected

    def prepare(self, cache: Path) -> None:
        """Bring its application below `cache` up to date; its packages too, once for each state of its lock file."""
        home = self._home(cache)
        shutil.copytree(HERE / self.folder, home, dirs_exist_ok=True)
        state, done = hashlib.sha256((home / self.runtime.lock).read_bytes()).hexdigest(), home / "prepared"
        if not done.exists() or done.read_text() != state:
            self.runtime.install(home)
            done.write_text(state)

    def seed(self, cache: Path, data: Path, *, accounts: int = 600) -> None:
        """Make the database of `accounts` people, p0 and on, in the folder `data`, which holds none yet."""
        data.mkdir(parents=True, exist_ok=True)
        command = [*self.runtime.seed(self._home(cache)), str(accounts)]
        _run(command, **self.environment(data, port=0))

    def command(self, cache: Path, port: int) -> list[str]:
        """One process, for Python with THREADS threads."""
        return self.runtime.serve(self._home(cache), port)

    def environment(self, data: Path, port: int) -> dict[str, str]:
        """To be added to the caller's own."""
        told = {"PEER_DATA": str(data.resolve()), "PEER_PORT": str(port), "PEER_SECRET": SECRET}
        told |= {"PEER_PASSWORD": PASSWORD, "PEER_KEY": KEY.decode(), "PEER_INSTANCES": str(INSTANCES)}
        return told | {"NODE_ENV": "production"}

    async def sign_in(self, port: int, name: str, code: str) -> str:
        """Password, code, page: the value of a Cookie header that is in; AssertionError when a step goes otherwise."""
        browser = await Browser.open(port)
        try:
            _check("password", await self.give_password(browser, name, PASSWORD), self.after_password)
            _check("code", await self.give_code(browser, code), self.after_code)
            _check("page", await browser.get("/"), Expected(200, body=f"<h1>{name}</h1>"))
            return browser.cookie_header
        finally:
            browser.close()

    async def wrong_password(self, port: int, name: str) -> int:
        """The status of the refusal; AssertionError when it is none."""
        browser = await Browser.open(port)
        try:
            answer = await self.give_password(browser, name, PASSWORD + "!")
            if self.after_password.is_met_by(answer) or answer.status >= 500:
                raise AssertionError(f"a wrong password is answered with {answer.status}")
            return answer.status
        finally:
            browser.close()

    def _home(self, cache: Path) -> Path:
        return cache.resolve() / self.folder


def _check(step: str, answer: Answer, expected: Expected) -> None:
    if not expected.is_met_by(answer):
        raise AssertionError(f"{step}: {answer.status} {answer.header('location')} instead of {expected}")


def _install_python(home: Path) -> None:
    _run([sys.executable, "-m", "venv", "--clear", str(home / "venv")])
    pip = [_python(home), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]
    _run([*pip, str(home / "requirements.txt")])


def _serve_python(home: Path, port: int) -> list[str]:
    command = [_python(home), "-m", "gunicorn", "application:application", "--chdir", str(home), "--no-control-socket"]
    command += ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--workers", "1"]
    command += ["--threads", str(THREADS), "--keep-alive", str(KEEP_ALIVE_SECONDS), "--log-level", "warning"]
    return command


def _python(home: Path) -> str:
    return str(home / "venv" / "bin" / "python")


def _install_node(home: Path) -> None:
    _run(["npm", "ci", "--no-audit", "--no-fund", "--prefix", str(home)])


def _run(command: list[str], **environment: str) -> None:
    subprocess.run(command, env=os.environ | environment, check=True)


PYTHON = Runtime(
    lock="requirements.txt",
    install=_install_python,
    seed=lambda home: [_python(home), str(home / "seed.py")],
    serve=_serve_python,
)
NODE = Runtime(
    lock="package-lock.json",
    install=_install_node,
    seed=lambda home: ["node", str(home / "seed.js")],
    serve=lambda home, _: ["node", str(home / "application.js")],
)


async def _allauth_password(browser: Browser, name: str, password: str) -> Answer:
    browser.token = browser.cookies["csrftoken"] = "c" * 32  # a form has to agree with this cookie, whoever made it
    form = {"login": name, "password": password, "csrfmiddlewaretoken": browser.token}
    return await browser.post("/accounts/login/", form)


async def _allauth_code(browser: Browser, code: str) -> Answer:
    return await browser.post("/accounts/2fa/authenticate/", {"code": code, "csrfmiddlewaretoken": browser.token})


_login_forms: dict[int, tuple[dict[str, str], str]] = {}  # by port: the cookies and the token that came with one


async def _flask_security_password(browser: Browser, name: str, password: str) -> Answer:
    if browser.port not in _login_forms:
        page = await browser.get("/login")
        _login_forms[browser.port] = browser.cookies, _token(page)
    cookies, browser.token = _login_forms[browser.port]
    browser.cookies = cookies.copy()
    form = {"email": f"{name}@example.com", "password": password, "csrf_token": browser.token}
    return await browser.post("/login", form)


async def _flask_security_code(browser: Browser, code: str) -> Answer:
    return await browser.post("/tf-validate", {"code": code, "csrf_token": browser.token})


def _token(page: Answer) -> str:
    found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page.body)
    if not found:
        raise AssertionError(f"login form: {page.status} without a token")
    return found[1].decode()


async def _better_auth_password(browser: Browser, name: str, password: str) -> Answer:
    content = {"email": f"{name}@example.com", "password": password}
    return await browser.post_json("/api/auth/sign-in/email", content)


async def _better_auth_code(browser: Browser, code: str) -> Answer:
    return await browser.post_json("/api/auth/two-factor/verify-totp", {"code": code})


PEERS: tuple[Peer, ...] = (
    Peer(
        name="django-allauth",
        folder="allauth",
        runtime=PYTHON,
        ready="/accounts/login/",
        give_password=_allauth_password,
        give_code=_allauth_code,
        after_password=Expected(302, "/accounts/2fa/authenticate/"),
        after_code=Expected(302, "/"),
    ),
    Peer(
        name="Flask-Security",
        folder="flask_security",
        runtime=PYTHON,
        ready="/login",
        give_password=_flask_security_password,
        give_code=_flask_security_code,
        after_password=Expected(302, "/tf-validate"),
        after_code=Expected(302, "/"),
    ),
    Peer(
        name="better-auth",
        folder="better_auth",
        runtime=NODE,
        ready="/api/auth/ok",
        give_password=_better_auth_password,
        give_code=_better_auth_code,
        after_password=Expected(200, body='"twoFactorRedirect":true'),
        after_code=Expected(200, body='"token":'),
    ),
)
