"""All that the panel knows about a person, as a file for them: no secret, nor a digest of one."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from starlette.responses import Response, StreamingResponse

from db import activity, delayed_acts, instances, me, passkeys, sessions, trusted_devices, two_factor
from db.instances import Order
from web.audit.events import NOTICE_KINDS, WORDS, Event
from web.audit.record import record_event
from web.crypto.budget import costly
from web.http import forms
from web.limits import EXPORT_STEP, INSTANCES_PAGE
from web.pages.me.account import profile_of
from web.visit.visit import RecentlyVerified, SignedIn
from web.visit.visitor import SessionEnded, session_transaction
from web.words.zones import zone_name

Told = dict[str, object]  # one thing, as the file tells it
Steps = AsyncIterator[list[Told]]


async def download(visit: RecentlyVerified) -> Response:
    """LGPD, art. 18. Sent as it is read, however much there is."""
    await forms.read(visit)
    async with session_transaction(visit) as tx:
        await record_event(tx, visit, visit.session.account_id, Event.ACCOUNT_DOWNLOADED)
    once = await _account(visit) | await _factors(visit)
    headers = {"Content-Disposition": 'attachment; filename="minha-conta.json"'}
    return StreamingResponse(_json(visit, once), media_type="application/json; charset=utf-8", headers=headers)


@costly
async def _json(visit: SignedIn, once: Told) -> AsyncIterator[str]:
    """One object: first what is there once, then the lists, each a step at a time."""
    yield _text(visit, once).removesuffix("\n}")
    for name, steps in LISTS.items():
        yield f',\n "{name}": ['
        between = "\n"
        async for step in steps(visit):
            yield between + ",\n".join(_text(visit, one) for one in step)
            between = ",\n"
        yield "]"
    yield "\n}\n"


def _text(visit: SignedIn, told: Told) -> str:
    """Moments as ISO 8601 writes them, in the zone that the person reads dates in."""
    return json.dumps(told, ensure_ascii=False, indent=1, default=lambda at: at.astimezone(visit.zone).isoformat())


async def _account(visit: SignedIn) -> Told:
    panel, profile = visit.panel, await profile_of(visit)
    return {
        "painel": panel.settings.name,
        "baixado_em": visit.at,
        "fuso_das_datas": zone_name(visit.zone, visit.at),
        "conta": {
            "usuario": profile.name,
            "papel": "administra o painel" if profile.is_admin else "membro",
            "criada_em": profile.created_at,
            "tem_senha": profile.has_password,
            "fuso_escolhido": profile.zone or None,
            "ultima_entrada_em": profile.last_login_at,
            "dois_fatores_exigidos_desde": profile.two_factor_required_at,
            "link_de_senha_em": profile.password_link_at,
            "dois_fatores_zerados_em": profile.factor_reset_at,
            "codigo_de_ativacao_ate": profile.activation_ends_at,
        },
    }


async def _factors(visit: SignedIn) -> Told:
    """Counts and dates alone."""
    panel, session, at = visit.panel, visit.session, visit.at
    idle, owner = panel.settings.session_idle, session.account_id
    found = await two_factor.overview(panel.db, owner, session_id=session.id, at=at, idle=idle)
    if found is None:
        raise SessionEnded
    used = await me.used_codes(panel.db, owner)
    return {
        "dois_fatores": {
            "aplicativo_desde": found.confirmed_at,
            "configurando_agora": found.is_enrolling,
            "troca_se_desfaz_ate": found.undo_ends_at,
        },
        "codigos_de_recuperacao": {
            "gerados_em": found.made_at,
            "ensaiados_em": found.rehearsed_at,
            "restantes": found.codes_left,
            "usados": [{"em": one.used_at, "ciente_em": one.acknowledged_at} for one in used],
        },
    }


async def _passkeys(visit: SignedIn) -> Steps:
    """Without their keys, which say nothing to anybody."""
    found = await passkeys.owned_by(visit.panel.db, visit.session.account_id)
    yield [
        {
            "nome": one.name,
            "endereco": one.rp_id,
            "criada_em": one.created_at,
            "ultimo_uso_em": one.last_used_at,
            "pode_ficar_em_varios_aparelhos": one.is_backup_eligible,
            "esta_em_varios_aparelhos": one.is_backed_up,
            "assinaturas_contadas": one.counter,
            "ligada_por": one.transports.split(),
        }
        for one in found
    ]


async def _removed_passkeys(visit: SignedIn) -> Steps:
    found = await passkeys.removed_by(visit.panel.db, visit.session.account_id)
    yield [{"endereco": one.rp_id, "removida_em": one.removed_at} for one in found]


async def _sessions(visit: SignedIn) -> Steps:
    panel, session = visit.panel, visit.session
    found = await sessions.owned_by(panel.db, session.account_id, at=visit.at, idle=panel.settings.session_idle)
    yield [
        {
            "aberta_em": one.created_at,
            "ultimo_uso_em": one.last_seen_at,
            "entrada_por": one.method,
            "rede": one.network,
            "navegador": one.user_agent,
            "e_esta": one.id == session.id,
        }
        for one in found
    ]


async def _ended(visit: SignedIn) -> Steps:
    found = await me.ended(visit.panel.db, visit.session.account_id)
    yield [{"motivo": one.cause, "lembrado_ate": one.told_until} for one in found]


async def _pending_logins(visit: SignedIn) -> Steps:
    found = await me.pending_logins(visit.panel.db, visit.session.account_id, at=visit.at)
    yield [{"comecou_em": one.created_at, "codigos_errados": one.misses} for one in found]


async def _trusted_devices(visit: SignedIn) -> Steps:
    found = await trusted_devices.owned_by(visit.panel.db, visit.session.account_id, at=visit.at)
    yield [
        {
            "desde": one.created_at,
            "ultima_entrada_em": one.last_used_at,
            "rede": one.network,
            "navegador": one.user_agent,
        }
        for one in found
    ]


async def _delayed_acts(visit: SignedIn) -> Steps:
    """What administrators began with the account, and the person may still stop."""
    found = await delayed_acts.about(visit.panel.db, visit.session.account_id)
    yield [
        {
            "ato": one.kind,
            "motivo": one.reason,
            "por": one.maker,
            "comecado_em": one.made_at,
            "previsto_para": one.due_at,
        }
        for one in found
    ]


async def _instances(visit: SignedIn) -> Steps:
    """Without their tokens."""
    after, owner = 0, visit.session.account_id
    while found := await instances.page_of(visit.panel.db, owner, Order.NAME, limit=INSTANCES_PAGE, after=after):
        yield [
            {
                "id": one.id,
                "nome": one.name,
                "criada_em": one.created_at,
                "token_trocado_em": one.token_changed_at,
                "pausada_em": one.paused_at,
            }
            for one in found
        ]
        after += len(found)


async def _notices(visit: SignedIn) -> Steps:
    db, owner, last = visit.panel.db, visit.session.account_id, (datetime.fromtimestamp(0, UTC), 0)
    while found := await me.notices(db, owner, at=visit.at, after=last, limit=EXPORT_STEP):
        yield [
            {
                "em": one.at,
                "tipo": one.kind,
                "aviso": NOTICE_KINDS[one.kind].words,
                "detalhe": one.detail,
                "rede": one.network,
                "navegador": one.user_agent,
                "ciente_em": one.acknowledged_at,
            }
            for one in found
        ]
        last = found[-1].at, found[-1].id


async def _activity(visit: SignedIn) -> Steps:
    db, owner, before = visit.panel.db, visit.session.account_id, None
    while found := await activity.of_account(
        db, owner, events=None, since=None, until=None, before=before, limit=EXPORT_STEP
    ):
        yield [
            {
                "em": one.at,
                "evento": one.event,
                "o_que_aconteceu": WORDS.get(one.event, one.event),
                "detalhe": one.detail,
                "rede": one.network,
                "navegador": one.user_agent,
            }
            for one in found
        ]
        before = found[-1].id


LISTS: dict[str, Callable[[SignedIn], Steps]] = {
    "chaves_de_acesso": _passkeys,
    "chaves_de_acesso_removidas": _removed_passkeys,
    "sessoes": _sessions,
    "sessoes_encerradas": _ended,
    "entradas_sem_segundo_fator": _pending_logins,
    "dispositivos_confiaveis": _trusted_devices,
    "atos_com_prazo": _delayed_acts,
    "instancias": _instances,
    "avisos": _notices,
    "atividade": _activity,
}
