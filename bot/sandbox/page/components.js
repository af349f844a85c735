// Buttons, selects and layout components of a message.

import { closePop, colour, h, openPop } from "./dom.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { picture } from "./messages.js";

const STYLES = { 1: "primary", 2: "grey", 3: "green", 4: "red", 5: "grey", 6: "primary" };

export function renderComponents(message, actions) {
  if (!message.components.length) return null;
  return h("div", { class: message.v2 ? "v2" : "rows" }, message.components.map((part) => render(part, message, actions)));
}

function render(part, message, actions) {
  const inner = () => (part.components || []).map((child) => render(child, message, actions));
  switch (part.type) {
    case 1: return h("div", { class: "actions" }, inner());
    case 2: return button(part, message, actions);
    case 3: case 5: case 6: case 7: case 8: return select(part, message, actions);
    case 9: return h("div", { class: "section" }, h("div", {}, inner()), render(part.accessory, message, actions));
    case 10: return h("div", { class: "text" }, markdown(part.content));
    case 11: return picture(part.media, part.description || "", "thumb");
    case 12: return h("div", { class: `gallery n${Math.min(part.items.length, 4)}` }, part.items.map((item) => picture(item.media, item.description || "")));
    case 13: return h("div", { class: "file" }, icon("file"), h("b", {}, part.name || "file"));
    case 14: return h("hr", { class: `${part.divider === false ? "blank" : ""} ${part.spacing === 2 ? "big" : ""}` });
    case 17: return h("section", {
      class: part.spoiler ? "container veiled" : "container",
      css: part.accent_color !== undefined && part.accent_color !== null ? { "--bar": colour(part.accent_color) } : { "--bar": "transparent" },
    }, inner());
    default: return h("div", { class: "unknown" }, `component ${part.type}`);
  }
}

const face = (part) => [part.emoji ? `${part.emoji.name || ""} ` : "", part.label || ""];

function button(part, message, actions) {
  if (part.style === 5) {
    return h("a", { class: "btn grey", href: part.url, rel: "noopener noreferrer", target: "_blank" }, face(part), icon("out", "after"));
  }
  const el = h("button", { class: `btn ${STYLES[part.style] || "grey"}`, type: "button", disabled: Boolean(part.disabled) }, face(part));
  el.addEventListener("click", () => busy(el, () => actions.click(message, part)));
  return el;
}

async function busy(el, run) {
  if (el.classList.contains("busy")) return;
  el.classList.add("busy");
  try { await run(); } finally { el.classList.remove("busy"); }
}

function select(part, message, actions) {
  const chosen = (part.options || []).filter((option) => option.default);
  const text = chosen.map((option) => option.label).join(", ") || part.placeholder || "Make a selection";
  const el = h("button", {
    class: chosen.length ? "select set" : "select", type: "button", disabled: Boolean(part.disabled), "aria-haspopup": "listbox", "aria-expanded": "false",
  }, h("span", {}, text), icon("down"));
  el.addEventListener("click", () => pick(el, part, actions.choices(part), async (values) => {
    await busy(el, () => actions.choose(message, part, values));
  }));
  return el;
}

// Also used by modals: shows the options of a select and calls back with the chosen values.
export function pick(owner, part, options, done) {
  const high = part.max_values || 1;
  const low = part.min_values ?? 1;
  const picked = new Set((part.options || []).filter((option) => option.default).map((option) => option.value));
  const list = h("div", { class: "list", role: "listbox", "aria-multiselectable": String(high > 1) });
  const ok = high > 1 ? h("button", { class: "btn primary wide", type: "button", onclick: () => { closePop(); done([...picked]); } }, "Choose") : null;
  const draw = (filter = "") => {
    const hits = options.filter((option) => option.label.toLowerCase().includes(filter.toLowerCase())).slice(0, 100);
    list.replaceChildren(...hits.map((option) => h("button", {
      class: "option", type: "button", role: "option", "aria-selected": String(picked.has(option.value)),
      onclick: () => {
        if (high === 1) { closePop(); done([option.value]); return; }
        if (picked.has(option.value)) picked.delete(option.value);
        else if (picked.size < high) picked.add(option.value);
        draw(filter);
      },
    }, h("span", { class: "check", "aria-hidden": "true" }, high > 1 ? icon(picked.has(option.value) ? "boxed" : "box") : picked.has(option.value) && icon("check")),
    h("span", {}, option.emoji?.name && !option.emoji.id ? `${option.emoji.name} ` : "", option.label, option.description ? h("small", {}, option.description) : null))));
    if (!hits.length) list.replaceChildren(h("p", { class: "none" }, "Nothing found"));
    if (ok) ok.disabled = picked.size < low || picked.size > high;
  };
  const search = options.length > 8 ? h("input", { class: "search", placeholder: "Search", "aria-label": "Search", oninput: (event) => draw(event.target.value) }) : null;
  draw();
  openPop(owner, ...[search, list, ok].filter(Boolean));
  (search || list.querySelector("button"))?.focus();
}
