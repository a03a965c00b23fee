"""Instances and their tokens: made, replaced, disclosed. A token is sealed for the instance and for its owner."""

from db import instances
from db.database import Transaction
from db.instances import Instance
from web.audit.events import Event
from web.audit.record import record_event
from web.panel import Panel
from web.visit.cookies import new_token
from web.visit.visit import Visit

PURPOSE = "instance"


async def add(tx: Transaction, visit: Visit, name: str, *, owner: int) -> str | None:
    """A new instance: 128 random bits name it, 256 are its token. None when the account has as many as it may."""
    panel = visit.panel
    instance_id, limit = panel.token_bytes(16).hex().upper(), panel.settings.instances_max
    sealed = await _seal(tx, panel, instance_id, owner, new_token(panel))
    made = await instances.create(
        tx, instance_id, owner=owner, name=name, sealed_token=sealed, at=panel.now(), limit=limit
    )
    if not made:
        return None
    await record_event(tx, visit, owner, Event.INSTANCE_CREATED, name)
    return instance_id


async def replace_token(tx: Transaction, visit: Visit, instance: Instance, *, owner: int) -> str | None:
    """The new token; the old one is dead, and a pause is over. None when the instance is gone."""
    token = await _replace(tx, visit, instance, owner=owner)
    if token is not None:
        await record_event(tx, visit, owner, Event.INSTANCE_TOKEN_CHANGED, instance.name)
    return token


async def replace_paused(tx: Transaction, visit: Visit, *, owner: int) -> list[tuple[Instance, str]]:
    """Every paused instance of the owner with its new token, in the order of names."""
    replaced = []
    for instance in await instances.paused(tx, owner):
        if token := await _replace(tx, visit, instance, owner=owner):
            replaced.append((instance, token))
    if replaced:
        await record_event(tx, visit, owner, Event.INSTANCE_PAUSED_CHANGED, str(len(replaced)))
    return replaced


async def _replace(tx: Transaction, visit: Visit, instance: Instance, *, owner: int) -> str | None:
    token = new_token(visit.panel)
    sealed = await _seal(tx, visit.panel, instance.id, owner, token)
    is_done = await instances.change_token(tx, instance.id, owner=owner, sealed_token=sealed, at=visit.at)
    return token if is_done else None


async def disclose_token(tx: Transaction, visit: Visit, instance_id: str, *, owner: int) -> str | None:
    """The token in force; None while it is paused, when nobody is shown it, and when the instance is gone."""
    instance = await instances.find(tx, instance_id, owner=owner)
    if instance is None or instance.paused_at:
        return None
    await record_event(tx, visit, owner, Event.INSTANCE_TOKEN_SHOWN, instance.name)
    return visit.panel.vault.unseal(PURPOSE, _bound_to(instance.id, owner), instance.sealed_token).decode("ascii")


async def _seal(tx: Transaction, panel: Panel, instance_id: str, owner: int, token: str) -> bytes:
    return await panel.seal_in(tx, PURPOSE, _bound_to(instance_id, owner), token.encode("ascii"))


def _bound_to(instance_id: str, owner: int) -> str:
    """What a token is sealed for: moved to another instance, or with it to another account, it does not open."""
    return f"{instance_id} {owner}"
