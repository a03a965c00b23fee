"""The vocabulary of what happens: the events of activity and log, and the notices that owners see.

Every property of an event is defined here. Its name stands in rows that are never changed, so it keeps its meaning.
"""

from enum import Flag, StrEnum, auto
from typing import Self


class NoticeKind(StrEnum):
    """The name of the kind in the database, with the words that the owner of the account reads."""

    words: str

    def __new__(cls, name: str, words: str) -> Self:
        kind = str.__new__(cls, name)
        kind._value_, kind.words = name, words
        return kind

    APP_ADDED = "app_added", "Um aplicativo autenticador foi adicionado"
    APP_REMOVED = "app_removed", "O aplicativo autenticador foi removido"
    APP_REPLACED = "app_replaced", "O aplicativo autenticador foi trocado"
    APP_RESTORED = "app_restored", "A troca do aplicativo autenticador foi desfeita"
    BRUTE_FORCE = (
        "brute_force",
        "Alguém está tentando adivinhar senhas ou códigos: 200 erros em uma hora no painel inteiro",
    )
    ACT_STOPPED = "act_stopped", "Quem administra o painel desistiu do que estava marcado para a sua conta"
    ACCOUNT_ENABLED = "account_enabled", "Quem administra o painel reativou sua conta; os tokens estão pausados"
    CODE_REPEATED = "code_repeated", "Um código de verificação já usado foi digitado de novo"
    CODE_REPLACED = "code_replaced", "Um código de recuperação novo entrou no lugar do usado"
    CODES_RENEWED = "codes_renewed", "Novos códigos de recuperação foram gerados"
    DEMOTED = "demoted", "Você deixou de administrar o painel"
    FACTOR_CHANGED = "factor_changed", "A autenticação de dois fatores mudou"  # of before each change had its words
    FACTOR_RESET = "factor_was_reset", "Quem administra o painel zerou seus dois fatores"
    FACTOR_RESET_BEGUN = "factor_reset_begun", "Quem administra o painel marcou quando zera seus dois fatores"
    LINK_BEGUN = "link_begun", "Quem administra o painel marcou um novo link para a sua senha"
    MANY_FAILURES = "many_failures", "Alguém entrou depois de várias tentativas erradas"
    NEW_DEVICE = "new_device", "A conta foi aberta em um dispositivo novo"
    PASSKEY_ADDED = "passkey_added", "Uma chave de acesso foi adicionada"
    PASSKEY_COPIED = "passkey_copied", "Uma chave de acesso foi recusada: pode haver uma cópia dela"
    PASSKEY_REMOVED = "passkey_removed", "Uma chave de acesso foi removida"
    PASSWORD_CHANGED = "password_changed", "A senha foi alterada"
    PASSWORD_LINK = "link_made", "Quem administra o painel fez um novo link para a sua senha"
    PASSWORD_KNOWN = "password_known", "Alguém acertou sua senha e não passou da verificação em duas etapas"
    PERSON_RESET = "person_reset", "Os dois fatores de uma pessoa foram zerados"
    PERSON_RESET_BEGUN = "person_reset_begun", "Está marcado zerar os dois fatores de uma pessoa"
    PERSON_RESET_DROPPED = (
        "person_reset_dropped",
        "Não foram zerados os dois fatores de uma pessoa: o painel ficaria sem quem o administre",
    )
    PERSON_STOPPED = "person_stopped", "Foi impedido o que estava marcado para a conta de uma pessoa"
    PROMOTED = "promoted", "Você passou a administrar o painel"
    RECOVERY_USED = "recovery_used", "Um código de recuperação foi usado"
    RESTORED = (
        "restored",
        "O painel voltou de uma cópia antiga: senha, dois fatores, códigos de recuperação e tokens são os daquela data",
    )
    SESSIONS_ENDED = "sessions_ended", "Quem administra o painel encerrou suas sessões"
    TAKEOVER = (
        "takeover",
        "Um link de senha e zerar os dois fatores da mesma pessoa, em menos de três dias: o segundo espera 24 horas",
    )
    TWO_FACTOR_OFF = "two_factor_off", "A autenticação de dois fatores foi desativada"
    TWO_FACTOR_ON = "two_factor_on", "A autenticação de dois fatores foi ativada"
    TWO_FACTOR_RELEASED = "two_factor_released", "Quem administra o painel deixou de exigir dois fatores só de você"
    TWO_FACTOR_REMINDER = "two_factor_reminder", "Quem administra o painel pede que você ative os dois fatores"
    TWO_FACTOR_REQUIRED = "two_factor_required", "Quem administra o painel passou a exigir dois fatores de você"
    UNLOCKED = "unlocked", "Quem administra o painel apagou as esperas por tentativas erradas"

    @property
    def is_of_administrators(self) -> bool:
        """Whether somebody who administers did it, so that the owner is asked nothing."""
        return self in _OF_ADMINISTRATORS

    @property
    def is_of_failure(self) -> bool:
        return self in _OF_FAILURE

    @property
    def asks(self) -> bool:
        """Whether the owner is asked "Fui eu" or "Não fui eu": not about what nobody did with this account."""
        return self not in (NoticeKind.BRUTE_FORCE, NoticeKind.RESTORED) and not self.is_of_administrators


# Sent to whoever administers, about other people or the panel.
TO_ADMINISTRATORS = (
    NoticeKind.BRUTE_FORCE,
    NoticeKind.PERSON_RESET,
    NoticeKind.PERSON_RESET_BEGUN,
    NoticeKind.PERSON_RESET_DROPPED,
    NoticeKind.PERSON_STOPPED,
    NoticeKind.TAKEOVER,
)
_OF_FAILURE = frozenset(
    {NoticeKind.CODE_REPEATED, NoticeKind.MANY_FAILURES, NoticeKind.PASSKEY_COPIED, NoticeKind.PASSWORD_KNOWN}
)
_OF_ADMINISTRATORS = frozenset(
    {
        NoticeKind.ACCOUNT_ENABLED,
        NoticeKind.ACT_STOPPED,
        NoticeKind.DEMOTED,
        NoticeKind.FACTOR_RESET,
        NoticeKind.FACTOR_RESET_BEGUN,
        NoticeKind.LINK_BEGUN,
        NoticeKind.PASSWORD_LINK,
        NoticeKind.PERSON_RESET,
        NoticeKind.PERSON_RESET_BEGUN,
        NoticeKind.PERSON_RESET_DROPPED,
        NoticeKind.PERSON_STOPPED,
        NoticeKind.PROMOTED,
        NoticeKind.SESSIONS_ENDED,
        NoticeKind.TAKEOVER,
        NoticeKind.TWO_FACTOR_RELEASED,
        NoticeKind.TWO_FACTOR_REMINDER,
        NoticeKind.TWO_FACTOR_REQUIRED,
        NoticeKind.UNLOCKED,
    }
)


class Failure(Flag):
    """How an event is a failure."""

    KNOWN = auto()  # the log calls it a failure, and nothing else follows
    OF_FACTOR = auto()  # it counts for the alarm, and for the notice at the next login
    OF_STRANGERS = auto()  # without a known account, many of them become few entries of activity


class Section(StrEnum):
    """A filter of the activity: its value in the address, its label, and the first words of its events' names."""

    label: str
    subjects: frozenset[str]

    def __new__(cls, name: str, label: str, subjects: str) -> Self:
        section = str.__new__(cls, name)
        section._value_, section.label, section.subjects = name, label, frozenset(subjects.split())
        return section

    LOGINS = "entradas", "Entradas e saídas", "login session stepup device"
    FACTORS = "fatores", "Senha e dois fatores", "password totp passkey recovery"
    INSTANCES = "instancias", "Instâncias", "instance"
    ACCOUNT = "conta", "Conta e servidor", "account alert cli clock notice people policy"

    @property
    def events(self) -> "tuple[Event, ...]":
        return tuple(event for event in Event if event.section is self)


class Event(StrEnum):
    """The name of the event in activity and log, with the words that people read, and the kind of failure that it is or
    the notice that recording it raises."""

    words: str
    section: Section
    failure: Failure
    notice: NoticeKind | None

    def __new__(cls, name: str, words: str, follows: Failure | NoticeKind | None = None) -> Self:
        event = str.__new__(cls, name)
        event._value_, event.words = name, words
        event.section = next(section for section in Section if name.partition(".")[0] in section.subjects)
        event.failure = follows if isinstance(follows, Failure) else Failure(0)
        event.notice = follows if isinstance(follows, NoticeKind) else None
        return event

    @property
    def is_of_terminal(self) -> bool:
        return self.value.startswith("cli.")

    ACCOUNT_ACTIVATED = "account.activated", "Senha escolhida com um código de ativação"
    ACCOUNT_ACTIVATION_FAILED = "account.activation_failed", "Código de ativação incorreto", Failure.OF_STRANGERS
    ACCOUNT_CREATED = "account.created", "Conta criada"
    ACCOUNT_DOWNLOADED = "account.downloaded", "Dados da conta baixados"
    ACCOUNT_LOCKED = "account.locked", "Tudo bloqueado"
    ACCOUNT_REOPENED = "account.reopened", "Tokens reabertos"
    ACCOUNT_SETUP_FAILED = "account.setup_failed", "Código de instalação incorreto", Failure.OF_STRANGERS
    ACCOUNT_STEP_SKIPPED = "account.step_skipped", "Você pulou um passo"
    ACCOUNT_ZONE_CHANGED = "account.zone_changed", "Fuso das datas alterado"
    ALERT_BRUTE_FORCE = (
        "alert.brute_force",
        "Muitas senhas ou códigos errados no painel inteiro",
        NoticeKind.BRUTE_FORCE,
    )
    CLI_BACKUP = "cli.backup", "Cópia do banco de dados feita no terminal do servidor"
    CLI_CREATE_ACCOUNT = "cli.create_account", "Conta criada no terminal do servidor"
    CLI_END_SESSIONS = "cli.end_sessions", "Sessões encerradas no terminal do servidor"
    CLI_PRUNE = "cli.prune", "Registros vencidos removidos no terminal do servidor"
    CLI_RESET_PASSWORD = "cli.reset_password", "Senha apagada no terminal do servidor"
    CLI_RESET_TWO_FACTOR = (
        "cli.reset_two_factor",
        "Autenticação de dois fatores desativada no terminal do servidor",
        NoticeKind.TWO_FACTOR_OFF,
    )
    CLI_RESTORE = "cli.restore", "O painel voltou ao estado de uma cópia", NoticeKind.RESTORED
    CLI_RESYNC_TOTP = "cli.resync_totp", "Códigos aceitos com o relógio adiantado anulados no terminal do servidor"
    CLI_ROTATE_KEY = "cli.rotate_key", "Chave dos segredos trocada no terminal do servidor"
    CLI_UNLOCK = "cli.unlock", "Esperas por tentativas erradas apagadas no terminal do servidor"
    CLOCK_WENT_BACK = "clock.went_back", "O relógio do servidor voltou no tempo"
    DEVICE_FORGOTTEN = "device.forgotten", "Dispositivo confiável esquecido"
    INSTANCE_CREATED = "instance.created", "Instância criada"
    INSTANCE_DELETED = "instance.deleted", "Instância excluída"
    INSTANCE_RENAMED = "instance.renamed", "Instância renomeada"
    INSTANCE_PAUSED_CHANGED = "instance.paused_changed", "Tokens de todas as instâncias pausadas trocados"
    INSTANCE_TOKEN_CHANGED = "instance.token_changed", "Token da instância trocado"
    INSTANCE_TOKEN_SHOWN = "instance.token_shown", "Token da instância mostrado ou copiado"
    LOGIN_PASSWORD_FAILED = "login.password_failed", "Senha incorreta", Failure.OF_FACTOR | Failure.OF_STRANGERS
    LOGIN_PASSWORD_OK = "login.password_ok", "Senha correta"
    NOTICE_MINE = "notice.mine", "Aviso reconhecido: fui eu"
    NOTICE_NOT_MINE = "notice.not_mine", "Aviso: não fui eu"
    PASSKEY_ADDED = "passkey.added", "Chave de acesso adicionada", NoticeKind.PASSKEY_ADDED
    PASSKEY_COUNTER_FAILED = "passkey.counter_failed", "Chave de acesso recusada: o contador voltou", Failure.OF_FACTOR
    PASSKEY_ENABLED = "passkey.enabled", "Dois fatores ativados com uma chave de acesso", NoticeKind.TWO_FACTOR_ON
    PASSKEY_FAILED = "passkey.failed", "Chave de acesso recusada", Failure.OF_FACTOR | Failure.OF_STRANGERS
    PASSKEY_LAST_REMOVED = (
        "passkey.last_removed",
        "Última chave de acesso removida, dois fatores desativados",
        NoticeKind.TWO_FACTOR_OFF,
    )
    PASSKEY_OK = "passkey.ok", "Chave de acesso aceita"
    PASSKEY_REMOVED = "passkey.removed", "Chave de acesso removida", NoticeKind.PASSKEY_REMOVED
    PASSKEY_RENAMED = "passkey.renamed", "Chave de acesso renomeada"
    PASSWORD_CHANGED = "password.changed", "Senha alterada", NoticeKind.PASSWORD_CHANGED
    PEOPLE_DEMOTED = "people.demoted", "Deixou de administrar o painel"
    PEOPLE_DISABLED = "people.disabled", "Conta desativada"
    PEOPLE_ENABLED = "people.enabled", "Conta reativada"
    PEOPLE_FACTOR_RESET = "people.factor_reset", "Dois fatores zerados"
    PEOPLE_FACTOR_RESET_BEGUN = "people.factor_reset_begun", "Marcado: zerar os dois fatores"
    PEOPLE_FACTOR_RESET_DROPPED = "people.factor_reset_dropped", "Não feito: zerar os dois fatores"
    PEOPLE_FACTOR_RESET_STOPPED = "people.factor_reset_stopped", "Impedido: zerar os dois fatores"
    PEOPLE_INVITATION_RENEWED = "people.invitation_renewed", "Convite refeito"
    PEOPLE_INVITATION_REVOKED = "people.invitation_revoked", "Convite revogado"
    PEOPLE_INVITED = "people.invited", "Convite feito"
    PEOPLE_LINK_BEGUN = "people.link_begun", "Marcado: novo link de senha"
    PEOPLE_LINK_REVOKED = "people.link_revoked", "Link de senha revogado"
    PEOPLE_LINK_STOPPED = "people.link_stopped", "Impedido: novo link de senha"
    PEOPLE_PASSWORD_LINK = "people.password_link", "Novo link de senha"
    PEOPLE_PROMOTED = "people.promoted", "Passou a administrar o painel"
    PEOPLE_RELEASED = "people.released", "Dois fatores deixaram de ser exigidos desta pessoa"
    PEOPLE_REMINDED = "people.reminded", "Lembrete dos dois fatores"
    PEOPLE_REQUIRED = "people.required", "Dois fatores exigidos desta pessoa"
    PEOPLE_SESSIONS_ENDED = "people.sessions_ended", "Sessões encerradas por quem administra"
    PEOPLE_UNLOCKED = "people.unlocked", "Esperas por tentativas erradas apagadas"
    POLICY_RELEASED = "policy.released", "Dois fatores deixaram de ser exigidos de todos"
    POLICY_REQUIRED = "policy.required", "Dois fatores exigidos de todos"
    RECOVERY_ACKNOWLEDGED = "recovery.acknowledged", "Ciente do código de recuperação usado"
    RECOVERY_FAILED = "recovery.failed", "Código de recuperação incorreto", Failure.OF_FACTOR
    RECOVERY_LOCKED = "recovery.locked", "Código de recuperação recusado: erros demais", Failure.KNOWN
    RECOVERY_OK = "recovery.ok", "Código de recuperação usado"
    RECOVERY_REHEARSAL_FAILED = (
        "recovery.rehearsal_failed",
        "Ensaio de recuperação com código incorreto",
        Failure.OF_FACTOR,
    )
    RECOVERY_REHEARSED = "recovery.rehearsed", "Ensaio de recuperação feito"
    RECOVERY_RENEWED = "recovery.renewed", "Novos códigos de recuperação", NoticeKind.CODES_RENEWED
    RECOVERY_REPLACED = "recovery.replaced", "Um código de recuperação no lugar do usado", NoticeKind.CODE_REPLACED
    SESSION_ENDED = "session.ended", "Sessão encerrada"
    SESSION_OTHERS_ENDED = "session.others_ended", "Outras sessões encerradas"
    SESSION_STARTED = "session.started", "Entrada no painel"
    STEPUP_FAILED = "stepup.failed", "Confirmação de identidade recusada", Failure.KNOWN
    STEPUP_OK = "stepup.ok", "Identidade confirmada"
    TOTP_ADDED = "totp.added", "Aplicativo autenticador adicionado", NoticeKind.APP_ADDED
    TOTP_APP_REMOVED = "totp.app_removed", "Aplicativo autenticador removido", NoticeKind.APP_REMOVED
    TOTP_CANCELLED = "totp.cancelled", "Configuração do aplicativo cancelada"
    TOTP_ENABLED = "totp.enabled", "Autenticação de dois fatores ativada", NoticeKind.TWO_FACTOR_ON
    TOTP_FAILED = "totp.failed", "Código de verificação incorreto", Failure.OF_FACTOR
    TOTP_LOCKED = "totp.locked", "Código recusado: aplicativo bloqueado por excesso de erros", Failure.KNOWN
    TOTP_OK = "totp.ok", "Código de verificação aceito"
    TOTP_REMOVED = "totp.removed", "Autenticação de dois fatores desativada", NoticeKind.TWO_FACTOR_OFF
    TOTP_REPEATED = "totp.repeated", "Código de verificação repetido, recusado", Failure.OF_FACTOR
    TOTP_REPLACED = "totp.replaced", "Aparelho trocado", NoticeKind.APP_REPLACED
    TOTP_STARTED = "totp.started", "Configuração do aplicativo iniciada"
    TOTP_UNDONE = "totp.undone", "Troca de aparelho desfeita", NoticeKind.APP_RESTORED


# Of what is apt to come in a row: so many at once.
MANY: dict[str, str] = {
    Event.DEVICE_FORGOTTEN: "{} dispositivos esquecidos",
    Event.INSTANCE_CREATED: "{} instâncias criadas",
    Event.INSTANCE_DELETED: "{} instâncias excluídas",
    Event.INSTANCE_RENAMED: "{} instâncias renomeadas",
    Event.INSTANCE_TOKEN_CHANGED: "{} tokens trocados",
    Event.INSTANCE_TOKEN_SHOWN: "{} tokens mostrados ou copiados",
    Event.LOGIN_PASSWORD_FAILED: "{} senhas incorretas",
    Event.LOGIN_PASSWORD_OK: "{} senhas corretas",
    Event.PASSKEY_FAILED: "{} chaves de acesso recusadas",
    Event.PEOPLE_DISABLED: "{} contas desativadas",
    Event.PEOPLE_ENABLED: "{} contas reativadas",
    Event.PEOPLE_INVITATION_RENEWED: "{} convites refeitos",
    Event.PEOPLE_INVITATION_REVOKED: "{} convites revogados",
    Event.PEOPLE_INVITED: "{} convites feitos",
    Event.PEOPLE_PASSWORD_LINK: "{} novos links de senha",
    Event.PEOPLE_REMINDED: "{} lembretes dos dois fatores",
    Event.RECOVERY_FAILED: "{} códigos de recuperação incorretos",
    Event.SESSION_ENDED: "{} sessões encerradas",
    Event.SESSION_STARTED: "{} entradas no painel",
    Event.STEPUP_FAILED: "{} confirmações de identidade recusadas",
    Event.STEPUP_OK: "{} confirmações de identidade",
    Event.TOTP_FAILED: "{} códigos incorretos",
}
WORDS = {event.value: event.words for event in Event}
NOTICE_KINDS = {kind.value: kind for kind in NoticeKind}
FACTOR_FAILURES = frozenset(event for event in Event if Failure.OF_FACTOR in event.failure)
