// The demo shop's own script: a cart that lives in this tab, menus that close, buttons that open the chat.
"use strict";

const CART_KEY = "tamarind:cart";
const page = document.documentElement;
// As the prices on the page are written: 38 € but 4,90 €.
const money = new Intl.NumberFormat(page.dataset.locale, {
  style: "currency",
  currency: page.dataset.currency,
  trailingZeroDisplay: "stripIfInteger",
});
const minorUnits = 10 ** money.resolvedOptions().maximumFractionDigits;
const dialog = document.querySelector("[data-cart]");
const cards = new Map(
  [...document.querySelectorAll("[data-product]")].map((card) => [card.dataset.product, card]),
);

/** Quantities by product id. */
function readCart() {
  try {
    return JSON.parse(sessionStorage.getItem(CART_KEY)) ?? {};
  } catch {
    // Site data blocked: the cart lasts as long as the page.
    return {};
  }
}

let cart = readCart();

function change(id, by) {
  const quantity = (cart[id] ?? 0) + by;
  cart = { ...cart, [id]: quantity };
  if (quantity <= 0) delete cart[id];
  try {
    sessionStorage.setItem(CART_KEY, JSON.stringify(cart));
  } catch {
    // As above.
  }
  render();
}

function nameOf(id) {
  return cards.get(id).querySelector("[data-name]").textContent;
}

function makeLine(id, quantity) {
  const line = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = `${quantity} × ${nameOf(id)}`;
  const price = document.createElement("bdi");
  price.textContent = money.format((quantity * cards.get(id).dataset.price) / minorUnits);
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = dialog.dataset.remove;
  remove.addEventListener("click", () => change(id, -quantity));
  line.append(name, price, remove);
  return line;
}

function render() {
  const lines = Object.entries(cart).filter(([id]) => cards.has(id));
  const count = lines.reduce((sum, [, quantity]) => sum + quantity, 0);
  const total = lines.reduce((sum, [id, quantity]) => sum + quantity * cards.get(id).dataset.price, 0);
  const badge = document.querySelector("[data-cart-count]");
  badge.hidden = !count;
  badge.textContent = new Intl.NumberFormat(page.dataset.locale).format(count);
  document.querySelector("[data-cart-empty]").hidden = count > 0;
  document.querySelector("[data-cart-foot]").hidden = !count;
  document
    .querySelector("[data-cart-lines]")
    .replaceChildren(...lines.map(([id, quantity]) => makeLine(id, quantity)));
  document.querySelector("[data-cart-total]").textContent = money.format(total / minorUnits);
}

for (const [id, card] of cards) {
  card.querySelector("[data-add]").addEventListener("click", () => {
    change(id, 1);
    const said = document.querySelector("[data-cart-said]");
    said.textContent = said.dataset.added.replace("{product}", nameOf(id));
  });
}

document.querySelector("[data-open-cart]").addEventListener("click", () => dialog.showModal());
document.querySelector("[data-close-cart]").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // the backdrop
});

// The widget loads by itself; who presses before it is there is not let down.
for (const button of document.querySelectorAll("[data-open-chat]")) {
  button.addEventListener("click", () => {
    if (window.Dragoman) window.Dragoman.open();
    else document.addEventListener("dragoman:ready", () => window.Dragoman.open(), { once: true });
  });
}

const menus = document.querySelectorAll("details.menu");
document.addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

render();
