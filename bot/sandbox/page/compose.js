// The box at the bottom: messages, files, replies, edits, and slash commands with their options.

import { closePop, h, moveInPop, openPop, popIsFor, toast } from "./dom.js";
import { act, readFile } from "./net.js";
import { icon } from "./icons.js";
import { pick } from "./components.js";
import { size } from "./messages.js";

const KIND_WORDS = { 3: "text", 4: "whole number", 5: "yes or no", 6: "person", 7: "channel", 8: "role", 9: "person or role", 10: "number", 11: "file" };

export class Composer {
  constructor(box, app) {
    this.box = box;
    this.app = app;
    this.commands = [];
    this.files = [];
    this.plain();
  }

  // ---- writing -------------------------------------------------------------------------------

  plain(text = "") {
    closePop();
    this.command = null;
    this.input = h("textarea", {
      rows: 1, value: text, "aria-label": "Message", autocomplete: "off", spellcheck: false,
      placeholder: this.hint(),
      oninput: () => this.typed(), onkeydown: (event) => this.key(event), onpaste: (event) => this.attach(event.clipboardData.files),
    });
    const chooser = h("input", { type: "file", multiple: true, hidden: true, onchange: () => this.attach(chooser.files) });
    this.bar = h("div", { class: "bar" });
    this.box.replaceChildren(this.bar, h("div", { class: "box" },
      h("button", { class: "icon", type: "button", title: "Attach a file", "aria-label": "Attach a file", onclick: () => chooser.click() }, icon("plus")),
      this.input, chooser,
      h("button", { class: "icon slash", type: "button", title: "Commands", "aria-label": "Commands", onclick: () => { this.input.value = "/"; this.input.focus(); this.typed(); } }, "/"),
      h("button", { class: "icon send", type: "button", title: "Send", "aria-label": "Send", onclick: () => this.send() }, icon("send"))));
    this.drawBar();
    this.grow();
  }

  hint() {
    if (!this.app.canWrite()) return "You cannot write here";
    const words = `Message ${this.app.placeName()}`;
    return innerWidth > 720 ? `${words} · type / for commands` : words;
  }

  reset() { this.replyTo = null; this.editing = null; this.files = []; this.plain(); }

  reply(message) { this.editing = null; this.replyTo = message; if (this.command) this.plain(); this.drawBar(); this.input.focus(); }

  edit(message) { this.replyTo = null; this.editing = message; this.plain(message.content); this.input.focus(); }

  attach(files) {
    if (!files?.length) return;
    this.files.push(...files);
    this.drawBar();
  }

  drawBar() {
    const stop = (label) => h("button", { class: "icon", type: "button", "aria-label": label, onclick: () => { this.replyTo = null; this.files = []; if (this.editing) { this.editing = null; this.plain(); } this.drawBar(); } }, icon("close"));
    const parts = [];
    if (this.replyTo) parts.push(h("span", {}, "Replying to ", h("b", {}, this.replyTo.author.name)), stop("Cancel reply"));
    if (this.editing) parts.push(h("span", {}, "Editing your message"), stop("Cancel edit"));
    for (const file of this.files) parts.push(h("span", { class: "chip" }, icon("file"), `${file.name} · ${size(file.size)}`));
    if (this.files.length) parts.push(stop("Remove files"));
    this.bar.replaceChildren(...parts);
    this.bar.hidden = !parts.length;
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 180)}px`;
  }

  typed() {
    this.grow();
    const text = this.input.value;
    if (text.startsWith("/") && !text.includes("\n")) this.offer(text.slice(1));
    else {
      closePop();
      const stamp = Date.now();
      if (text && stamp - (this.told || 0) > 8000) { this.told = stamp; act("typing", { as: this.app.me(), channel: this.app.place() }, { quiet: true }); }
    }
  }

  key(event) {
    if (moveInPop(event, true)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); this.send(); }
    if (event.key === "Escape" && (this.replyTo || this.editing)) this.reset();
    if (event.key === "ArrowUp" && !this.input.value) this.app.editLast();
  }

  async send() {
    const content = this.input.value;
    if (!content.trim() && !this.files.length) return;
    if (content.startsWith("/") && !this.editing) { toast("Pick a command from the list, or start with another sign"); return; }
    const base = { as: this.app.me(), channel: this.app.place(), content };
    let done;
    if (this.editing) done = await act("edit", { ...base, message: this.editing.id });
    else done = await act("say", { ...base, reply_to: this.replyTo?.id, files: await Promise.all(this.files.map(readFile)) });
    if (done) this.reset();
    this.input.focus();
  }

  // ---- slash commands ------------------------------------------------------------------------

  async refresh() {
    const offered = await act("offered", { as: this.app.me(), channel: this.app.place() }, { quiet: true });
    this.menus = offered || { slash: [], user: [], message: [] };
    this.commands = this.menus.slash.flatMap((command) => flat(command, command.name));
  }

  async offer(typed) {
    if (!this.commands.length) await this.refresh();
    const words = typed.toLowerCase().trim();
    const hits = this.commands
      .filter((command) => command.path.includes(words) || command.description.toLowerCase().includes(words))
      .sort((a, b) => Number(b.path.startsWith(words)) - Number(a.path.startsWith(words)));
    if (!this.input.value.startsWith("/")) return;
    const list = h("div", { class: "list", role: "listbox", "aria-label": "Commands" }, hits.slice(0, 60).map((command, i) =>
      h("button", { class: "option command", type: "button", role: "option", "aria-selected": String(i === 0), onclick: () => this.take(command) },
        h("span", {}, h("b", {}, `/${command.path}`), " ", command.options.filter((o) => o.required).map((o) => h("code", {}, o.name)), h("small", {}, command.description)))));
    openPop(this.box.querySelector(".box"), hits.length ? list : h("p", { class: "none" }, this.commands.length ? "No such command" : "The bot has no commands for you here"));
  }

  take(command) {
    closePop();
    this.command = command;
    this.values = {};
    this.shown = new Set(command.options.filter((option) => option.required).map((option) => option.name));
    this.form();
  }

  form(focus) {
    const shown = this.command.options.filter((option) => this.shown.has(option.name));
    const more = this.command.options.filter((option) => !this.shown.has(option.name));
    const rows = shown.map((option) => this.option(option));
    this.bar = h("div", { class: "bar", hidden: true });
    this.box.replaceChildren(h("div", { class: "box commanding" },
      h("div", { class: "cmd" }, h("b", {}, `/${this.command.path}`), h("small", {}, this.command.description)),
      h("div", { class: "options" }, rows,
        more.map((option) => h("button", { class: "chip add", type: "button", title: option.description, onclick: () => { this.shown.add(option.name); this.form(option.name); } }, `+ ${option.name}`))),
      h("div", { class: "cmd-end" },
        h("button", { class: "btn plain", type: "button", onclick: () => { this.plain(); this.input.focus(); } }, "Cancel"),
        h("button", { class: "btn primary", type: "button", onclick: (event) => this.use(event.currentTarget) }, "Send"))));
    const target = this.box.querySelector(focus ? `[data-option="${CSS.escape(focus)}"]` : "[data-option]") || this.box.querySelector(".btn.primary");
    target?.focus();
  }

  option(option) {
    const label = h("span", { class: "o-name" }, option.name, option.required ? h("span", { class: "must" }, "*") : null);
    return h("label", { class: "o", title: option.description }, label, this.control(option));
  }

  control(option) {
    const set = (value) => { if (value === "" || value === null) delete this.values[option.name]; else this.values[option.name] = value; };
    const data = { option: option.name };
    const choices = option.choices?.length ? option.choices.map((c) => ({ label: c.name, value: c.name }))
      : option.type === 5 ? [{ label: "True", value: true }, { label: "False", value: false }]
      : [6, 7, 8, 9].includes(option.type) ? this.app.choices({ type: { 6: 5, 7: 8, 8: 6, 9: 7 }[option.type], channel_types: option.channel_types }) : null;
    if (choices) {
      const text = h("span", {}, choices.find((c) => c.value === this.values[option.name])?.label || KIND_WORDS[option.type]);
      const el = h("button", {
        class: "select small", type: "button", data, "aria-haspopup": "listbox",
        onclick: (event) => { event.preventDefault(); pick(el, { min_values: 1 }, choices, ([value]) => { set(value); text.textContent = choices.find((c) => c.value === value).label; el.classList.add("set"); el.focus(); }); },
      }, text, icon("down"));
      return el;
    }
    if (option.type === 11) {
      const el = h("input", { type: "file", data, onchange: async () => set(el.files[0] ? await readFile(el.files[0]) : null) });
      return el;
    }
    const el = h("input", {
      type: "text", data, placeholder: option.description || KIND_WORDS[option.type], autocomplete: "off", spellcheck: false,
      inputMode: option.type === 4 ? "numeric" : option.type === 10 ? "decimal" : "text", value: this.values[option.name] ?? "",
      oninput: () => { set(el.value); if (option.autocomplete) this.complete(el, option); },
      onfocus: () => { if (option.autocomplete) this.complete(el, option); },
      onkeydown: (event) => {
        if (moveInPop(event, popIsFor(el))) return;
        if (event.key === "Enter") { event.preventDefault(); this.use(this.box.querySelector(".btn.primary")); }
        if (event.key === "Escape") { this.plain(); this.input.focus(); }
      },
    });
    return el;
  }

  complete(el, option) {
    clearTimeout(this.later);
    this.later = setTimeout(async () => {
      if (!this.command) return; // sent, or given up, meanwhile
      const typed = el.value;
      const answer = await act("autocomplete", {
        as: this.app.me(), channel: this.app.place(), command: this.command.path, focused: option.name,
        options: { ...plainValues(this.values), [option.name]: typed },
      }, { quiet: true });
      if (el.value !== typed || document.activeElement !== el) return;
      const found = answer?.choices;
      if (!found) { openPop(el, h("p", { class: "none" }, "Loading options failed")); return; }
      const list = h("div", { class: "list", role: "listbox" }, found.map((choice) =>
        h("button", { class: "option", type: "button", role: "option", "aria-selected": "false", onclick: () => { this.values[option.name] = choice.value; el.value = choice.name; closePop(); el.focus(); } }, choice.name)));
      openPop(el, found.length ? list : h("p", { class: "none" }, "No options match your search"));
    }, 120);
  }

  async use(button) {
    closePop();
    const command = this.command;
    button.classList.add("busy");
    const answer = await act("slash", { as: this.app.me(), channel: this.app.place(), command: command.path, options: this.values });
    button.classList.remove("busy");
    if (!answer) return;
    this.plain();
    this.input.focus();
    this.app.after(answer, `/${command.path}`);
  }
}

const plainValues = (values) => Object.fromEntries(Object.entries(values).filter(([, v]) => typeof v !== "object"));

function flat(command, path) {
  const inner = (command.options || []).filter((option) => option.type < 3);
  if (!inner.length) return [{ path, description: command.description || "", options: command.options || [] }];
  return inner.flatMap((option) => flat(option, `${path} ${option.name}`));
}

