"use strict";

// Colours: the style sheet does the work; here the choice is only remembered.
const themes = [...document.querySelectorAll("[name=theme]")];
const KEY = "songwriter-theme";

function remembered() {
  // Some browsers keep nothing for pages opened from disk.
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function remember(value) {
  try { localStorage.setItem(KEY, value); } catch { /* then it is forgotten */ }
}

for (const theme of themes) {
  if (theme.value === remembered()) theme.checked = true;
  theme.addEventListener("change", () => remember(theme.value));
}

// Attention: a word's map over the large picture, for as long as it is pointed at or pressed.
function show(card, button) {
  const map = card.querySelector(".frame .map");
  const chosen = button ?? card.querySelector(".words [aria-pressed=true]");
  card.classList.toggle("looking", Boolean(chosen));
  if (chosen) map.setAttribute("href", chosen.querySelector(".map").getAttribute("href"));
  else map.removeAttribute("href");
}

function press(card, button) {
  const pressed = button.getAttribute("aria-pressed") === "true";
  for (const other of card.querySelectorAll(".words button")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", String(!pressed));
  // A finger stays "on" what it tapped last: the press alone decides then.
  show(card);
}

const cards = [...document.querySelectorAll(".card")];
for (const card of cards) {
  for (const button of card.querySelectorAll(".words button")) {
    button.addEventListener("click", () => press(card, button));
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(card, button));
    button.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(card));
    button.addEventListener("focus", () => button.matches(":focus-visible") && show(card, button));
    button.addEventListener("blur", () => show(card));
  }
}

// Sorting and filtering.
const form = document.querySelector(".tools");
if (form) {
  const [find, sort, least, told, count, nothing] = ["find", "sort", "least", "least-value", "count", "nothing"].map(
    (id) => document.getElementById(id),
  );
  const list = document.getElementById("cards");
  const fold = (text) => text.normalize("NFKC").toLocaleLowerCase();
  const texts = new Map(
    cards.map((card) => [card, fold([...card.querySelectorAll("[data-find]")].map((e) => e.textContent).join("\n"))]),
  );
  const value = (card, key) => (card.dataset[key] === undefined ? -Infinity : Number(card.dataset[key]));
  const byName = new Intl.Collator(undefined, { numeric: true });

  function order() {
    const key = sort.value.replace("-", "");
    const sign = sort.value.startsWith("-") ? -1 : 1;
    const compare = key === "name"
      ? (a, b) => byName.compare(a.dataset.name, b.dataset.name)
      : (a, b) => {
          const [first, second] = [value(a, key), value(b, key)];
          // Pictures without a score come last in both directions.
          if (first === second) return value(a, "place") - value(b, "place");
          if (!Number.isFinite(first) || !Number.isFinite(second)) return second - first;
          return sign * (first - second);
        };
    list.append(...[...cards].sort(compare));
  }

  function filter() {
    const terms = fold(find.value).split(/\s+/).filter(Boolean);
    const limit = Number(least.value);
    let shown = 0;
    for (const card of cards) {
      const fits = (limit === 0 || value(card, least.dataset.by) >= limit)
        && terms.every((term) => texts.get(card).includes(term));
      card.hidden = !fits;
      shown += fits;
    }
    told.textContent = limit === 0 ? "any" : least.dataset.by === "certainty" ? `${limit} %` : String(limit);
    count.textContent = shown === cards.length ? `${shown} shown` : `${shown} of ${cards.length} shown`;
    nothing.hidden = shown > 0;
  }

  const best = Math.max(...cards.map((card) => value(card, least.dataset.by)));
  // Not a step beyond the best: the last position still shows something.
  if (best > 0) least.max = String(Math.max(1, Math.floor(best)));
  sort.addEventListener("change", order);
  find.addEventListener("input", filter);
  least.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("reset").addEventListener("click", () => {
    form.reset();
    order();
    filter();
    find.focus();
  });
  form.hidden = false;
  // What the browser kept of the form over a reload holds.
  order();
  filter();
}
