"""What happened to the account: written beside each change, shown to its owner."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from db import activity, notices, rates
from db.activity import Entry
from db.database import Transaction
from db.rates import Limit
from web import forms, log
from web.limits import ACTIVITY_PAGE, BRUTE_FORCE, EXPORT_MAX, EXPORT_STEP, LOGGED_MAX
from web.page import device, page
from web.panel import Panel
from web.visitor import network, user_agent

# Every event that is ever written, in the reader's words.
WORDS = {
    "alert.brute_force": "Muitas senhas ou códigos errados no painel inteiro",
    "account.activation_failed": "Código de ativação incorreto",
    "account.activated": "Senha escolhida com um código de ativação",
    "account.created": "Conta criada",
    "account.locked": "Tudo bloqueado",
    "account.reopened": "Tokens reabertos",
    "account.setup_failed": "Código de instalação incorreto",
    "cli.create_account": "Conta criada no terminal do servidor",
    "cli.backup": "Cópia do banco de dados feita no terminal do servidor",
    "cli.end_sessions": "Sessões encerradas no terminal do servidor",
    "cli.prune": "Registros vencidos removidos no terminal do servidor",
    "cli.reset_password": "Senha apagada no terminal do servidor",
    "cli.reset_two_factor": "Autenticação de dois fatores desativada no terminal do servidor",
    "cli.resync_totp": "Códigos aceitos com o relógio adiantado anulados no terminal do servidor",
    "cli.restore": "O painel voltou ao estado de uma cópia",
    "cli.rotate_key": "Chave dos segredos trocada no terminal do servidor",
    "cli.unlock": "Esperas por tentativas erradas apagadas no terminal do servidor",
    "clock.went_back": "O relógio do servidor voltou no tempo",
    "device.forgotten": "Dispositivo confiável esquecido",
    "instance.created": "Instância criada",
    "instance.deleted": "Instância excluída",
    "instance.renamed": "Instância renomeada",
    "instance.token_changed": "Token da instância trocado",
    "instance.token_shown": "Token da instância mostrado",
    "login.password_failed": "Senha incorreta",
    "login.password_ok": "Senha correta",
    "notice.mine": "Aviso reconhecido: fui eu",
    "notice.not_mine": "Aviso: não fui eu",
    "password.changed": "Senha alterada",
    "policy.released": "Dois fatores deixaram de ser exigidos de todos",
    "policy.required": "Dois fatores exigidos de todos",
    "recovery.acknowledged": "Ciente do código de recuperação usado",
    "recovery.failed": "Código de recuperação incorreto",
    "recovery.locked": "Código de recuperação recusado: erros demais",
    "recovery.ok": "Código de recuperação usado",
    "recovery.rehearsal_failed": "Ensaio de recuperação com código incorreto",
    "recovery.rehearsed": "Ensaio de recuperação feito",
    "recovery.replaced": "Um código de recuperação no lugar do usado",
    "recovery.renewed": "Novos códigos de recuperação",
    "session.ended": "Sessão encerrada",
    "session.others_ended": "Outras sessões encerradas",
    "session.started": "Entrada no painel",
    "stepup.failed": "Confirmação de identidade recusada",
    "stepup.ok": "Identidade confirmada",
    "totp.cancelled": "Configuração do aplicativo cancelada",
    "totp.enabled": "Autenticação de dois fatores ativada",
    "totp.failed": "Código de verificação incorreto",
    "totp.locked": "Código recusado: aplicativo bloqueado por excesso de erros",
    "totp.ok": "Código de verificação aceito",
    "totp.removed": "Autenticação de dois fatores desativada",
    "totp.repeated": "Código de verificação repetido, recusado",
    "totp.replaced": "Aparelho trocado",
    "totp.undone": "Troca de aparelho desfeita",
    "totp.started": "Configuração do aplicativo iniciada",
}


KINDS = {
    "entradas": ("Entradas e saídas", " login session stepup device "),
    "fatores": ("Senha e dois fatores", " password totp recovery "),
    "instancias": ("Instâncias", " instance "),
    "conta": ("Conta e servidor", " account alert cli clock notice policy "),
}
PERIODS = {"7": "Últimos 7 dias", "30": "Últimos 30 dias"}
COLUMNS = ("quando", "o que aconteceu", "detalhe", "rede", "dispositivo")


async def list_page(request: Request) -> Response:
    """The person's own entries, newest first, of one kind and period if they choose; `antes` pages back."""
    chosen, before = _chosen(request.query_params), request.query_params.get("antes", "")
    is_id = before.isascii() and before.isdigit() and len(before) < 16
    entries = await _entries(request, chosen, before=int(before) if is_id else None, limit=ACTIVITY_PAGE + 1)
    return page(
        request,
        "activity/list.html",
        entries=entries[:ACTIVITY_PAGE],
        older=entries[ACTIVITY_PAGE - 1].id if len(entries) > ACTIVITY_PAGE else None,
        words=WORDS,
        kinds=KINDS,
        periods=PERIODS,
        chosen=chosen,
    )


async def verify(request: Request) -> Response:
    """Whether anything that was ever noted in this panel was changed since."""
    await forms.read(request)
    broken = await activity.first_broken(Panel.of(request).db)
    return page(request, "activity/verified.html", block="answer", retarget="#verified", broken=broken)


async def export(request: Request) -> Response:
    """The chosen entries as CSV, no more than ten thousand, sent as they are read."""
    chosen = _chosen(await forms.read(request, optional=("tipo", "periodo")))
    headers = {"Content-Disposition": 'attachment; filename="atividade.csv"'}
    return StreamingResponse(_csv(request, chosen), media_type="text/csv; charset=utf-8", headers=headers)


async def _csv(request: Request, chosen: dict[str, str]) -> AsyncIterator[str]:
    before, left = None, EXPORT_MAX
    yield _lines([COLUMNS])
    while left and (entries := await _entries(request, chosen, before=before, limit=min(left, EXPORT_STEP))):
        yield _lines(
            (entry.at.isoformat(), WORDS[entry.event], entry.detail, entry.network, device(entry.user_agent))
            for entry in entries
        )
        before, left = entries[-1].id, left - len(entries)


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    """No spreadsheet takes it for a formula (ASVS V1.2.10)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0")) else cell


def _chosen(asked: Mapping[str, str]) -> dict[str, str]:
    """Kind and period, "" for all and for what is neither."""
    kind, period = asked.get("tipo", ""), asked.get("periodo", "")
    return {"tipo": kind if kind in KINDS else "", "periodo": period if period in PERIODS else ""}


async def _entries(request: Request, chosen: dict[str, str], *, before: int | None, limit: int) -> list[Entry]:
    panel, period = Panel.of(request), chosen["periodo"]
    return await activity.of_account(
        panel.db,
        request.state.session.account_id,
        kinds=KINDS[chosen["tipo"]][1] if chosen["tipo"] else "",
        since=panel.now() - timedelta(days=int(period)) if period else None,
        before=before,
        limit=limit,
    )


FACTOR_FAILURES = {"login.password_failed", "totp.failed", "totp.repeated", "recovery.failed"}


async def note(
    tx: Transaction, request: Request, account_id: int | None, event: str, detail: str = "", *, session_id: str = ""
) -> None:
    """Append what this request did, in the transaction that does it; by its own session unless told otherwise."""
    session = request.state.session
    by = session_id or (session.id if session else None)
    if event in FACTOR_FAILURES:
        await _watch(tx, request)
    tx.afterwards.append(lambda: log.happened(request, event, account_id, by))
    await activity.record(
        tx,
        account_id,
        event,
        at=Panel.of(request).now(),
        session_id=by,
        network=network(request),
        user_agent=user_agent(request),
        detail=detail[:LOGGED_MAX],
    )


async def _watch(tx: Transaction, request: Request) -> None:
    """Many failures, on whatever accounts and from wherever, are somebody guessing: administrators are told once."""
    at, limit = Panel.of(request).now(), Limit("panel failure", BRUTE_FORCE.most, BRUTE_FORCE.span)
    if await rates.count_to(tx, b"", limit, at=at) == limit.most:
        await notices.raise_for_administrators(tx, "brute_force", at=at)
        await note(tx, request, None, "alert.brute_force")
