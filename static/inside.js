// What only pages behind the login need: the login does not wait for it.

// What is there to be copied, where the browser can.
const canCopy = Boolean(navigator.clipboard);
function offerCopies() {
  for (const button of document.querySelectorAll(":is([data-copy], [data-clipboard])[hidden]")) button.hidden = !canCopy;
}
offerCopies();
document.addEventListener("htmx:after:swap", offerCopies);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) return window.print();
  const shown = document.getElementById(button.dataset.copyOf) ?? button.previousElementSibling;
  const words = button.dataset.copy || shown.textContent;
  const said = await navigator.clipboard.writeText(words).then(() => "Copiado", () => "Não copiou");
  announce(said);
  const drawing = button.querySelector("[class^=i-]"), beside = button.querySelector("span");
  if (drawing && !beside) return tick(button, drawing, said);
  const label = beside ?? button;
  button.dataset.words ??= label.textContent;
  label.textContent = said;
  setTimeout(() => { label.textContent = button.dataset.words; announce(""); }, 2000);
});

// A button without words shows for a moment that it did what it should.
function tick(button, drawing, said) {
  drawing.className = said === "Copiado" ? "i-check" : "i-circle-x";
  setTimeout(() => { drawing.className = "i-copy"; announce(""); }, 2000);
}

// What was asked for to be copied is copied as it arrives, and is gone from the page, as the button of its row shows; a
// browser that wants a click for it has its button.
async function copyArrived() {
  for (const button of document.querySelectorAll("[data-copy-now]")) {
    const { copy: words, copyNow: said } = button.dataset;
    button.removeAttribute("data-copy-now");
    if (!await navigator.clipboard?.writeText(words).then(() => true, () => false)) continue;
    const row = button.closest(".instance"), asked = row.querySelector("[data-clipboard]");
    shut(row);
    asked.focus({ preventScroll: true });
    announce(said);
    tick(asked, asked.firstElementChild, "Copiado");
  }
}
document.addEventListener("htmx:after:swap", copyArrived);

const live = document.createElement("p");
live.className = "unseen";
live.setAttribute("role", "status");
document.body.append(live);
function announce(words) { live.textContent = words; }

// One row at a time: what another one asks or shows is closed, unless somebody types there.
const shut = (row) => row.querySelector(".asked td > *")?.replaceChildren();
function closeOthers() {
  const here = document.activeElement.closest(".instance");
  if (!here?.querySelector(".asked :is(.drawer, .step-up):not(:empty)")) return;
  for (const other of document.querySelectorAll(".instance:not(:has([name=linha]))")) if (other !== here) shut(other);
}
document.addEventListener("htmx:after:swap", closeOthers);

// Confirme que é você opens beside the button that asked for it, in one place at a time; given up, it is gone from there.
const GIVEN_UP = ".drawer.step-up [data-cancel]:not([hx-get])";
let asker;
document.addEventListener("htmx:before:request", ({ detail: { ctx: { sourceElement: source } } }) => {
  if (!source.getAttribute("hx-target")?.startsWith("#ask-") || source.closest(".instance")) return;
  document.querySelector(GIVEN_UP)?.click();
  asker = { button: source.querySelector("button:not([type=button])"), title: document.title };
});
document.addEventListener("click", (event) => {
  const asked = event.target.closest(GIVEN_UP)?.closest(".step-up");
  if (!asked) return;
  event.preventDefault();
  asked.replaceWith(Object.assign(document.createElement("div"), { id: asked.id }));
  document.title = asker.title;
  asker.button.focus();
});

// A code may be typed as soon as the QR code is there: the eye is at the heading, the field a screen further on a small one.
document.addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
  if (/^[0-9]$/.test(key) && !(ctrlKey || metaKey || altKey || target.closest("input"))) document.querySelector("#confirm #code")?.focus();
});

// On a phone the way into the app is green until there is a whole code to send.
document.addEventListener("input", ({ target }) => {
  if (target.matches("#confirm #code")) target.toggleAttribute("data-whole", /^(\D*\d){6}\D*$/.test(target.value));
});

// The theme changes at once; the cookie that keeps it is asked for meanwhile.
document.addEventListener("click", ({ target }) => {
  const chosen = target.closest("[name=theme]");
  if (!chosen) return;
  document.documentElement.dataset.theme = chosen.value;
  for (const one of document.querySelectorAll("[name=theme]")) {
    if (one.value === chosen.value) one.setAttribute("aria-current", "true");
    else one.removeAttribute("aria-current");
  }
});

// Codes that are shown only once are not left unread by mistake: copied, saved, printed or put away, they are read.
window.addEventListener("beforeunload", (event) => { if (document.querySelector("[data-unread]")) event.preventDefault(); });
document.addEventListener("click", ({ target }) => {
  const done = "#copy-codes, #download-codes, #print-codes, #saved, [data-read]";
  if (target.closest(done)) document.querySelector("[data-unread]")?.removeAttribute("data-unread");
}, true);

// Back, from where one of them is typed back, shows the sheet again: it is in this page alone.
document.addEventListener("click", ({ target }) => { if (target.closest("#saved")) history.pushState(null, ""); });
window.addEventListener("popstate", () => { if (document.querySelector("#check-code")) document.querySelector("#again")?.setAttribute("open", ""); });
document.addEventListener("htmx:before:history:restore", (event) => { if (document.querySelector("#again")) event.preventDefault(); });

// What is typed in a row that is being renamed, or as the name of a new one, stays when the list around it is made anew.
let typing = [], focused;
document.addEventListener("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
  typing = [...document.querySelectorAll(".instance:has([name=linha]), #new-instance")].filter((place) =>
    !place.contains(ctx.sourceElement) && tasks.some(({ target }) => target !== place && target?.contains?.(place)));
  focused = document.activeElement;
  for (const place of typing) {
    const gap = place.cloneNode(false);
    place.replaceWith(gap);
  }
});
document.addEventListener("htmx:after:swap", () => {
  for (const place of typing) document.getElementById(place.id)?.replaceWith(place);
  if (typing.some((place) => place.contains(focused))) focused.focus();
  typing = [];
});

// The list by keyboard: / searches, Escape closes what is open or gives the search up.
document.addEventListener("keydown", (event) => {
  const { key, target } = event, search = document.getElementById("search");
  if (key === "/" && search && !event.ctrlKey && !event.metaKey && !event.altKey && !target.closest("input, textarea, select")) {
    event.preventDefault();
    return search.select();
  }
  if (key !== "Escape") return;
  const menu = document.querySelector(".menu[open]");
  if (menu) {
    menu.open = false;
    return menu.querySelector("summary").focus();
  }
  if (target === search) {
    event.preventDefault();
    search.blur();
    if (!search.value) return;
    search.value = "";
    return search.dispatchEvent(new Event("input", { bubbles: true }));
  }
  target.closest(".drawer, .step-up")?.querySelector("[data-cancel]")?.click();
});
document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.firstElementChild.contains(target)) menu.open = false;
});

// The page of the QR code fades, and its plate closes into a lock where it stands: green covers it, the bow drops, and it
// goes to its place above the codes; these appear as it goes. They are in the page from the start: nobody waits for a drawing.
const CLOSING = 1080; // milliseconds; what is drawn by the style sheet alone is over after 800
let enrolled;
document.addEventListener("htmx:before:swap", () => {
  const page = document.querySelector("main > .enrol"), parts = page?.querySelectorAll(".open > :is(.bow, .plate)");
  enrolled = page && { page, at: page.getBoundingClientRect(), parts, were: [...parts].map((one) => one.getBoundingClientRect()) };
});
document.addEventListener("htmx:after:swap", () => {
  const place = document.querySelector(".closing");
  if (!place || !enrolled || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const main = document.querySelector("main"), { page, at, parts, were } = enrolled, origin = place.getBoundingClientRect(), plate = were[1];
  const there = ({ left, top, width }) => ({ left: `${left - origin.left}px`, top: `${top - origin.top}px`, width: `${width}px` });
  const isSeen = plate?.width > 0 && plate.bottom > 0 && plate.top < innerHeight, begin = isSeen ? .7 : .3;
  enrolled = undefined;
  const fade = (one, from, to) => one.animate([{ opacity: 0 }, { opacity: 0, offset: from }, { opacity: 1, offset: to }, {}], CLOSING);
  if (isSeen) closeWhereItStood(place, parts, were, there);
  else fade(place.querySelector(".lock"), .1, .3);
  for (const one of document.querySelectorAll(".to-keep > :not(.accepted), .codes-page > .two")) fade(one, begin, begin + .3);
  const first = isSeen && innerWidth < 1280 ? begin : .3; // beside the large lock, if there is room
  fade(document.querySelector(".to-keep > .accepted"), first, first + .15);
  page.inert = true;
  Object.assign(page.style, there(at), { clipPath: `inset(${main.getBoundingClientRect().top - at.top}px -99px -99px)` }); // not over the bar
  place.prepend(page);
  page.animate([{}, { opacity: 0 }], { duration: 320, fill: "forwards" }).onfinish = () => page.remove();
});

// The plate becomes the body of the small lock, its bow the bow; between them they stand wholly in the window.
function closeWhereItStood(place, parts, [bow, plate], there) {
  const [arch, body] = [...parts].map((one) => one.cloneNode(true)), lock = place.querySelector(".lock");
  const to = lock.querySelector("rect").getBoundingClientRect(), unit = to.width / 76; // of the drawing
  const lifted = bow.top - bow.width * 24 / 160, edge = 12, foot = innerWidth < 640 ? 80 : edge;
  const room = Math.max(edge - lifted, Math.min(0, innerHeight - foot - plate.bottom)), aside = { translate: `0 ${room}px`, easing: "ease-in-out" };
  const go = (one, from, end) => one.animate([{ ...from, translate: "0 0", easing: "ease-in-out" },
    { ...from, ...aside, offset: .24 }, { ...from, ...aside, offset: .7 }, { ...end, translate: "0 0" }], { duration: CLOSING, fill: "forwards" });
  const middle = (one) => [one.left + one.width / 2, one.top + one.height / 2], [x, y] = middle(plate), [toX, toY] = middle(to);
  const leg = arch.firstElementChild.cloneNode(); // the small bow stands higher over its body: the free leg goes on
  leg.setAttribute("d", "M16 100V160");
  arch.append(leg);
  place.append(arch, body);
  go(lock, { transform: `translate(${x - toX}px, ${y - toY}px) scale(${plate.width / to.width})` }, { transform: "none" });
  go(arch, { ...there(bow), strokeWidth: 23, stroke: "var(--steel)" },
    { ...there({ left: to.left + 11.75 * unit, top: to.top - 39.94 * unit, width: 52.5 * unit }), strokeWidth: 30.5, stroke: "var(--muted)" });
  go(body, { ...there(plate), height: `${plate.height}px`, borderRadius: "28px" },
    { ...there(to), height: `${to.height}px`, borderRadius: `${15 * unit}px`, boxShadow: "none" }).onfinish = () => [arch, body].forEach((one) => one.remove());
}

// The filter that is chosen is in sight, however narrow the screen.
const showFilter = () => {
  const chosen = document.querySelector(".tabs [aria-current]"), tabs = chosen?.parentElement;
  if (tabs) tabs.scrollLeft += Math.max(0, chosen.getBoundingClientRect().right + 40 - tabs.getBoundingClientRect().right);
};
showFilter();
document.addEventListener("htmx:after:swap", showFilter);

// How many people are ticked, before what can be done with them.
document.addEventListener("change", ({ target: { form, name } }) => {
  const place = document.querySelector("#picked");
  if (!place || name !== "p") return;
  const number = form.querySelectorAll(":checked").length;
  place.textContent = number === 1 ? "1 escolhida" : `${number} escolhidas`;
});

// Passkeys. Where there are none, the page says so instead of asking.
const hasPasskeys = Boolean(window.PublicKeyCredential?.parseCreationOptionsFromJSON);
const NO_PASSKEYS = "Este navegador não tem chaves de acesso. Atualize-o, ou abra o painel no Chrome, Edge, Firefox ou Safari.";
const REFUSALS = {
  ConstraintError: "Este aparelho não confere quem você é. Ligue nele a digital, o rosto ou um PIN, ou use outro.",
  InvalidStateError: "Este aparelho ou gerenciador de senhas já tem uma chave desta conta.",
  NotAllowedError: "Nada foi criado: o pedido foi cancelado ou passou do tempo.",
  NotSupportedError: "Este aparelho não cria chaves de acesso deste tipo. Tente com outro.",
  SecurityError: "Neste endereço o navegador não cria chaves de acesso.",
};
let creating;
async function createPasskey(form) {
  const said = form.parentElement.querySelector("#create-said"), again = form.querySelector("#create");
  creating?.abort();
  creating = new AbortController();
  again.hidden = true;
  said.className = "";
  said.textContent = hasPasskeys ? "Siga o que o aparelho pedir: digital, rosto, PIN ou chave de segurança." : NO_PASSKEYS;
  if (!hasPasskeys) return;
  try {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(form.dataset.create));
    const made = (await navigator.credentials.create({ publicKey, signal: creating.signal })).toJSON();
    const { id, rawId, type, response: { clientDataJSON, attestationObject, transports } } = made;
    form.elements.answer.value = JSON.stringify({ id, rawId, type, response: { clientDataJSON, attestationObject, transports } });
    form.requestSubmit();
  } catch ({ name }) {
    if (name === "AbortError") return;
    said.className = "error";
    said.textContent = REFUSALS[name] ?? REFUSALS.NotAllowedError;
    again.hidden = false;
    again.focus();
  }
}
document.addEventListener("click", ({ target }) => {
  if (target.id === "create") createPasskey(target.form);
  if (target.closest("[data-cancel]")) creating?.abort();
});

// The way to begin that suits the device comes first: a phone or a laptop that knows its owner makes passkeys. The two
// are seen once it is known which.
async function meetPasskeys() {
  for (const form of document.querySelectorAll("[data-create]:not([data-begun])")) {
    form.dataset.begun = "";
    createPasskey(form);
  }
  const missing = document.querySelector("#no-passkeys");
  if (missing && !hasPasskeys) {
    missing.lastElementChild.textContent = NO_PASSKEYS;
    missing.hidden = false;
    document.querySelector("#add-passkey")?.remove();
  }
  for (const pair of document.querySelectorAll("[data-beginnings]")) {
    const [app, passkey] = pair.children;
    if (!hasPasskeys) passkey.hidden = true;
    else if (await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable()) {
      pair.prepend(passkey);
      passkey.lastElementChild.className = "primary";
      app.lastElementChild.className = "";
    }
    pair.removeAttribute("data-beginnings");
  }
}
meetPasskeys();
document.addEventListener("htmx:after:swap", meetPasskeys);
