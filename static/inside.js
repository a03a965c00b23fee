// What only pages behind the login need: the login does not wait for it.

// A code may be typed as soon as the QR code is there: the eye is at the heading, the field a screen further on a small one.
document.addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
  if (/^[0-9]$/.test(key) && !(ctrlKey || metaKey || altKey || target.closest("input"))) document.querySelector("#confirm #code")?.focus();
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

// The QR code gives way to a closed lock where it stands, which goes to its place above the codes; these appear as it
// goes. They are in the page from the start: nobody waits for a drawing.
let scanned;
document.addEventListener("htmx:before:swap", () => {
  const plate = document.querySelector(".open .plate"), at = plate?.checkVisibility?.() && plate.getBoundingClientRect();
  scanned = at && at.bottom > 0 && at.top < innerHeight && { plate, at };
});
document.addEventListener("htmx:after:swap", () => {
  const place = document.querySelector(".closing");
  if (!place || !scanned || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const { plate, at } = scanned, lock = place.firstElementChild, to = lock.querySelector("rect").getBoundingClientRect();
  const { left, top } = place.getBoundingClientRect(), aside = (at.left + at.right - to.left - to.right) / 2;
  const below = (at.top + at.bottom - to.top - to.bottom) / 2, all = { duration: 1040, easing: "ease-in-out" };
  const there = (scale) => ({ transform: `translate(${aside}px, ${below}px) scale(${scale})` });
  lock.animate([there(at.height / to.height), { ...there(2), offset: .4 }, { ...there(2), offset: .65 }, { transform: "none" }], all);
  Object.assign(plate.style, { left: `${at.left - left}px`, top: `${at.top - top}px`, width: `${at.width}px` });
  plate.addEventListener("animationend", () => plate.remove());
  place.append(plate);
  const words = document.querySelectorAll(".to-keep > :not(.accepted), .codes-page > .two");
  for (const one of words) one.animate([{ opacity: 0 }, { opacity: 0, offset: .85 }, {}], all);
});

// How many people are ticked, before what can be done with them.
document.addEventListener("change", ({ target: { form, name } }) => {
  const place = document.querySelector("#picked");
  if (!place || name !== "p") return;
  const number = form.querySelectorAll(":checked").length;
  place.textContent = number === 1 ? "1 escolhida" : `${number} escolhidas`;
});
