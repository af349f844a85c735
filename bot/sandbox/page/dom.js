// Building elements from data. Text only ever becomes text nodes: nothing here parses HTML.

export const $ = (id) => document.getElementById(id);

export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key === "class") el.className = value;
    else if (key === "data") Object.assign(el.dataset, value);
    else if (key === "css") for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
    else if (key in el && !["list", "form"].includes(key)) el[key] = value;
    else el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

export const colour = (number) => `#${Number(number).toString(16).padStart(6, "0")}`;

const HUES = [235, 168, 340, 28, 200, 280, 130, 8, 50, 310];

export function avatar(user, size = "") {
  const words = String(user.name || "?").replace(/[^\p{L}\p{N} ]/gu, " ").trim().split(/\s+/);
  const initials = (words[0]?.[0] || "?") + (words[1]?.[0] || "");
  let sum = 0;
  for (const c of String(user.id)) sum = (sum * 31 + c.charCodeAt(0)) % 997;
  return h("span", {
    class: `avatar ${user.bot ? "bot" : ""} ${size}`,
    "aria-hidden": "true",
    css: { "--hue": HUES[sum % HUES.length] },
  }, initials.toUpperCase());
}

export function toast(text, kind = "bad") {
  const box = h("div", { class: `toast ${kind}` }, text);
  $("toasts").append(box);
  setTimeout(() => box.remove(), 6000);
}

// A floating list below (or above) an element; closes on Escape, choice or a click elsewhere.
let popOwner = null;

export function closePop() {
  $("pop").hidden = true;
  $("pop").replaceChildren();
  popOwner?.setAttribute?.("aria-expanded", "false");
  popOwner = null;
}

export function openPop(owner, ...content) {
  const pop = $("pop");
  pop.replaceChildren(...content);
  pop.hidden = false;
  popOwner = owner;
  owner.setAttribute?.("aria-expanded", "true");
  const box = owner.getBoundingClientRect();
  const width = Math.min(Math.max(box.width, 220), 520, innerWidth - 16);
  pop.style.setProperty("--w", `${width}px`);
  const left = Math.max(8, Math.min(box.left, innerWidth - pop.offsetWidth - 8));
  const below = innerHeight - box.bottom;
  const up = below < Math.min(pop.offsetHeight, 260) && box.top > below;
  pop.style.setProperty("--max", `${Math.max(120, (up ? box.top : below) - 16)}px`);
  pop.style.left = `${left}px`;
  pop.style.top = up ? "auto" : `${box.bottom + 6}px`;
  pop.style.bottom = up ? `${innerHeight - box.top + 6}px` : "auto";
}

export const popIsFor = (owner) => popOwner === owner;

document.addEventListener("pointerdown", (event) => {
  if (popOwner && !$("pop").contains(event.target) && !popOwner.contains?.(event.target)) closePop();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && popOwner) { closePop(); event.stopPropagation(); }
}, true);

// Up and down move through the options of the open list, Enter takes one.
export function moveInPop(event, take) {
  const options = [...$("pop").querySelectorAll("[role=option]")];
  if (!options.length) return false;
  let at = options.findIndex((o) => o.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    at = (at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length;
    options.forEach((o, i) => o.setAttribute("aria-selected", String(i === at)));
    options[at].scrollIntoView({ block: "nearest" });
    event.preventDefault();
    return true;
  }
  if ((event.key === "Enter" || event.key === "Tab") && at >= 0 && take) {
    event.preventDefault();
    options[at].click();
    return true;
  }
  return false;
}
