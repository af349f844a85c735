// Discord's markdown to DOM nodes. Message text is untrusted: it only ever becomes text nodes.

import { h } from "./dom.js";

// The words alone, for one-line previews.
export const plain = (text) => h("div", {}, markdown(text)).textContent;

const BLOCK = /```(?:([\w+-]{1,20})\n)?([\s\S]*?)```/g;
const INLINE = [
  ["escape", /^\\([\\*_~|`>#\-\[\]()<])/],
  ["code", /^(`{1,2})([\s\S]*?[^`])\1(?!`)/],
  ["spoiler", /^\|\|([\s\S]+?)\|\|/],
  ["bold", /^\*\*([\s\S]+?)\*\*(?!\*)/],
  ["under", /^__([\s\S]+?)__(?!_)/],
  ["italic", /^\*(?!\s)((?:\*\*|[^*])+?)\*(?!\*)/],
  ["italic", /^_((?:__|[^_])+?)_(?![\w_])/],
  ["strike", /^~~([\s\S]+?)~~/],
  ["link", /^\[([^\]\n]+)\]\(<?(https?:\/\/[^\s)>]+)>?(?:\s"[^"]*")?\)/],
  ["user", /^<@!?(\d+)>/],
  ["role", /^<@&(\d+)>/],
  ["channel", /^<#(\d+)>/],
  ["command", /^<\/([\w -]+):\d+>/],
  ["time", /^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/],
  ["emoji", /^<a?:(\w+):\d+>/],
  ["url", /^<?(https?:\/\/[^\s<>]+[^\s<>.,:;"')\]])>?/],
  ["everyone", /^@(everyone|here)\b/],
];

let names = { users: {}, roles: {}, channels: {} };
let skew = 0;

export function setNames(known, offset) { names = known; skew = offset; }
export const now = () => Date.now() + skew;

export function markdown(text) {
  const out = [];
  let last = 0;
  for (const found of String(text).matchAll(BLOCK)) {
    const between = text.slice(last, found.index).replace(last ? /^\n/ : /^$/, "");
    out.push(...lines(between.replace(/\n$/, "")));
    out.push(h("pre", {}, h("code", {}, found[2].replace(/^\n|\n$/g, ""))));
    last = found.index + found[0].length;
  }
  out.push(...lines(text.slice(last).replace(last ? /^\n/ : /^$/, "")));
  return out;
}

function lines(text) {
  if (!text) return [];
  const out = [];
  let run = [];
  const flush = () => { if (run.length) out.push(h("div", { class: "line" }, inline(run.join("\n")))); run = []; };
  const all = text.split("\n");
  for (let i = 0; i < all.length; i++) {
    const line = all[i];
    const head = /^(#{1,3}|-#) +(.+)/.exec(line);
    const item = /^(\s*)([-*]|\d+\.) +(.+)/.exec(line);
    if (/^>>> /.test(line)) {
      flush();
      out.push(h("blockquote", {}, lines([line.slice(4), ...all.slice(i + 1)].join("\n"))));
      return out;
    }
    if (/^> ?/.test(line) && line !== ">") {
      flush();
      const quoted = [];
      while (i < all.length && /^> ?/.test(all[i])) quoted.push(all[i++].replace(/^> ?/, ""));
      i--;
      out.push(h("blockquote", {}, lines(quoted.join("\n"))));
    } else if (head) {
      flush();
      const tag = head[1] === "-#" ? "small" : `h${head[1].length + 2}`;
      out.push(h(tag, { class: "md" }, inline(head[2])));
    } else if (item) {
      flush();
      const mark = /\d/.test(item[2]) ? item[2] : "•";
      out.push(h("div", { class: "item", css: { "--depth": Math.min(3, item[1].length / 2) } },
        h("span", { class: "mark" }, mark), h("span", {}, inline(item[3]))));
    } else run.push(line);
  }
  flush();
  return out;
}

function inline(text, depth = 0) {
  const out = [];
  let plain = "";
  const flush = () => { if (plain) out.push(plain); plain = ""; };
  while (text) {
    const next = /[\\`|*_~\[<@h]/.exec(text);
    if (!next || depth > 8) { plain += text; break; }
    plain += text.slice(0, next.index);
    text = text.slice(next.index);
    const node = token(text, plain, depth);
    if (node) { flush(); out.push(node.el); text = text.slice(node.length); }
    else { plain += text[0]; text = text.slice(1); }
  }
  flush();
  return out;
}

function token(text, before, depth) {
  for (const [kind, pattern] of INLINE) {
    const found = pattern.exec(text);
    if (!found) continue;
    if (kind === "italic" && text[0] === "_" && /\w$/.test(before)) continue;
    return { el: make(kind, found, depth), length: found[0].length };
  }
  return null;
}

function make(kind, found, depth) {
  const inner = () => inline(found[1], depth + 1);
  switch (kind) {
    case "escape": return found[1];
    case "code": return h("code", {}, found[2]);
    case "spoiler": {
      const el = h("button", { class: "spoiler", type: "button", title: "Show spoiler" }, h("span", {}, inner()));
      el.addEventListener("click", () => el.classList.add("open"));
      return el;
    }
    case "bold": return h("strong", {}, inner());
    case "under": return h("u", {}, inner());
    case "italic": return h("em", {}, inner());
    case "strike": return h("s", {}, inner());
    case "link": return link(found[2], found[1]);
    case "url": return link(found[1], found[1]);
    case "user": return h("span", { class: "mention" }, `@${names.users[found[1]]?.name || "unknown-user"}`);
    case "role": {
      const role = names.roles[found[1]];
      return h("span", { class: "mention" }, `@${role?.name || "unknown-role"}`);
    }
    case "channel": return h("span", { class: "mention" }, `#${names.channels[found[1]]?.name || "unknown"}`);
    case "command": return h("span", { class: "mention" }, `/${found[1]}`);
    case "everyone": return h("span", { class: "mention" }, found[0]);
    case "emoji": return `:${found[1]}:`;
    default: return time(Number(found[1]), found[2] || "f");
  }
}

function link(address, label) {
  return h("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank" }, label);
}

const STYLES = {
  t: { timeStyle: "short" }, T: { timeStyle: "medium" }, d: { dateStyle: "short" }, D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" }, F: { dateStyle: "full", timeStyle: "short" },
};

export function time(seconds, style) {
  const moment = new Date(seconds * 1000);
  if (Number.isNaN(moment.getTime())) return "Invalid date";
  const full = moment.toLocaleString([], STYLES.F);
  const el = h("time", { class: "stamp", title: full, dateTime: moment.toISOString() });
  if (style === "R") { el.dataset.relative = seconds; el.textContent = relative(seconds); }
  else el.textContent = moment.toLocaleString([], STYLES[style]);
  return el;
}

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function relative(seconds) {
  const apart = Math.round(seconds - now() / 1000);
  for (const [unit, size] of UNITS) {
    if (Math.abs(apart) >= size || unit === "second") return words.format(Math.round(apart / size), unit);
  }
  return "now";
}

setInterval(() => {
  for (const el of document.querySelectorAll("[data-relative]")) el.textContent = relative(Number(el.dataset.relative));
}, 1000);
