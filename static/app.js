// What HTML cannot do alone. Everything works without it; it only adds.

// Trusted Types: markup reaches the page through htmx from our own server, and scripts never do.
if (window.trustedTypes) {
  const policy = trustedTypes.createPolicy("htmx", {
    createHTML: (markup) => markup,
    createScript: () => { throw new TypeError("no scripts in answers"); },
  });
  htmx.registerExtension("tt", { init: (api) => api.initSecurity(policy) });
}

// What only a script can answer for is hidden until there is one.
const reveal = () => {
  for (const one of document.querySelectorAll(":is([data-print], [data-script], [data-reveal])[hidden]")) one.hidden = false;
  for (const hint of document.querySelectorAll("[data-script]")) {
    const field = document.getElementById(hint.id.replace(/-hint$/, ""));
    if (!field.hasAttribute("aria-describedby")) field.setAttribute("aria-describedby", hint.id);
  }
};
reveal();
document.addEventListener("htmx:after:swap", reveal);

// "… em 17 s" inside an error counts down where it stands; screen readers hear it once, at the start.
function countDown() {
  for (const place of document.querySelectorAll("[data-wait]")) {
    const seconds = place.dataset.wait, sentence = place.textContent;
    place.removeAttribute("data-wait");
    const end = Date.now() + seconds * 1000;
    const tick = setInterval(() => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left <= 0 || !place.isConnected) clearInterval(tick);
      place.closest("[role=alert]")?.setAttribute("aria-live", "off");
      place.textContent = sentence.replace(`em ${seconds} s`, left > 0 ? `em ${left} s` : "agora");
    }, 1000);
  }
}
countDown();
document.addEventListener("htmx:after:swap", countDown);

// A challenge whose time is over says so by itself, with both ways on.
function watchTheTime() {
  for (const late of document.querySelectorAll("[data-ends]")) {
    const end = Date.now() + late.dataset.ends * 1000;
    late.removeAttribute("data-ends");
    const tick = setInterval(() => {
      if (late.isConnected && Date.now() < end) return;
      clearInterval(tick);
      for (const one of late.parentElement.querySelectorAll(":scope > :is(form, details, p:not(.hint))")) one.hidden = true;
      late.hidden = false;
      late.querySelector("a").focus();
    }, 1000);
  }
}
watchTheTime();
document.addEventListener("htmx:after:swap", watchTheTime);

// The sixth digit of a code sends it, once, when nothing else is missing. Firefox reflects no such word in .autocomplete.
document.addEventListener("input", ({ target }) => {
  if (target.getAttribute("autocomplete") !== "one-time-code") return;
  const code = target.value.replace(/[\s\p{DI}\p{Pd}−]/gu, "");
  if (!/^[0-9]{6}$/.test(code) || target.dataset.sent === code || !target.form.matches(":valid")) return;
  target.dataset.sent = code;
  target.form.requestSubmit();
});

// Whoever presses the button too finds the code refused and its field empty: the error beside it says all, the browser nothing.
document.addEventListener("invalid", (event) => {
  const { form } = event.target;
  if (!form?.querySelector("[aria-invalid]") || !form.querySelector("[autocomplete=one-time-code]")) return;
  event.preventDefault();
  form.querySelector("input:invalid").focus();
}, true);

// A password can be looked at while it is typed; it is masked again before it leaves, so that browsers treat it as one.
function mask(button, isMasked) {
  document.getElementById(button.dataset.reveal).type = isMasked ? "password" : "text";
  button.firstElementChild.textContent = isMasked ? "Mostrar" : "Ocultar";
}
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-reveal]");
  if (button) mask(button, document.getElementById(button.dataset.reveal).type === "text");
});
document.addEventListener("submit", ({ target }) => {
  for (const button of target.querySelectorAll("[data-reveal]")) mask(button, true);
}, true);

// Two new passwords that differ are not sent: only the second is lost.
document.addEventListener("submit", (event) => {
  const { password, repeated } = event.target.elements;
  if (!repeated || password.value === repeated.value) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const told = document.getElementById("repeated-error") ?? document.createElement("p");
  told.className = "error";
  told.id = "repeated-error";
  told.setAttribute("role", "alert");
  repeated.closest(".field").append(told);
  const mark = document.createElement("i");
  mark.className = "i-circle-x";
  told.replaceChildren(mark, repeated.dataset.unlike);
  repeated.setAttribute("aria-invalid", "true");
  repeated.setAttribute("aria-describedby", told.id);
  repeated.value = "";
  repeated.focus();
}, true);

// A passkey answers what its button asks: when that is pressed or, at the login, out of the field of the name. There is
// one question at a time, and nobody is told that they gave it up. An IP address can hold no passkey.
const canAsk = Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON) && !/^[\d.]+$|:/.test(location.hostname);
let asking, offered, answered;
async function ask(button, mediation) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking, fault = button.nextElementSibling;
  if (!mediation) fault.hidden = true;
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(button.dataset.passkey));
    const credential = await navigator.credentials.get({ publicKey, mediation, signal });
    answered = credential.id;
    button.value = JSON.stringify(credential);
    button.form.requestSubmit(button);
  } catch ({ name }) {
    if (mediation || name === "AbortError") return;
    fault.hidden = name === "NotAllowedError";
    offerPasskeys(true);
  }
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-passkey]");
  if (!button) return;
  event.preventDefault();
  ask(button);
});
// What is asked ends after five minutes: a page that stays open asks anew before.
async function offerPasskeys(isAnew) {
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.hidden = !canAsk;
    for (const hint of button.form.querySelectorAll(".hint")) hint.hidden = canAsk;
    if (!canAsk) button.form.parentElement.querySelector(":scope > details")?.setAttribute("open", "");
    if (answered && "gone" in button.dataset) PublicKeyCredential.signalUnknownCredential?.({ rpId: JSON.parse(button.dataset.passkey).rpId, credentialId: answered }).catch(() => {});
    delete button.dataset.gone; // it was said of this answer, and not of the next
  }
  const button = document.querySelector("[data-conditional]");
  if (!canAsk || (button === offered && isAnew !== true)) return;
  asking?.abort();
  offered = button;
  if (!button || !await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
  ask(button, "conditional");
  const mine = asking;
  setTimeout(async () => {
    if (!button.isConnected) return;
    const fresh = await fetch("/login/passkey/options").then((answer) => answer.ok && answer.text()).catch(() => {});
    if (fresh) button.dataset.passkey = fresh;
    if (mine === asking) offerPasskeys(true);
  }, 240_000);
}
offerPasskeys();
document.addEventListener("htmx:after:swap", offerPasskeys);

// Password managers are told which passkeys of the account are accepted, so that they offer no other: by the answer to a
// login, and by the page of the passkeys. Nobody waits for it.
async function tellManagers(words) {
  const told = JSON.parse(words);
  await window.PublicKeyCredential?.signalAllAcceptedCredentials?.(told);
  await window.PublicKeyCredential?.signalCurrentUserDetails?.(told);
}
function tellOfPasskeys() {
  const place = document.querySelector("[data-signals]");
  if (place) tellManagers(place.dataset.signals).catch(() => {});
  place?.removeAttribute("data-signals");
}
tellOfPasskeys();
document.addEventListener("htmx:after:swap", tellOfPasskeys);
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.hx.redirect && ctx.text) tellManagers(ctx.text).catch(() => {});
});

// A form that leads to another page is sent once, however often Enter is pressed; the others htmx guards.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("hx-post")) return;
  if ("sending" in form.dataset) return event.preventDefault();
  form.dataset.sending = "";
  setTimeout(() => delete form.dataset.sending, 3000); // what answers may be a file, and the page stay
});

// What a browser kept of a page that was left, as Safari does over plain HTTP, may be of a session that is over.
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  document.body.hidden = true;
  location.reload();
});

for (const happened of ["keydown", "keyup"]) document.addEventListener(happened, (event) => {
  const field = event.target;
  if (field.type !== "password" || !event.getModifierState) return;
  const isOn = event.getModifierState("CapsLock");
  let hint = field.parentElement.querySelector(".caps");
  if (!hint && isOn) {
    hint = document.createElement("p");
    hint.className = "hint caps";
    hint.setAttribute("role", "status");
    field.parentElement.append(hint);
  }
  if (hint) hint.textContent = isOn ? "A tecla Caps Lock está ligada." : "";
});

// The server's clock goes on from the moment of its answer, in the reader's time zone; a ring shows its half minute.
const second = new Intl.DateTimeFormat("pt-BR", { timeStyle: "medium" });
function startClock() {
  for (const place of document.querySelectorAll("[data-clock]")) {
    const began = place.dataset.clock * 1000 - performance.now();
    const [ring, still, going] = place.children, [left, time] = going.querySelectorAll("strong");
    place.removeAttribute("data-clock");
    ring.removeAttribute("hidden");
    still.hidden = true;
    going.hidden = false;
    const tick = () => {
      const now = began + performance.now(), seconds = 30 - Math.floor(now / 1000) % 30;
      left.textContent = `${seconds} s`;
      time.textContent = second.format(now);
      ring.lastElementChild.setAttribute("stroke-dasharray", `${seconds} 30`);
      if (place.isConnected) setTimeout(tick, 1000);
    };
    tick();
  }
}
startClock();
document.addEventListener("htmx:after:swap", startClock);

// The addresses of set-up and activation carry their code after the #, which no browser sends: it goes straight into the
// field, also when the page was open already. WebKit gives the focus to [autofocus] in its next frame, whatever has it:
// ours comes after. Where nothing but the code is asked for, it is sent at once.
function takeCode() {
  const field = document.querySelector("#setup_code, #activation_code");
  if (!field || location.hash.length < 2) return;
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (field.id === "activation_code") return field.form.requestSubmit();
  requestAnimationFrame(() => document.querySelector("#name").focus());
}
takeCode();
window.addEventListener("hashchange", takeCode);

// Every moment in the time zone of whoever reads, in the words of the server; the days of the activity follow.
const formatter = (options) => {
  const form = new Intl.DateTimeFormat("pt-BR", options);
  return (at) => form.format(at);
};
const longDay = formatter({ dateStyle: "long" });
const day = (at) => longDay(at).replace(/^1 /, "1º ");
const clock = formatter({ hour: "2-digit", minute: "2-digit" });
const full = (at) => `${day(at)} às ${clock(at)}`;
const hour = (at) => clock(at).replace(/^0(?=\d)/, "").replace(":", "h");
const forms = { day, date: formatter({ dateStyle: "short" }), full, clock, hour, short: (at) => `${formatter({ day: "2-digit", month: "2-digit" })(at)}, ${hour(at)}`, minutes: formatter({ minute: "2-digit", second: "2-digit" }) };
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const weekday = (at) => formatter({ weekday: "long" })(at).replace(/-feira$/, "");
function dayHeading(at, today) {
  const year = ` de ${formatter({ year: "numeric" })(today)}`, date = day(at).replace(new RegExp(`${year}$`), "");
  const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
  const ago = Math.round((midnight(today) - midnight(at)) / 86_400_000), name = weekday(at);
  if (ago === 0 || ago === 1) return [ago ? "Ontem" : "Hoje", `${name}, ${date}`];
  return ago > 0 && ago < 7 ? [name[0].toUpperCase() + name.slice(1), date] : [date, name];
}
function tellLocally() {
  if ("ownZone" in document.documentElement.dataset) return; // the server told them in the zone that the reader chose
  for (const time of document.querySelectorAll("time:not([data-local])")) {
    const at = new Date(time.dateTime), words = forms[time.dataset.as];
    time.dataset.local = "";
    time.title = full(at);
    if (words) time.textContent = words(at);
    else {
      const [near, exact] = time.childNodes;
      near.data = near.data.replace(/^em .*/, `em ${day(at)}`);
      exact.textContent = `, ${time.title}`;
    }
  }
  for (const field of document.querySelectorAll("input[name=fuso]")) field.value = zone;
  for (const place of document.querySelectorAll(`[data-zone]:not([data-zone="${zone}"])`)) place.textContent = zone;
  for (const list of document.querySelectorAll("[data-days]:has(> .day)")) {
    const headings = list.querySelectorAll(":scope > .day");
    for (const heading of headings) heading.remove();
    const today = new Date(list.dataset.days);
    let last;
    for (const entry of [...list.children]) {
      const at = new Date(entry.querySelector("time").dateTime);
      if (day(at) !== last) {
        const heading = headings[0].cloneNode(true);
        last = day(at);
        [heading.querySelector("strong").textContent, heading.querySelector("small").textContent] = dayHeading(at, today);
        entry.before(heading);
      }
    }
  }
}
tellLocally();
document.addEventListener("htmx:after:swap", tellLocally);

// A third clock, where the server's and a phone's may disagree: this device's, which may be the phone.
function bearWitness() {
  for (const place of document.querySelectorAll("[data-witness]")) {
    const apart = Math.abs(Date.now() - new Date(place.parentElement.querySelector("time").dateTime));
    place.removeAttribute("data-witness");
    place.textContent = apart > 600_000
      ? "Este aparelho marca outra hora. Se a dele é automática, peça a quem cuida do painel que confira o servidor."
      : "A hora deste aparelho confere. Se o aplicativo está em outro, ligue nele a hora automática.";
  }
}
bearWitness();
document.addEventListener("htmx:after:swap", bearWitness);

// A recovery code that was refused stays to be looked through: the server never sends one back.
let refused = [];
document.addEventListener("htmx:before:swap", () => { refused = [...document.querySelectorAll("[data-kept]")]; });
document.addEventListener("htmx:after:swap", () => {
  for (const { id, value } of refused) {
    const again = document.getElementById(id);
    if (again?.hasAttribute("aria-invalid") && !again.value) again.value = value;
  }
});

// While a form is under way nothing is asked beside it: with the cookie of before, the answer would lead to the login.
document.addEventListener("htmx:before:request", (event) => {
  const { sourceElement: source } = event.detail.ctx;
  if (source.form?.matches(".htmx-request")) return event.preventDefault();
  for (const field of source.querySelectorAll("[hx-post]")) field.dispatchEvent(new Event("htmx:abort"));
});

// What was said about the last request is over when the next one begins; no answer at all is said too.
document.addEventListener("htmx:before:request", () => document.querySelector("#notices").replaceChildren());
document.addEventListener("htmx:error", () => {
  const notice = document.createElement("p");
  notice.className = "note bad";
  notice.setAttribute("role", "alert");
  notice.textContent = "O painel não respondeu. Confira a conexão e tente de novo.";
  document.querySelector("#notices").replaceChildren(notice);
});
