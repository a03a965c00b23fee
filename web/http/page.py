"""Pages: a template as a whole document or, for a fragment request, as one of its blocks."""

import base64
import hashlib
import re
from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import quote_plus

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from markupsafe import Markup
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from db.notices import Notice
from db.people import Person
from web import hosts
from web.audit.events import NOTICE_KINDS, NoticeKind
from web.http.compiling import Compiler
from web.settings import ROOT as ROOT
from web.visit.cookies import Cookie
from web.visit.visit import Visit
from web.words import moments, places
from web.words.devices import device

STATIC = ROOT / "static"
NOTICES = "#notices"
THEMES = ("light", "dark")


def page(
    visit: Visit,
    template_name: str,
    /,
    *,
    block: str = "",
    status: int = 200,
    retarget: str = "",
    **context: object,
) -> Response:
    """Render a template, or only its `block` when htmx asks for a fragment; `retarget` is where htmx puts that."""
    template, wants_partial = templates.get_template(template_name), is_partial(visit)
    success = _success(visit)
    greeting = _greeting(visit, success)
    context |= _common(visit, success, greeting) | {"is_fragment": wants_partial}
    if wants_partial and block:
        local = template.new_context(context)
        body = "".join(template.blocks[block](local))
        if retarget != NOTICES:  # the window's title follows what the page now shows
            title, panel_name = "".join(template.blocks["title"](local)), escape(visit.panel.settings.name)
            body += f"<title>{title} · {panel_name}</title>"  # behind: before rows of a table parsers take nothing
    else:
        body = template.render(context)
        visit.arrival.greeting = greeting if visit.request.method == "GET" else None
    response = HTMLResponse(body, status)
    if wants_partial and retarget:
        response.headers["HX-Retarget"] = retarget
        if retarget == NOTICES:  # the place stays for the next notice
            response.headers["HX-Reswap"] = "innerHTML"
    return response


def _common(visit: Visit, success: Notice | None, greeting: Notice | None) -> dict[str, object]:
    """What every page may show."""
    panel, host = visit.panel, visit.request.headers.get("host", "")
    return {
        "session": visit.session,
        "notices": [notice for notice in _notices(visit) if notice is not success],
        "greeting": greeting,
        "delayed_acts": visit.arrival.delayed_acts,
        "recovery_left": visit.arrival.recovery_left if visit.session and visit.session.has_used_recovery else None,
        "panel_name": panel.settings.name,
        "help": panel.settings.help,
        "is_exposed": visit.arrival.is_exposed,
        "now": visit.at,
        "zone": visit.zone,
        "own_zone": visit.own_zone,
        "path": visit.path,
        "section": visit.arrival.section,
        "theme": chosen_theme(visit),
        "host": host,
        "is_at_server": _is_at_server(visit, host),
    }


def _is_at_server(visit: Visit, host: str) -> bool:
    """Whether browser and panel are one computer. The address alone does not tell: it may be that of a proxy."""
    name = hosts.read(host)
    return name is not None and hosts.is_loopback(name[0]) and hosts.is_loopback(visit.arrival.address)


def _notices(visit: Visit) -> list[Notice]:
    """What was begun with the account is told by the form that stops it, as long as that is there."""
    begun = {NoticeKind.FACTOR_RESET_BEGUN, NoticeKind.LINK_BEGUN} if visit.arrival.delayed_acts else set()
    return [notice for notice in visit.arrival.notices if notice.kind not in begun]


def _success(visit: Visit) -> Notice | None:
    """The notice of a second factor that this person switched on and has proved since: nothing is asked about it."""
    is_on = visit.session is not None and visit.session.has_two_factor
    own = (one for one in visit.arrival.notices if one.kind == NoticeKind.TWO_FACTOR_ON.value and one.times == 1)
    return next(own, None) if is_on else None


def _greeting(visit: Visit, success: Notice | None) -> Notice | None:
    """A success is told where there is nothing else to say."""
    is_alone = len(visit.arrival.notices) == 1 and not (visit.session and visit.session.has_used_recovery)
    return success if is_alone else None


def chosen_theme(visit: Visit) -> str:
    """`light`, `dark`, or nothing: then the system decides."""
    theme = visit.jar.value(Cookie.THEME)
    return theme if theme in THEMES else ""


def is_partial(visit: Visit) -> bool:
    """Whether a fragment is wanted; htmx says "full" for what replaces the whole page, other scripts nothing."""
    headers = visit.request.headers
    return headers.get("hx-request") == "true" and headers.get("hx-request-type", "partial") == "partial"


def go(visit: Visit, path: str, told: Mapping[str, object] | None = None) -> Response:
    """Send the person to another page. A 303 answering htmx would put that page inside this one.

    What the script is `told` on the way is shown nowhere: htmx leaves before it would be.
    """
    if is_partial(visit) and told:
        return JSONResponse(told, headers={"HX-Redirect": path}, media_type="application/json; charset=utf-8")
    if is_partial(visit):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)


def later(response: Response, wait: timedelta) -> Response:
    """Say when to come back, in whole seconds rounded up; without a wait, nothing."""
    if wait:
        response.headers["Retry-After"] = str(-(-wait // timedelta(seconds=1)))
    return response


def posts_to(action: str, target: str = "this") -> Markup:
    """The attributes of a form that posts to `action`, with script and without. How htmx swaps is set on <main>.

    A filter of a constant costs nothing: Jinja calls it while it compiles the template.
    """
    return Markup('method="post" action="{0}" hx-post="{0}" hx-target="{1}"').format(action, target)


def opens(href: str, target: str) -> Markup:
    return Markup('href="{0}" hx-get="{0}" hx-target="{1}"').format(href, target)


@lru_cache(maxsize=128)  # more than there are: where a macro names one, it would be made anew a dozen times a page
def icon(name: str) -> Markup:
    """One of the drawings in static/icons.svg, always beside a word that says the same.

    A mask of the style sheet: as <use> it would cost a page a hundred bytes each time.
    """
    return Markup('<i class="i-{}"></i>').format(name)


def address(path: str, asked: Mapping[str, str]) -> str:
    """A path with what is asked of it, the empty left out. urlencode takes any value and three times as long."""
    query = "&".join([f"{name}={quote_plus(text)}" for name, text in asked.items() if text])
    return f"{path}?{query}" if query else path


def static(name: str) -> str:
    return f"/static/{STATIC_VERSION}/{name}"


def integrity(name: str) -> str:
    """The digest that a browser checks before it runs a script (W3C Subresource Integrity)."""
    digest = hashlib.sha384((STATIC / name).read_bytes()).digest()
    return f"sha384-{base64.b64encode(digest).decode('ascii')}"


def _static_version() -> str:
    """Changes with any file, so that browsers may keep every one for good."""
    digest = hashlib.sha256()
    for file in sorted(file for file in STATIC.rglob("*") if file.is_file()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:8]


def factors(person: Person) -> str:
    """The second factors of somebody: "Aplicativo, 2 chaves"."""
    keys = "1 chave" if person.passkeys == 1 else f"{person.passkeys} chaves"
    told = ", ".join(["aplicativo"] * person.has_app + [keys] * bool(person.passkeys))
    return told[:1].upper() + told[1:]


class Unindented(Extension):
    """Removes the indentation of templates, so that it is not sent."""

    def preprocess(self, source: str, *_: object) -> str:
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


class Pieces:
    """The macros of ui.html, compiled when the first page wants them and not while the panel starts."""

    def __getattr__(self, name: str) -> object:
        macro = getattr(templates.get_template("ui.html").module, name)
        setattr(self, name, macro)  # it is not asked for again
        return macro


class Templates(Environment):
    code_generator_class = Compiler

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Copied for each page, which takes twice as long from the chain of dictionaries that Jinja makes here."""
        return {**self.globals, **(d or {})}


STATIC_VERSION = _static_version()
templates = Templates(
    extensions=[Unindented],
    loader=FileSystemLoader(ROOT / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    cache_size=-1,  # every template stays
)
templates.filters |= {
    "icon": icon,
    "static": static,
    "integrity": integrity,
    "posts_to": posts_to,
    "opens": opens,
    "device": device,
    "factors": factors,
}
templates.filters |= moments.FILTERS | places.FILTERS
templates.globals = {"range": range, "ui": Pieces(), "notice_kinds": NOTICE_KINDS}
