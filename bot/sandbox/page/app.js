// The page: who you are, where you are, what is there, kept live.

import { $, avatar, closePop, colour, h, openPop, toast } from "./dom.js";
import { icon } from "./icons.js";
import { setNames } from "./markdown.js";
import { act, live } from "./net.js";
import { dayLine, renderMessage } from "./messages.js";
import { Composer } from "./compose.js";
import { showModal } from "./dialogs.js";

const TEXT_KINDS = [0, 1, 5, 10, 11, 12];
const THREADS = [10, 11, 12];
const EMOJI = ["👍", "👎", "✅", "❌", "👀", "🚀", "📈", "📉"];
const query = new URLSearchParams(location.search);

const state = { world: null, place: null, messages: [], seen: {}, typing: {}, connected: false };

const app = {
  me: () => state.world?.me,
  place: () => state.place,
  placeName: () => { const c = channel(state.place); return c ? title(c) : ""; },
  canWrite: () => channel(state.place)?.may_write !== false,
  open: (id) => show(id),
  reply: (message) => composer.reply(message),
  edit: (message) => composer.edit(message),
  editLast: () => {
    const mine = state.messages.filter((m) => m.author.id === app.me() && !m.deleted);
    if (mine.length) composer.edit(mine.at(-1));
  },
  remove: (message) => act("delete", { as: app.me(), message: message.id }),
  react: (message, emoji, remove) => act("react", { as: app.me(), message: message.id, emoji, remove }),
  click: async (message, part) => app.after(await act("click", { as: app.me(), message: message.id, label: part.custom_id }), part.label || "the button"),
  choose: async (message, part, values) => app.after(await act("choose", { as: app.me(), message: message.id, values, menu: part.custom_id }), "the menu"),
  choices: (part) => choices(part),
  after: (answer, what = "the command") => {
    if (!answer) return;
    if (answer.failed) toast(`${botName()} did not respond to ${what} in time`);
    if (answer.modal) showModal(answer, app);
  },
  reactMenu: (owner, message) => openPop(owner, h("div", { class: "emojis" }, EMOJI.map((emoji) =>
    h("button", { class: "icon", type: "button", onclick: () => { closePop(); app.react(message, emoji, false); } }, emoji)))),
  messageMenu: (owner, message) => {
    const uses = (composer.menus?.message || []).map((command) => entry(command.name, "bolt", async () => app.after(
      await act("context", { as: app.me(), channel: message.channel, command: command.name, message: message.id }), command.name)));
    openPop(owner, h("div", { class: "list", role: "menu" }, uses,
      entry("Copy text", "copy", () => navigator.clipboard?.writeText(message.text)),
      entry("Copy message id", "hash", () => navigator.clipboard?.writeText(message.id)),
      entry(message.ephemeral_for ? "Dismiss message" : "Delete message", "close", () => app.remove(message), "bad")));
  },
  userMenu: (owner, user) => {
    const uses = (composer.menus?.user || []).map((command) => entry(command.name, "bolt", async () => app.after(
      await act("context", { as: app.me(), channel: state.place, command: command.name, user: user.id }), command.name)));
    const member = guild()?.members.find((m) => m.id === user.id);
    const roles = (guild()?.roles || []).filter((role) => member?.roles.includes(role.id));
    openPop(owner, h("div", { class: "card" }, avatar(user, "big"), h("div", {}, h("b", {}, user.name), h("small", {}, state.world.users[user.id] ? `@${state.world.users[user.id].handle}` : "webhook"))),
      h("div", { class: "roles" }, roles.map((role) => h("span", { class: "role", css: { "--role": role.color ? colour(role.color) : "var(--dim)" } }, role.name))),
      h("div", { class: "list", role: "menu" }, uses, entry("Mention", "at", () => { composer.input.value += `<@${user.id}> `; composer.input.focus(); })));
  },
};

const entry = (text, sign, run, css = "") => h("button", { class: `option ${css}`, type: "button", role: "menuitem", onclick: () => { closePop(); run(); } }, h("span", { class: "check" }, icon(sign)), text);

// ---- looking things up -----------------------------------------------------------------------

const channel = (id) => state.world?.channels.find((c) => c.id === id);
const guild = () => state.world?.guilds.find((g) => g.id === channel(state.place)?.guild) || (channel(state.place)?.kind === 1 ? null : state.world?.guilds[0]);
const botName = () => state.world.users[state.world.bot].name;
const title = (c) => (c.kind === 1 ? botName() : THREADS.includes(c.kind) ? c.name : `#${c.name}`);
const sign = (c) => (c.kind === 5 ? "news" : THREADS.includes(c.kind) ? "thread" : c.kind === 2 ? "voice" : "hash");

function choices(part) {
  const people = Object.entries(state.world.users).map(([id, u]) => ({ value: id, label: u.name, description: `@${u.handle}` }));
  const roles = (guild()?.roles || []).map((role) => ({ value: role.id, label: role.name, description: "role" }));
  if (part.type === 5) return people;
  if (part.type === 6) return roles;
  if (part.type === 7) return [...people, ...roles];
  if (part.type === 8) {
    return state.world.channels.filter((c) => c.kind !== 1 && (!part.channel_types?.length || part.channel_types.includes(c.kind)))
      .map((c) => ({ value: c.id, label: `${c.kind === 4 ? "" : "#"}${c.name}` }));
  }
  return part.options || [];
}

// ---- drawing ---------------------------------------------------------------------------------

function drawWorld() {
  const world = state.world;
  setNames({
    users: world.users,
    roles: Object.fromEntries(world.guilds.flatMap((g) => g.roles.map((r) => [r.id, r]))),
    channels: Object.fromEntries(world.channels.map((c) => [c.id, c])),
  }, state.apart);
  $("server-name").textContent = guild()?.name || world.guilds[0]?.name || "Direct messages";
  drawChannels();
  drawPersona();
  drawTop();
  drawMembers();
}

function drawChannels() {
  const { channels, guilds } = state.world;
  const out = [];
  for (const g of guilds) {
    if (guilds.length > 1) out.push(h("h2", { class: "guild" }, g.name));
    const own = channels.filter((c) => c.guild === g.id && !THREADS.includes(c.kind));
    const loose = own.filter((c) => c.kind !== 4 && !c.parent);
    out.push(...loose.map(channelRow));
    for (const category of own.filter((c) => c.kind === 4)) {
      const inside = own.filter((c) => c.parent === category.id);
      if (inside.length) out.push(h("h3", {}, category.name), ...inside.map(channelRow));
    }
  }
  const direct = channels.find((c) => c.kind === 1);
  const bot = { id: state.world.bot, name: botName(), bot: true };
  out.push(h("h3", {}, "Direct messages"), h("button", {
    class: `channel ${direct && direct.id === state.place ? "here" : ""} ${direct && unread(direct) ? "unread" : ""}`, type: "button",
    onclick: async () => { const opened = await act("open_dm", { as: app.me() }); if (opened) { if (!channel(opened.id)) state.world.channels.push(opened); show(opened.id); } },
  }, avatar(bot, "tiny"), h("span", {}, bot.name)));
  $("channels").replaceChildren(...out);
}

function channelRow(c) {
  const threads = state.world.channels.filter((t) => THREADS.includes(t.kind) && t.parent === c.id && (!t.archived || t.id === state.place));
  const row = h("button", {
    class: `channel ${c.id === state.place ? "here" : ""} ${unread(c) ? "unread" : ""}`, type: "button",
    title: c.topic || c.name, "aria-current": c.id === state.place ? "page" : null, disabled: !TEXT_KINDS.includes(c.kind), onclick: () => show(c.id),
  }, h("span", { class: "sign", "aria-hidden": "true" }, icon(sign(c))), h("span", {}, c.name));
  return threads.length ? h("div", {}, row, h("div", { class: "threads" }, threads.map(channelRow))) : row;
}

const unread = (c) => c.id !== state.place && c.last && state.seen[c.id] !== undefined && BigInt(c.last) > BigInt(state.seen[c.id]);

function drawPersona() {
  const me = $("me");
  me.replaceChildren(...state.world.people.map((p) => h("option", { value: p.id, selected: p.id === app.me() }, p.name)));
  const mine = state.world.users[app.me()];
  $("me-avatar").replaceChildren(avatar({ id: app.me(), name: mine.name }));
}

function drawTop() {
  const c = channel(state.place);
  const world = state.world;
  $("title").textContent = c ? title(c) : "";
  $("topic").textContent = c?.topic || "";
  document.title = c ? `${title(c)} · Sandbox Discord` : "Sandbox Discord";
  const pill = $("bot-state");
  const words = !state.connected ? ["sandbox unreachable", "bad"] : world.down ? ["Discord is down", "bad"]
    : world.online ? [`${botName()} online`, "good"] : [`${botName()} offline`, "off"];
  pill.textContent = words[0];
  pill.className = `pill ${words[1]}`;
  pill.title = world.presence || "";
  const found = world.problems.length;
  $("problems").hidden = !found;
  $("problems").replaceChildren(icon("warn"), String(found));
  $("problems").title = `${found} requests of the bot that Discord would refuse`;
}

function drawMembers() {
  const g = guild();
  if (!g || channel(state.place)?.kind === 1) { $("members").replaceChildren(); return; }
  const left = new Map(g.members.map((m) => [m.id, m]));
  const out = [];
  const group = (name, list) => {
    if (!list.length) return;
    out.push(h("h3", {}, `${name} · ${list.length}`), ...list.map((m) => {
      const user = { ...state.world.users[m.id], id: m.id, name: m.name };
      const off = m.id === state.world.bot && !state.world.online;
      return h("button", { class: `member ${off ? "off" : ""}`, type: "button", onclick: (event) => app.userMenu(event.currentTarget, user) },
        avatar(user), h("span", { class: "nick", css: m.color ? { "--role": colour(m.color) } : {} }, m.name), user.bot ? h("span", { class: "tag" }, "APP") : null);
    }));
  };
  for (const role of g.roles.filter((r) => r.hoist)) {
    const list = [...left.values()].filter((m) => m.roles.includes(role.id));
    list.forEach((m) => left.delete(m.id));
    group(role.name, list);
  }
  group("Members", [...left.values()]);
  $("members").replaceChildren(...out);
}

// ---- messages --------------------------------------------------------------------------------

const log = $("log");
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
const toEnd = () => { log.scrollTop = log.scrollHeight; $("newer").hidden = true; };

function drawMessages() {
  const out = [];
  let before = null;
  for (const message of state.messages) {
    if (!before || new Date(before.at).toDateString() !== new Date(message.at).toDateString()) { out.push(dayLine(message.at)); before = null; }
    out.push(renderMessage(message, before, app));
    before = message;
  }
  if (!out.length) {
    const c = channel(state.place);
    out.push(h("div", { class: "empty" }, h("div", { class: "big" }, icon(c?.kind === 1 ? "chat" : "hash")), h("h2", {}, `Welcome to ${c ? title(c) : "the sandbox"}`),
      h("p", {}, c?.topic || "Nothing was said here yet."), h("p", {}, "Type / to see what the bot can do.")));
  }
  log.replaceChildren(...out);
}

function upsert(message) {
  const at = state.messages.findIndex((m) => m.id === message.id);
  if (message.deleted) { if (at >= 0) state.messages.splice(at, 1); else return; }
  else if (at >= 0) state.messages[at] = message;
  else state.messages.push(message);
  const stick = atEnd() || message.author.id === app.me();
  redraw(message, at);
  if (stick) toEnd();
  else if (at < 0) $("newer").hidden = false;
}

function redraw(message, at) {
  const old = log.querySelector(`[data-id="${CSS.escape(message.id)}"]`);
  const index = state.messages.indexOf(message);
  const before = state.messages[index - 1];
  const sameDay = before && new Date(before.at).toDateString() === new Date(message.at).toDateString();
  if (at >= 0 && !message.deleted && old) old.replaceWith(renderMessage(message, sameDay ? before : null, app));
  else if (at < 0 && sameDay) log.append(renderMessage(message, before, app));
  else drawMessages();
}

async function show(id) {
  const c = channel(id);
  if (!c) return;
  const changed = state.place !== id;
  state.place = id;
  document.body.classList.remove("menu-open");
  $("shade").hidden = true;
  if (changed) composer.reset();
  const list = await act("history", { as: app.me(), channel: id, limit: 200 }, { quiet: true });
  if (state.place !== id || !list) return;
  state.messages = list;
  state.seen[id] = c.last || "0";
  history.replaceState(null, "", `${location.pathname}?${new URLSearchParams({ ...Object.fromEntries(query), as: state.world.users[app.me()].handle, channel: c.name })}`);
  drawWorld();
  drawMessages();
  toEnd();
  await composer.refresh();
}

// ---- events ----------------------------------------------------------------------------------

function onEvent(event) {
  if (event.t === "world") onWorld(event.world);
  else if (event.t === "message") onMessage(event.message);
  else if (event.t === "typing" && event.channel === state.place) onTyping(event.who);
}

function onWorld(world) {
  const changed = state.world?.me !== world.me;
  state.world = world;
  state.apart = new Date(world.time) - Date.now();
  for (const c of world.channels) state.seen[c.id] ??= c.last || "0";
  const wanted = channel(state.place) || world.channels.find((c) => c.name === query.get("channel") && TEXT_KINDS.includes(c.kind))
    || world.channels.find((c) => c.kind === 0);
  if (wanted && (changed || wanted.id !== state.place)) show(wanted.id);
  else { drawWorld(); composer.refresh(); }
}

function onMessage(message) {
  const c = channel(message.channel);
  if (c && !message.deleted && !message.ephemeral_for && BigInt(message.id) > BigInt(c.last || 0)) c.last = message.id;
  if (message.channel === state.place) {
    if (c) state.seen[c.id] = c.last || "0";
    delete state.typing[message.author.name];
    drawTyping();
    upsert(message);
  } else drawChannels();
}

function onTyping(who) {
  if (who === state.world.users[app.me()].name) return;
  clearTimeout(state.typing[who]);
  state.typing[who] = setTimeout(() => { delete state.typing[who]; drawTyping(); }, 9000);
  drawTyping();
}

function drawTyping() {
  const who = Object.keys(state.typing);
  $("typing").textContent = who.length ? `${who.join(", ")} ${who.length > 1 ? "are" : "is"} typing…` : "";
}

const composer = new Composer($("composer"), app);
const feed = live(query.get("as") || "", onEvent, (on) => {
  state.connected = on;
  if (state.world) { drawTop(); if (on && state.place) show(state.place); }
});

for (const [id, name] of [["theme", "theme"], ["menu", "menu"]]) $(id).replaceChildren(icon(name));
$("me").addEventListener("change", () => { state.typing = {}; feed.become($("me").value); });
$("theme").addEventListener("click", () => {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("sandbox-theme", next); } catch { /* private mode */ }
});
$("menu").addEventListener("click", () => {
  const open = document.body.classList.toggle("menu-open");
  $("shade").hidden = !open;
});
$("shade").addEventListener("click", () => { document.body.classList.remove("menu-open"); $("shade").hidden = true; });
$("newer").addEventListener("click", toEnd);
log.addEventListener("scroll", () => { if (atEnd()) $("newer").hidden = true; });
log.addEventListener("load", () => { if (log.scrollHeight - log.scrollTop - log.clientHeight < 700) toEnd(); }, true);
$("problems").addEventListener("click", (event) => openPop(event.currentTarget,
  h("div", { class: "problems" }, h("b", {}, "Requests that Discord would refuse"), h("ul", {}, state.world.problems.map((p) => h("li", {}, p))))));
