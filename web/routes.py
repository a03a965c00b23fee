"""Every path of the panel with its handler, and the door that it stands behind."""

import json

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from web import hosts
from web.guards.guard import State, get, post
from web.guards.throttle import (
    AUTH,
    CONFIRMATION,
    ENROLMENT,
    EXPORT,
    LINK,
    PASSWORD,
    RECOVERY,
    RENEWAL,
    SHUTTING_OUT,
    SIGNATURE,
    STRENGTH,
    VERIFICATION,
    WRITE,
)
from web.http.page import go
from web.http.redirects import HOME
from web.pages import activity, styleguide, theme
from web.pages.admin import policy
from web.pages.admin.people import chosen, invitation, person
from web.pages.admin.people import listing as people
from web.pages.entry import activation, challenge, login, setup
from web.pages.instances import acts, listing, tokens
from web.pages.me import account, download
from web.pages.security import (
    delayed_acts,
    drill,
    hub,
    lockdown,
    notices,
    passkeys,
    password,
    recovery_codes,
    sessions,
    totp,
)
from web.visit.visit import Entry, SignedIn, Visit


async def home(visit: SignedIn) -> Response:
    return go(visit, HOME)


async def to_password(visit: Visit) -> Response:
    """Where password managers look for the page that changes a password (W3C Change Password URL)."""
    return go(visit, "/security/password")


async def passkey_endpoints(visit: Visit) -> Response:
    """Where password managers send people to add a passkey, and to look through them (W3C Passkey Endpoints)."""
    site = visit.panel.settings.passkey_site
    if site is None:
        raise HTTPException(404)
    return _told(dict.fromkeys(("enroll", "manage"), f"{site.origin}/security/passkeys"))


async def related_origins(visit: Visit) -> Response:
    """At a former address: where its passkeys may be used now (W3C Web Authentication Level 3, §5.11)."""
    settings, host = visit.panel.settings, hosts.read(visit.request.headers.get("host", ""))
    if not (settings.passkey_site and host and settings.is_former(host[0])):
        raise HTTPException(404)
    return _told({"origins": [settings.passkey_site.origin]})


def _told(facts: dict[str, object]) -> Response:
    return Response(json.dumps(facts), headers={"Content-Type": "application/json; charset=utf-8"})


async def health(_: Visit) -> Response:
    return PlainTextResponse("ok")


# Routes are tried one after the other, so the most requested ones stand first.
ROUTES: list[BaseRoute] = [
    get("/instances", listing.list_page, State.SIGNED_IN),
    get("/security", hub.hub, State.SIGNED_IN, allows_enrolment=True),
    get("/activity", activity.list_page, State.SIGNED_IN),
    get("/login", login.form, State.ANYONE),
    get("/", home, State.SIGNED_IN),
    get("/health", health, State.ANYONE),
    get("/.well-known/change-password", to_password, State.ANYONE),
    get("/.well-known/passkey-endpoints", passkey_endpoints, State.ANYONE),
    get("/.well-known/webauthn", related_origins, State.ANYONE),
    get("/setup", setup.form, State.ANYONE),
    post("/setup", setup.create, State.ANYONE, throttle=AUTH, entry=Entry.CODE),
    get("/welcome", setup.welcome, State.SIGNED_IN, section="/security"),
    get("/activate", activation.form, State.ANYONE),
    post("/activate", activation.activate, State.ANYONE, throttle=AUTH, entry=Entry.CODE),
    post("/login", login.enter, State.ANYONE, throttle=AUTH, entry=Entry.NAME),
    get("/login/passkey/options", login.passkey_options, State.ANYONE),
    post("/login/passkey", login.enter_by_passkey, State.ANYONE, throttle=SIGNATURE, entry=Entry.PASSKEY),
    post("/logout", login.leave, State.ANYONE),
    post("/theme", theme.choose, State.SIGNED_IN, allows_enrolment=True),
    get("/login/code", challenge.code_form, State.PENDING_LOGIN),
    post("/login/code", challenge.enter_code, State.PENDING_LOGIN, throttle=AUTH, entry=Entry.PENDING_LOGIN),
    post(
        "/login/code/passkey",
        challenge.enter_passkey,
        State.PENDING_LOGIN,
        throttle=SIGNATURE,
        entry=Entry.PENDING_LOGIN,
    ),
    get("/login/recovery", challenge.recovery_form, State.PENDING_LOGIN),
    post("/login/recovery", challenge.enter_recovery, State.PENDING_LOGIN, throttle=AUTH, entry=Entry.PENDING_LOGIN),
    post(
        "/security/totp",
        totp.begin,
        State.BINDING,
        allows_enrolment=True,
        throttle=ENROLMENT,
        purpose="ligar um aplicativo autenticador à sua conta",
    ),
    post("/security/totp/confirm", totp.confirm, State.SIGNED_IN, allows_enrolment=True, throttle=CONFIRMATION),
    post("/security/totp/cancel", totp.cancel, State.SIGNED_IN, allows_enrolment=True),
    post("/security/totp/undo", totp.undo, State.SIGNED_IN, throttle=AUTH),
    post("/security/totp/remove", totp.remove, State.VERIFY_NOW, purpose="desativar os dois fatores"),
    get("/security/passkeys", passkeys.list_page, State.SIGNED_IN, allows_enrolment=True),
    post(
        "/security/passkeys",
        passkeys.begin,
        State.BINDING,
        allows_enrolment=True,
        throttle=WRITE,
        purpose="adicionar uma chave de acesso à sua conta",
    ),
    post("/security/passkeys/confirm", passkeys.confirm, State.SIGNED_IN, allows_enrolment=True, throttle=CONFIRMATION),
    post("/security/passkeys/{id}/rename", passkeys.rename, State.SIGNED_IN, throttle=WRITE),
    post(
        "/security/passkeys/{id}/remove",
        passkeys.remove,
        State.BINDING,
        throttle=SHUTTING_OUT,
        purpose="remover a chave de acesso",
    ),
    post(
        "/security/recovery-codes",
        recovery_codes.renew,
        State.VERIFY_NOW,
        throttle=RENEWAL,
        purpose="gerar códigos de recuperação novos; os de agora deixam de valer",
    ),
    post(
        "/security/recovery-codes/replacement",
        recovery_codes.replace_used,
        State.BINDING,
        throttle=RECOVERY,
        purpose="gerar outro código no lugar do usado",
    ),
    post("/security/recovery-codes/acknowledge", recovery_codes.acknowledge, State.SIGNED_IN),
    get("/security/recovery-codes/rehearsal", recovery_codes.rehearsal_form, State.SIGNED_IN),
    post(
        "/security/recovery-codes/rehearsal",
        recovery_codes.rehearse,
        State.RECENTLY_VERIFIED,
        throttle=AUTH,
        purpose="ensaiar a recuperação",
    ),
    post("/security/recovery-codes/file", recovery_codes.as_file, State.SIGNED_IN),
    get("/security/password", password.form, State.RECENTLY_VERIFIED, purpose="alterar a senha"),
    post("/security/password", password.change, State.RECENTLY_VERIFIED, throttle=PASSWORD, purpose="alterar a senha"),
    post("/security/password/strength", password.strength, State.SIGNED_IN, throttle=STRENGTH),
    get("/security/sessions", sessions.list_page, State.SIGNED_IN),
    post(
        "/security/sessions/end-others",
        sessions.end_others,
        State.RECENTLY_VERIFIED,
        throttle=SHUTTING_OUT,
        purpose="encerrar as outras sessões",
    ),
    post(
        "/security/sessions/{id}/end",
        sessions.end,
        State.RECENTLY_VERIFIED,
        throttle=SHUTTING_OUT,
        purpose="encerrar uma sessão",
    ),
    post(
        "/security/trusted-devices/{id}/forget",
        sessions.forget_device,
        State.RECENTLY_VERIFIED,
        throttle=SHUTTING_OUT,
        purpose="esquecer um dispositivo",
    ),
    post("/security/notices/{id:int}/mine", notices.mine, State.SIGNED_IN),
    post("/security/notices/{id:int}/not-mine", notices.not_mine, State.SIGNED_IN),
    get("/security/bad-day", lockdown.show, State.SIGNED_IN),
    post(
        "/security/bad-day/lock", lockdown.lock, State.RECENTLY_VERIFIED, throttle=SHUTTING_OUT, purpose="bloquear tudo"
    ),
    post("/security/bad-day/skip", lockdown.skip, State.SIGNED_IN, throttle=WRITE),
    post("/security/bad-day/reopen", lockdown.reopen, State.VERIFY_NOW, throttle=WRITE, purpose="reabrir os tokens"),
    get("/security/drill", drill.show, State.SIGNED_IN),
    post("/security/drill", drill.check, State.RECENTLY_VERIFIED, throttle=AUTH, purpose="fazer o simulado"),
    post("/security/delayed-acts/stop", delayed_acts.stop, State.SIGNED_IN, throttle=AUTH),
    post(
        "/security/delayed-acts/stop-proved",
        delayed_acts.stop_proved,
        State.VERIFY_NOW,
        throttle=SHUTTING_OUT,
        purpose="impedir o que está marcado para a sua conta",
    ),
    get("/people", people.list_page, State.SIGNED_IN, admin_only=True),
    get("/people/invite", invitation.form, State.SIGNED_IN, admin_only=True),
    post(
        "/people/invite",
        invitation.invite,
        State.RECENTLY_VERIFIED,
        admin_only=True,
        throttle=LINK,
        purpose="convidar uma pessoa",
    ),
    get("/people/chosen", chosen.form, State.SIGNED_IN, admin_only=True),
    post(
        "/people/chosen",
        chosen.act,
        State.RECENTLY_VERIFIED,
        admin_only=True,
        throttle=WRITE,
        purpose="fazer isto com as pessoas escolhidas",
    ),
    get("/people/{id:int}", person.show, State.SIGNED_IN, admin_only=True),
    post(
        "/people/{id:int}/link",
        person.make_link,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=LINK,
        purpose="fazer um novo link para a senha",
    ),
    post(
        "/people/{id:int}/end-sessions",
        person.end_sessions,
        State.RECENTLY_VERIFIED,
        admin_only=True,
        throttle=SHUTTING_OUT,
        purpose="encerrar as sessões",
    ),
    post(
        "/people/{id:int}/unlock",
        person.unlock,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=WRITE,
        purpose="apagar as esperas por erros",
    ),
    post(
        "/people/{id:int}/reset-factor",
        person.reset_factor,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=WRITE,
        purpose="zerar os dois fatores",
    ),
    post(
        "/people/{id:int}/keep-factor",
        person.keep_factor,
        State.RECENTLY_VERIFIED,
        admin_only=True,
        throttle=SHUTTING_OUT,
        purpose="impedir o que está marcado para a conta",
    ),
    post(
        "/people/{id:int}/release",
        person.release,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=WRITE,
        purpose="deixar de exigir dois fatores",
    ),
    post(
        "/people/{id:int}/promote",
        person.promote,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=WRITE,
        purpose="dar a administração do painel à conta",
    ),
    post(
        "/people/{id:int}/demote",
        person.demote,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=SHUTTING_OUT,
        purpose="tirar a administração da conta",
    ),
    post(
        "/people/{id:int}/disable",
        person.disable,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=SHUTTING_OUT,
        purpose="desativar a conta",
    ),
    post(
        "/people/{id:int}/enable",
        person.enable,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=WRITE,
        purpose="reativar a conta",
    ),
    post(
        "/people/{id:int}/invitation/renew",
        person.renew_invitation,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=LINK,
        purpose="fazer outro convite para a conta",
    ),
    post(
        "/people/{id:int}/invitation/revoke",
        person.revoke_invitation,
        State.RECENTLY_VERIFIED,
        admin_only=True,
        throttle=SHUTTING_OUT,
        purpose="revogar o convite",
    ),
    get("/policy", policy.form, State.SIGNED_IN, admin_only=True, section="/security"),
    post(
        "/policy/require",
        policy.require,
        State.RECENTLY_VERIFIED,
        admin_only=True,
        throttle=WRITE,
        section="/security",
        purpose="exigir dois fatores de todos",
    ),
    post(
        "/policy/release",
        policy.release,
        State.VERIFY_NOW,
        admin_only=True,
        throttle=WRITE,
        section="/security",
        purpose="deixar cada pessoa escolher",
    ),
    post("/activity/verify", activity.verify, State.SIGNED_IN, throttle=VERIFICATION),
    post("/activity/export", activity.export, State.RECENTLY_VERIFIED, throttle=EXPORT, purpose="exportar a atividade"),
    get("/me", account.show, State.SIGNED_IN),
    post("/me/zone", account.choose_zone, State.SIGNED_IN, throttle=WRITE),
    post(
        "/me/download",
        download.download,
        State.RECENTLY_VERIFIED,
        throttle=EXPORT,
        purpose="baixar o que o painel sabe de você",
    ),
    post("/instances", acts.create, State.SIGNED_IN, throttle=WRITE),
    get("/instances/paused/change", tokens.change_paused_form, State.SIGNED_IN),
    post(
        "/instances/paused/change",
        tokens.change_paused,
        State.RECENTLY_VERIFIED,
        throttle=WRITE,
        purpose="trocar os tokens pausados",
    ),
    get("/instances/{id}", acts.row, State.SIGNED_IN),
    get("/instances/{id}/rename", acts.rename_form, State.SIGNED_IN),
    post("/instances/{id}/rename", acts.rename, State.SIGNED_IN, throttle=WRITE),
    get("/instances/{id}/delete", acts.delete_form, State.SIGNED_IN),
    post("/instances/{id}/delete", acts.delete, State.SIGNED_IN, throttle=WRITE),
    post(
        "/instances/{id}/token/show",
        tokens.show_token,
        State.RECENTLY_VERIFIED,
        throttle=WRITE,
        purpose="mostrar o token",
    ),
    post(
        "/instances/{id}/token/copy",
        tokens.copy_token,
        State.RECENTLY_VERIFIED,
        throttle=WRITE,
        purpose="copiar o token",
    ),
    get("/instances/{id}/token/change", tokens.change_token_form, State.SIGNED_IN),
    post(
        "/instances/{id}/token/change",
        tokens.change_token,
        State.RECENTLY_VERIFIED,
        throttle=WRITE,
        purpose="trocar o token",
    ),
]


DEMO_ROUTES = [*ROUTES, get("/styleguide", styleguide.show, State.ANYONE)]
