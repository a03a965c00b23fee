// What HTML cannot do alone. Everything works without it; it only adds.

// Trusted Types: markup reaches the page through htmx from our own server, and scripts never do.
if (window.trustedTypes) {
  const policy = trustedTypes.createPolicy("htmx", {
    createHTML: (markup) => markup,
    createScript: () => { throw new TypeError("no scripts in answers"); },
  });
  htmx.registerExtension("tt", { init: (api) => api.initSecurity(policy) });
}

// Copy and print buttons are hidden until a script is there to answer them.
const canCopy = Boolean(navigator.clipboard);
const reveal = () => {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = !canCopy;
  for (const button of document.querySelectorAll("[data-print][hidden]")) button.hidden = false;
};
reveal();
document.addEventListener("htmx:after:swap", reveal);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) return window.print();
  const said = await navigator.clipboard.writeText(button.dataset.copy).then(() => "Copiado", () => "Não copiou");
  button.dataset.words ??= button.textContent;
  button.textContent = said;
  announce(said);
  setTimeout(() => { button.textContent = button.dataset.words; announce(""); }, 2000);
});

const live = document.createElement("p");
live.className = "unseen";
live.setAttribute("role", "status");
document.body.append(live);
function announce(words) { live.textContent = words; }

// "… em 17 s" inside an error counts down where it stands; screen readers hear it once, at the start.
function countDown() {
  for (const place of document.querySelectorAll("[role=alert]:not([data-counting])")) {
    const found = place.textContent.match(/ em (\d+) s\./);
    if (!found) continue;
    place.dataset.counting = "";
    const sentence = place.textContent;
    const end = Date.now() + found[1] * 1000;
    const tick = setInterval(() => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left <= 0 || !place.isConnected) clearInterval(tick);
      place.setAttribute("aria-live", "off");
      place.textContent = sentence.replace(found[0], left > 0 ? ` em ${left} s.` : " agora.");
    }, 1000);
  }
}
countDown();
document.addEventListener("htmx:after:swap", countDown);

// The set-up address carries its code after the #, which no browser sends: it goes straight into the field.
const setupCode = document.querySelector("#setup_code");
if (setupCode && location.hash.length > 1) {
  setupCode.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  document.querySelector("#name").focus();
}

// What was said about the last request is over when the next one begins; no answer at all is said too.
document.addEventListener("htmx:before:request", () => document.querySelector("#notices").replaceChildren());
document.addEventListener("htmx:error", () => {
  const notice = document.createElement("p");
  notice.className = "alert";
  notice.setAttribute("role", "alert");
  notice.textContent = "O painel não respondeu. Confira a conexão e tente de novo.";
  document.querySelector("#notices").replaceChildren(notice);
});
