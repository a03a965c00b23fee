"""Why a password, a code, a passkey or a name is refused, in words, and the status of such an answer."""

from datetime import timedelta
from urllib.parse import urlsplit

from web import hosts
from web.auth.outcome import Reason, Refused
from web.auth.people import NameRefusal, PersonRefusal
from web.factors.password import Refusal
from web.limits import PASSKEYS, REASON_MAX, REASON_MIN
from web.panel import Panel
from web.visit.visit import SignedIn
from web.words.waits import counted

SENTENCES = {
    Reason.WRONG_PASSWORD: "Senha incorreta.",
    Reason.PASSWORD_BACKOFF: "Foram muitas senhas erradas. Tente de novo em {}.",
    Reason.PASSWORD_CLOSED: (
        "Foram senhas erradas demais vindas de dispositivos desconhecidos. Entre de um dispositivo em que você já "
        "entrou, ou peça a quem cuida do painel que libere a conta."
    ),
    Reason.PASSWORD_CLOSED_ON_DEVICE: (
        "Foram senhas erradas demais neste dispositivo. Peça a quem cuida do painel que libere a conta."
    ),
    Reason.MALFORMED_CODE: "O código tem seis números. Digite o que o aplicativo mostra agora.",
    Reason.WRONG_CODE: "Código incorreto. Digite o que o aplicativo mostra agora.",
    # Beside it stands two_factor/_witness.html.
    Reason.WRONG_CODE_OR_CLOCK: "Código incorreto. Digite o que aparece agora no aplicativo.",
    Reason.CLOCK_OFF: "O relógio do seu celular parece estar {}. Ligue nele a hora automática e tente de novo.",
    Reason.CLOCK_OFF_BY_HOURS: (
        "O relógio do seu celular parece estar {}. Ligue nele a data, a hora e o fuso automáticos e tente de novo."
    ),
    Reason.CODE_USED: "Este código já foi usado; o próximo aparece em {}.",
    Reason.CODE_DISCLOSED: "Com este código o relógio foi conferido; o próximo aparece em {}.",
    Reason.SERVER_CLOCK_WENT_BACK: (
        "O relógio do servidor voltou no tempo. Entre com um código de recuperação, ou tente de novo em {}."
    ),
    Reason.FACTOR_CHANGED: "A proteção desta conta mudou enquanto isso. Entre de novo.",
    Reason.CODE_BACKOFF: "Foram muitos códigos errados. Tente de novo em {}.",
    Reason.APP_CLOSED: (
        "Este aplicativo foi bloqueado depois de 100 códigos errados. Entre com um código de recuperação."
    ),
    Reason.WRONG_CODE_OF_OLD_APP: "Código incorreto. Digite o que o aplicativo antigo mostra agora.",
    Reason.MALFORMED_RECOVERY_CODE: "Um código de recuperação tem 16 letras e números, em quatro grupos.",
    Reason.WRONG_RECOVERY_CODE: "Este código de recuperação não vale: foi digitado errado ou já foi usado.",
    Reason.RECOVERY_CLOSED: (
        "Foram 100 códigos de recuperação errados. Entre com o aplicativo, ou procure quem cuida do painel."
    ),
    Reason.PASSKEYS_NOT_HERE: "Neste endereço não há chaves de acesso: elas precisam de HTTPS e de um nome.",
    Reason.PASSKEYS_FULL: f"A conta já tem {PASSKEYS} chaves de acesso. Remova uma que você não usa mais.",
    Reason.PASSKEY_KNOWN: "Esta chave de acesso já está cadastrada.",
    Reason.PASSKEY_EXPIRED: "O pedido passou do tempo ou já foi respondido. Tente de novo.",
    Reason.PASSKEY_UNVERIFIED: (
        "O aparelho não conferiu que é você. Ligue nele a digital, o rosto ou um PIN e tente de novo."
    ),
    Reason.PASSKEY_UNKNOWN: "Nenhuma conta daqui tem esta chave de acesso. Use outra, ou entre com a senha.",
    Reason.PASSKEY_REMOVED: "Esta chave de acesso foi removida da conta. Use outra, ou entre com a senha.",
    Reason.PASSKEY_COPIED: (
        "Esta chave de acesso pode ter sido copiada, e por isso não foi aceita. Entre de outro jeito e remova-a em "
        "Segurança."
    ),
    Reason.PASSKEY_REFUSED: "A chave de acesso não foi aceita. Tente de novo, ou entre de outro jeito.",
    Reason.FACTOR_REQUIRED: (
        "Este painel exige dois fatores: adicione outra chave ou um aplicativo antes de remover esta."
    ),
    Reason.ONLY_FACTOR_HERE: (
        "Sem esta proteção só restariam chaves de acesso de outro endereço, que aqui não abrem a conta. Adicione antes "
        "outra, ou remova primeiro essas chaves."
    ),
    Reason.LAST_ADMINISTRATOR: (
        "Só você administra este painel com senha e dois fatores, e há outras contas ativas. Antes de desativar os "
        "seus, outra pessoa precisa administrar o painel com dois fatores."
    ),
}
PASSWORD_SENTENCES = {
    Refusal.BROKEN_TEXT: "A senha tem um caractere que chegou quebrado. Digite-a de novo.",
    Refusal.TOO_SHORT: "A senha precisa de pelo menos {minimum} caracteres. Três ou quatro palavras já bastam.",
    Refusal.TOO_LONG: "A senha passa de 256 caracteres.",
    Refusal.COMMON: "Esta senha está nas listas das mais usadas. Escolha outra.",
    Refusal.ACCOUNT_NAME: "Esta senha se apoia no nome da conta. Escolha outras palavras.",
    Refusal.PANEL_NAME: "Esta senha se apoia no nome ou no endereço do painel. Escolha outras palavras.",
    Refusal.INSTANCE_NAME: "Esta senha se apoia no nome de uma instância. Escolha outras palavras.",
    Refusal.CONTEXT: "Esta senha se apoia em nomes da conta, do painel e das instâncias. Escolha outras palavras.",
    Refusal.OBVIOUS: "Esta senha se apoia em palavras que todos tentam primeiro, como senha ou painel. Escolha outras.",
    Refusal.GUESSABLE: "Esta senha é fácil de adivinhar. Junte mais uma ou duas palavras.",
    Refusal.NOT_REPEATED: "As duas senhas não são iguais. Digite as duas de novo.",
}
PERSON_SENTENCES = {
    PersonRefusal.GONE: "Esta conta não existe.",
    PersonRefusal.ONESELF: "Ninguém faz isto com a própria conta. Peça a outra pessoa que administra o painel.",
    PersonRefusal.DISABLED: "Esta conta está desativada. Nada mudou.",
    PersonRefusal.NOT_DISABLED: "Esta conta já está ativa. Nada mudou.",
    PersonRefusal.INVITED: "Esta pessoa ainda não escolheu uma senha. Refaça o convite.",
    PersonRefusal.NOT_INVITED: "Esta conta não tem convite aberto. Nada mudou.",
    PersonRefusal.NO_FACTOR: "Esta conta não tem autenticação de dois fatores. Nada mudou.",
    PersonRefusal.ADMINISTERS: "Esta pessoa já administra o painel. Nada mudou.",
    PersonRefusal.DOES_NOT_ADMINISTER: "Esta pessoa não administra o painel. Nada mudou.",
    PersonRefusal.BEGUN: "Isto já está marcado para esta pessoa. Nada mudou.",
    PersonRefusal.SHORT_REASON: f"Diga o motivo, com pelo menos {REASON_MIN} caracteres: a pessoa vai ler.",
    PersonRefusal.LONG_REASON: f"O motivo passa de {REASON_MAX} caracteres.",
}
NAME_SENTENCES = {
    NameRefusal.RESERVED: "Este nome é reservado. Escolha outro.",
    NameRefusal.LENGTH: "O nome precisa ter de 3 a 32 caracteres.",
    NameRefusal.CHARACTERS: "Sem espaço nem acento: use letras de a a z, números, ponto, hífen e sublinhado.",
    NameRefusal.BEGINNING: "Comece o nome por uma letra ou um número.",
    NameRefusal.TAKEN: "Já existe uma conta {name}.",
}


def sentence(refused: Refused) -> str:
    words = SENTENCES[refused.reason]
    match refused.reason:
        case Reason.PASSWORD_BACKOFF | Reason.CODE_BACKOFF:
            return counted(words, refused.wait)
        case Reason.CODE_USED | Reason.CODE_DISCLOSED | Reason.SERVER_CLOCK_WENT_BACK:
            return counted(words, refused.next_code)
        case Reason.CLOCK_OFF:
            return words.format(_off(refused.drift))
        case Reason.CLOCK_OFF_BY_HOURS:
            return words.format(_hours_off(refused.drift))
        case _:
            return words


def _off(drift: timedelta) -> str:
    seconds = int(abs(drift).total_seconds())
    off = f"{seconds // 60} min" + (f" {seconds % 60} s" if seconds % 60 else "") if seconds >= 60 else f"{seconds} s"
    return f"{off} {_direction(drift)}"


def _hours_off(drift: timedelta) -> str:
    return f"{round(int(abs(drift).total_seconds()) / 3600)} h {_direction(drift)}"


def _direction(drift: timedelta) -> str:
    return "adiantado" if drift > timedelta(0) else "atrasado"


def status_of(refused: Refused) -> int:
    return 429 if refused.wait else 422


def password_sentence(refusal: Refusal, panel: Panel) -> str:
    return PASSWORD_SENTENCES[refusal].format(minimum=panel.settings.password_min)


def password_errors(refusal: Refusal | None, panel: Panel) -> dict[str, str]:
    """The sentence beside the field that it is about."""
    if refusal is None:
        return {}
    return {"repeated" if refusal is Refusal.NOT_REPEATED else "password": password_sentence(refusal, panel)}


def name_sentence(refusal: NameRefusal, name: str) -> str:
    return NAME_SENTENCES[refusal].format(name=name)


def person_sentence(refusal: PersonRefusal) -> str:
    return PERSON_SENTENCES[refusal]


def passkey_obstacle(visit: SignedIn) -> str:
    """Why a browser has no passkeys at the address of this page, and what would help; "" where it has."""
    site, host = visit.panel.settings.passkey_site, hosts.read(visit.request.headers.get("host", ""))
    if site and host and host[0] == urlsplit(site.origin).hostname:
        return ""
    if site:
        return f"Chaves de acesso não funcionam neste endereço. Abra o painel em {site.origin} para usá-las."
    if host and hosts.address(host[0]):
        return (
            "Chaves de acesso precisam de um nome, e este endereço é um número (IP). Peça a quem cuida do painel um "
            "endereço como https://painel.exemplo.com.br."
        )
    return "Chaves de acesso precisam de HTTPS, e este painel está sem. Peça a quem cuida dele que o ligue."
