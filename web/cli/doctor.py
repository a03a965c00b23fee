"""What keeps a data folder well: checking it, and removing what has expired."""

import argparse
from datetime import timedelta

from db import activity, findings, maintenance, migrate, passkeys
from web.audit.events import Event
from web.audit.record import record_event
from web.cli.terminal import CommandRefused
from web.limits import DISK_FREE_MIN
from web.panel import Panel
from web.runtime import housekeeping, spare
from web.runtime.data_folder import DATABASE, is_shared
from web.visit.scope import at_terminal


async def doctor(panel: Panel, _: argparse.Namespace) -> None:
    """Opening the panel already proved files, modes, key and migrations; here each is told, and the clock checked."""
    latest, now = await activity.latest_at(panel.db), panel.now()
    broken = await activity.first_broken(panel.db)
    checked = [
        (await maintenance.is_sound(panel.db), "O banco de dados está íntegro."),
        _room(panel),
        (not _is_shared(panel), "Só o dono da pasta de dados lê os arquivos dela."),
        (True, f"A chave serve para este banco de dados ({panel.vault.fingerprint})."),
        (await migrate.version(panel.db) == len(migrate.MIGRATIONS), "O banco de dados está na versão deste painel."),
        (True, "O banco de dados tem só as tabelas, índices e gatilhos que este painel faz."),
        (broken is None, "A atividade não foi alterada." if broken is None else f"Atividade alterada: linha {broken}."),
        (
            latest is None or latest <= now + timedelta(minutes=1),
            f"O relógio anda para a frente: {now:%d/%m/%Y %H:%M} UTC.",
        ),
    ]
    checked += await _passkeys(panel)
    checked += [(False, sentence) for sentence in await _what_the_proxy_lacks(panel)]
    print(f"Dados em {panel.settings.data}")
    for is_fine, sentence in checked:
        print("certo " if is_fine else "ERRADO", sentence)
    if not all(is_fine for is_fine, _ in checked):
        raise CommandRefused("Há algo errado: veja as linhas marcadas com ERRADO.")


def _room(panel: Panel) -> tuple[bool, str]:
    free, wanted = spare.free(panel.settings.data), DISK_FREE_MIN // 2**20
    if free >= DISK_FREE_MIN:
        return True, "Há espaço no disco dos dados."
    return False, f"O disco dos dados está cheio, ou quase: {free // 2**20} MiB livres. Libere pelo menos {wanted} MiB."


async def _passkeys(panel: Panel) -> list[tuple[bool, str]]:
    """Which names they belong to: a browser offers them for that name alone."""
    site, found = panel.settings.passkey_site, await passkeys.by_name(panel.db)
    here, told = site.rp_id if site else "nenhum nome", []
    for one in found:
        if site and one.rp_id == site.rp_id:
            told.append((True, f"Chaves de acesso deste endereço ({here}): {one.passkeys}."))
        else:
            way_out = f"Se o painel mudou de endereço, acrescente ao .env: PANEL_FORMER_URLS=https://{one.rp_id}"
            told.append((False, f"Chaves de acesso de {one.rp_id}: {one.passkeys}; aqui valem as de {here}. {way_out}"))
    return told


def _is_shared(panel: Panel) -> bool:
    return any(map(is_shared, (panel.settings.data, panel.settings.data / DATABASE, panel.settings.key_file)))


async def _what_the_proxy_lacks(panel: Panel) -> list[str]:
    """By the settings, and by what the running panel was asked since it started."""
    settings = panel.settings
    lacking = [f"Desde {found.at:%d/%m/%Y %H:%M} UTC: {found.detail}" for found in await findings.every(panel.db)]
    if settings.public_url.startswith("https:") and not settings.trusted_proxies:
        lacking.append(
            f"Nada chega por HTTPS: PANEL_PUBLIC_URL é {settings.public_url}, mas PANEL_TRUSTED_PROXIES não diz o "
            "endereço do proxy. Se ele está nesta máquina, acrescente ao arquivo .env: PANEL_TRUSTED_PROXIES=127.0.0.1"
        )
    return lacking


async def prune(panel: Panel, _: argparse.Namespace) -> None:
    """What a running panel does every hour by itself."""
    count = await housekeeping.clear(panel)
    async with panel.db.transaction() as tx:
        await record_event(tx, at_terminal(panel), None, Event.CLI_PRUNE, str(count))
    print("Nada estava vencido." if not count else f"Registros vencidos removidos: {count}.")
