"""The answers to refusals and faults: calm words on screen, the cause in the log."""

import asyncio
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from db.errors import Unavailable
from web.audit import log
from web.http.page import NOTICES, go, later, page
from web.http.redirects import page_before
from web.limits import BUSY_RETRY
from web.visit.scope import visit_of
from web.visit.visit import Visit
from web.visit.visitor import identify
from web.words.storage import Trouble, trouble_of

SECTIONS = {"/activity", "/instances", "/people", "/policy", "/security"}
WORDS = {
    400: (
        "Endereço desconhecido",
        "Abra o painel pelo endereço que ele anuncia ao iniciar. Para que ele atenda por outro nome, quem cuida do "
        "servidor o diz em PANEL_PUBLIC_URL.",
    ),
    403: ("Pedido recusado", "O pedido não partiu desta página. Volte ao painel e tente de novo."),
    404: ("Não encontrado", "Esta página não existe, ou não é sua."),
    405: ("Pedido não aceito", "Este endereço não aceita esse tipo de pedido."),
    408: ("Demorou demais", "O envio não chegou inteiro. Confira a conexão e tente de novo."),
    413: ("Grande demais", "O que foi enviado passa do tamanho aceito."),
    414: ("Endereço longo demais", "Volte ao painel e tente de novo."),
    429: ("Espere um pouco", ""),
    431: (
        "Pedido grande demais",
        "Os cookies que os sites deste endereço guardaram no navegador já não cabem num pedido. Apague-os: toque no "
        "cadeado ou no ícone ao lado do endereço, abra Cookies e dados do site, remova tudo e recarregue a página.",
    ),
    415: ("Formato não aceito", "Envie pelo formulário da página."),
    422: ("Formulário incompleto", "Volte à página, recarregue-a e preencha de novo."),
    426: ("Falta o HTTPS", "Este painel só responde por HTTPS. Abra o endereço dele com https:// na frente."),
    500: ("Algo deu errado", "O erro foi registrado. Tente de novo; se continuar, procure quem cuida do painel."),
    507: ("Não deu para gravar", ""),
    503: ("O painel está ocupado", "Muita gente está entrando ao mesmo tempo. Tente de novo em alguns segundos."),
}


AGAIN = (429, 503)  # what was asked is right, only not now


UNWRITTEN = {
    Trouble.FULL: "O disco do servidor está cheio. Procure quem cuida do painel.",
    Trouble.READ_ONLY: "O disco do servidor só aceita leitura agora. Procure quem cuida do painel.",
    Trouble.WITHOUT_WAL: "O disco do servidor não tem o que o banco de dados usa. Procure quem cuida do painel.",
    Trouble.BUSY: "Outro programa está gravando no banco de dados. Tente de novo em alguns segundos.",
    Trouble.DENIED: "O painel está sem permissão para gravar no servidor. Procure quem cuida do painel.",
    Trouble.FAULTY: "O disco do servidor dá erro. Procure quem cuida do painel.",
}


async def http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    visit = visit_of(request)
    if not visit.arrival.is_identified:  # no door was reached: a page that does not exist
        await identify(visit)
    section = visit.arrival.section
    if error.status_code == 405 and request.method in ("GET", "HEAD") and section in SECTIONS:
        return go(visit, section)  # the address of a POST, opened as a page
    response = refuse(visit, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def too_busy(request: Request, _: Exception) -> Response:
    return later(refuse(visit_of(request), 503), BUSY_RETRY)


async def storage(request: Request, error: Exception) -> Response:
    """The answer when another process writes for too long (a restore on a slow disk, say) or the disk cannot be
    written: nothing was done. Raises the error again when it has another cause."""
    response = await _unwritten(visit_of(request), error)
    if response is None:
        raise error
    return response


async def _unwritten(visit: Visit, error: Exception) -> Response | None:
    """The answer to an error of the storage; None for any other error."""
    if not isinstance(error, Unavailable):
        return None
    trouble = await asyncio.to_thread(trouble_of, error, visit.panel.settings.data)
    if trouble is None:
        return None
    if trouble is Trouble.BUSY:
        words = 503
        log.trouble("database.busy", error)
    else:
        words = 507
        log.trouble("database.unwritable", f"{trouble.name}: {error}")
    return later(refuse(visit, 503, words=words, advice=UNWRITTEN[trouble]), BUSY_RETRY)


async def gone(_: Request, __: Exception) -> Response:
    """The browser left before it had sent everything; nobody reads this answer."""
    return Response(status_code=400)


async def fault(request: Request, error: Exception) -> Response:
    """The last resort: calm on screen, with a number that finds the trace in the log."""
    visit = visit_of(request)
    if response := await _unwritten(visit, error):
        return response
    log.fault(visit, error)
    return refuse(visit, 500, reference=visit.arrival.request_id)


def refuse(
    visit: Visit,
    status: int,
    *,
    words: int | None = None,
    advice: str = "",
    reference: str = "",
    lines: Sequence[str] = (),
    way_on: str = "",
) -> Response:
    """The error page of a status. `words` is another status, whose title and advice it shows; `advice` replaces the
    advice alone. `lines` are for a configuration, below the advice; `way_on` is an address to try instead."""
    title, usual = WORDS.get(words or status, WORDS[500])
    return page(
        visit,
        "error.html",
        block="message",
        retarget=NOTICES,
        status=status,
        title=title,
        advice=advice or usual,
        reference=reference,
        lines=lines,
        way_on=way_on,
        way_back=page_before(visit) if status in AGAIN else "/",
    )


def deny(visit: Visit, status: int, reason: str, *, words: int | None = None, advice: str = "") -> Response:
    """Refuse what should not have been asked, and leave a line in the log."""
    log.denied(visit, reason)
    return refuse(visit, status, words=words, advice=advice)
