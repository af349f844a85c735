// One message as Discord would show it.

import { $, avatar, colour, h } from "./dom.js";
import { icon } from "./icons.js";
import { markdown, plain, time } from "./markdown.js";
import { renderComponents } from "./components.js";

const SEVEN_MINUTES = 7 * 60 * 1000;
const NOTICES = { 6: "pinned a message to this channel.", 18: "started a thread:", 21: "started this thread." };

// Pictures come from this machine only; anything else stays a link.
export function picture(media, alt = "", css = "") {
  const url = local(media?.url);
  if (!url) return media?.url ? h("a", { class: "far", href: media.url, rel: "noopener noreferrer", target: "_blank" }, icon("image"), media.url) : null;
  const size = media.width ? { width: media.width, height: media.height } : {};
  const image = h("img", { src: url, alt, title: alt, loading: "lazy", ...size });
  return h("button", {
    class: `picture ${css}`, type: "button", "aria-label": alt || "Show picture",
    onclick: () => { $("viewer").replaceChildren(h("img", { src: url, alt })); $("viewer").showModal(); },
  }, image);
}

function local(address) {
  try {
    const url = new URL(address, location.href);
    const loopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
    return loopback && url.port === location.port && url.pathname.startsWith("/attachments/") ? url.pathname : null;
  } catch { return null; }
}

export function renderMessage(message, before, actions) {
  if (NOTICES[message.kind]) return notice(message);
  const grouped = follows(message, before);
  const me = actions.me();
  const css = [
    "message", grouped ? "grouped" : "", message.ephemeral_for ? "ephemeral" : "",
    message.content.includes(`<@${me}>`) ? "pinged" : "",
  ].join(" ");
  return h("article", { class: css, data: { id: message.id } },
    message.reply_to && replyLine(message.reply_to),
    message.used && usedLine(message.used),
    h("div", { class: "row" },
      grouped ? h("span", { class: "gutter" }, clock(message.at)) : avatar(message.author),
      h("div", { class: "body" },
        !grouped && head(message, actions),
        body(message, actions))),
    toolbar(message, actions));
}

function follows(message, before) {
  return Boolean(before && !message.reply_to && !message.used && !NOTICES[before.kind]
    && before.author.id === message.author.id && before.author.name === message.author.name
    && Boolean(before.ephemeral_for) === Boolean(message.ephemeral_for)
    && new Date(message.at) - new Date(before.at) < SEVEN_MINUTES);
}

function head(message, actions) {
  const name = h("button", {
    class: "name", type: "button", css: message.author.color ? { "--role": colour(message.author.color) } : {},
    onclick: (event) => actions.userMenu(event.currentTarget, message.author),
  }, message.author.name);
  const tag = message.author.bot ? h("span", { class: "tag", title: message.author.webhook ? "Posted by a webhook" : "A bot" }, message.flags & 2 ? "SERVER" : "APP") : null;
  const when = time(new Date(message.at) / 1000, sameDay(message.at) ? "t" : "f");
  when.className = "at";
  return h("div", { class: "head" }, name, tag, when, message.pinned ? h("span", { class: "at", title: "Pinned" }, icon("pin")) : null);
}

const sameDay = (at) => new Date(at).toDateString() === new Date().toDateString();
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function body(message, actions) {
  if (message.loading) {
    return h("div", { class: "thinking" }, h("span", { class: "dots" }, h("i"), h("i"), h("i")), `${message.author.name} is thinking…`);
  }
  const edited = message.edited_at ? h("span", { class: "edited", title: `${message.n_edits} edits` }, " (edited)") : null;
  const text = message.content ? h("div", { class: "text" }, markdown(message.content), edited) : null;
  return [
    text,
    message.forwarded.map((part) => h("div", { class: "forward" }, h("small", {}, icon("forward"), " Forwarded"), h("div", { class: "text" }, markdown(part.content)))),
    message.embeds.map((embed) => renderEmbed(embed)),
    attachments(message.attachments),
    renderComponents(message, actions),
    !text && edited,
    reactions(message, actions),
    message.thread && h("button", { class: "thread", type: "button", onclick: () => actions.open(message.thread.id) }, icon("thread"), h("b", {}, message.thread.name)),
    message.ephemeral_for && h("div", { class: "only" }, icon("eye"), "Only you can see this · ",
      h("button", { class: "link", type: "button", onclick: () => actions.remove(message) }, "Dismiss message")),
  ];
}

function renderEmbed(embed) {
  const parts = [
    embed.author && h("div", { class: "e-author" }, embed.author.name),
    embed.title && h("div", { class: "e-title" }, embed.url ? h("a", { href: embed.url, rel: "noopener noreferrer", target: "_blank" }, markdown(embed.title)) : markdown(embed.title)),
    embed.description && h("div", { class: "text" }, markdown(embed.description)),
    embed.fields?.length ? fields(embed.fields) : null,
  ];
  const foot = [embed.footer?.text, embed.timestamp && new Date(embed.timestamp).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })];
  return h("section", { class: "embed", css: { "--bar": embed.color !== undefined && embed.color !== null ? colour(embed.color) : "var(--line)" } },
    h("div", { class: "e-main" }, h("div", {}, parts), embed.thumbnail && picture(embed.thumbnail, "", "thumb")),
    embed.image && picture(embed.image, embed.image.description || embed.title || "Picture"),
    foot.some(Boolean) && h("footer", {}, foot.filter(Boolean).join(" · ")));
}

// Inline fields stand beside each other, up to three in a row; a lonely one takes the whole width.
function fields(list) {
  const rows = [];
  for (const field of list) {
    const row = rows.at(-1);
    if (field.inline && row?.[0].inline && row.length < 3) row.push(field);
    else rows.push([field]);
  }
  return h("div", { class: "fields" }, rows.map((row) => h("div", { class: `f-row n${row.length}` }, row.map((field) =>
    h("div", {}, h("b", {}, markdown(field.name)), h("div", { class: "text" }, markdown(field.value)))))));
}

function attachments(list) {
  return list.map((file) => file.content_type.startsWith("image/")
    ? picture(file, file.description || file.filename)
    : h("a", { class: "file", href: local(file.url) || "#", download: file.filename }, icon("file"),
      h("span", {}, h("b", {}, file.filename), h("small", {}, size(file.size)))));
}

export const size = (n) => n > 1048576 ? `${(n / 1048576).toFixed(1)} MB` : n > 1024 ? `${Math.round(n / 1024)} KB` : `${n} bytes`;

function reactions(message, actions) {
  const all = Object.entries(message.reactions);
  if (!all.length) return null;
  return h("div", { class: "reactions" }, all.map(([emoji, who]) => {
    const mine = who.includes(actions.me());
    return h("button", { class: mine ? "reaction mine" : "reaction", type: "button", "aria-pressed": String(mine), onclick: () => actions.react(message, emoji, mine) },
      emoji.split(":")[0], h("b", {}, who.length));
  }));
}

function replyLine(reply) {
  return h("button", {
    class: "reply", type: "button",
    onclick: () => document.querySelector(`[data-id="${CSS.escape(reply.id)}"]`)?.scrollIntoView({ block: "center" }),
  }, avatar(reply.author, "tiny"), h("b", {}, reply.author.name), h("span", {}, plain(reply.snippet) || "Click to see the message"));
}

function usedLine(used) {
  return h("div", { class: "reply used" }, avatar({ id: used.id, name: used.user }, "tiny"),
    h("b", {}, used.user), h("span", {}, "used ", h("span", { class: "mention" }, `${used.slash ? "/" : ""}${used.name}`)));
}

function notice(message) {
  return h("article", { class: "message notice", data: { id: message.id } },
    h("span", {}, icon(message.kind === 6 ? "pin" : "thread")), h("b", {}, message.author.name), ` ${NOTICES[message.kind]} `,
    message.kind === 18 ? h("b", {}, message.content) : null,
    message.kind === 21 && message.reply_to ? h("div", { class: "forward" }, plain(message.reply_to.snippet)) : null);
}

function toolbar(message, actions) {
  const tool = (label, text, run) => h("button", { class: "icon", type: "button", title: label, "aria-label": label, onclick: run }, icon(text));
  if (message.loading) return null;
  return h("div", { class: "tools", role: "toolbar", "aria-label": "Message" },
    tool("React", "smile", (event) => actions.reactMenu(event.currentTarget, message)),
    !message.ephemeral_for && tool("Reply", "reply", () => actions.reply(message)),
    message.author.id === actions.me() && tool("Edit", "edit", () => actions.edit(message)),
    tool("More", "more", (event) => actions.messageMenu(event.currentTarget, message)));
}

export function dayLine(at) {
  return h("div", { class: "day" }, h("span", {}, new Date(at).toLocaleDateString([], { dateStyle: "long" })));
}
