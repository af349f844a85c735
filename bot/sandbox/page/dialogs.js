// Modals of the bot, and small questions of the page itself.

import { $, h } from "./dom.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { pick } from "./components.js";
import { act, readFile } from "./net.js";

export function showModal(interaction, actions) {
  const modal = interaction.modal;
  const dialog = $("dialog");
  const readers = [];
  const error = h("p", { class: "error", role: "alert" });
  const form = h("form", { method: "dialog", class: "modal" },
    h("header", {}, h("h2", {}, modal.title), h("button", { class: "icon", type: "button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"))),
    h("div", { class: "fields-v" }, modal.components.map((part) => field(part, readers, actions))),
    error,
    h("footer", {},
      h("button", { class: "btn plain", type: "button", onclick: () => dialog.close() }, "Cancel"),
      h("button", { class: "btn primary", type: "submit" }, "Submit")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = {};
    for (const read of readers) {
      const [name, value] = await read();
      if (value !== null) fields[name] = value;
    }
    const send = form.querySelector("[type=submit]");
    send.classList.add("busy");
    const answer = await act("submit", { as: actions.me(), interaction: interaction.id, fields });
    send.classList.remove("busy");
    if (!answer) return;
    if (answer.failed) { error.textContent = "Something went wrong. Try again."; return; }
    dialog.close();
    actions.after(answer);
  });
  dialog.replaceChildren(form);
  dialog.showModal();
  form.querySelector("input, textarea, .select")?.focus();
}

function field(part, readers, actions) {
  if (part.type === 10) return h("div", { class: "text" }, markdown(part.content));
  if (part.type === 1) return part.components.map((inner) => labelled(inner.label, null, inner, readers, actions));
  return labelled(part.label, part.description, part.component, readers, actions);
}

function labelled(label, hint, part, readers, actions) {
  const required = part.required !== false;
  const [control, read] = control_for(part, label, actions);
  readers.push(async () => [part.custom_id, await read()]);
  return h("div", { class: "field" },
    h("div", { class: "label" }, label, required && part.type !== 23 ? h("span", { class: "must", title: "Required" }, " *") : null),
    hint ? h("small", {}, hint) : null, control);
}

function control_for(part, label, actions) {
  switch (part.type) {
    case 4: return textInput(part, label);
    case 19: return fileInput(part, label);
    case 21: return choiceList(part, label, "radio");
    case 22: return choiceList(part, label, "checkbox");
    case 23: {
      const box = h("input", { type: "checkbox", checked: Boolean(part.default), "aria-label": label });
      return [h("label", { class: "tick" }, box, "Yes"), async () => box.checked];
    }
    default: return selectInput(part, label, actions);
  }
}

function textInput(part, label) {
  const long = part.style === 2;
  const el = h(long ? "textarea" : "input", {
    value: part.value || "", placeholder: part.placeholder || "", "aria-label": label, autocomplete: "off",
    required: part.required !== false, maxLength: part.max_length || 4000, minLength: part.min_length || 0, ...(long ? { rows: 4 } : { type: "text" }),
  });
  return [el, async () => el.value];
}

function fileInput(part, label) {
  const el = h("input", { type: "file", multiple: (part.max_values || 1) > 1, required: part.required !== false, "aria-label": label });
  return [el, async () => (el.files.length ? Promise.all([...el.files].map(readFile)) : null)];
}

function choiceList(part, label, type) {
  const boxes = part.options.map((option) => h("input", { type, name: part.custom_id, value: option.value, checked: Boolean(option.default) }));
  const list = h("div", { class: "ticks", role: "group", "aria-label": label }, part.options.map((option, i) =>
    h("label", { class: "tick" }, boxes[i], h("span", {}, option.label, option.description ? h("small", {}, option.description) : null))));
  return [list, async () => {
    const values = boxes.filter((box) => box.checked).map((box) => box.value);
    if (type === "radio") return values[0] ?? null;
    return values.length ? values : null;
  }];
}

function selectInput(part, label, actions) {
  const options = actions.choices(part);
  let values = (part.options || []).filter((option) => option.default).map((option) => option.value);
  const text = h("span");
  const show = () => {
    text.textContent = values.map((v) => options.find((o) => o.value === v)?.label || v).join(", ") || part.placeholder || "Make a selection";
  };
  show();
  const el = h("button", { class: "select", type: "button", "aria-label": label, "aria-haspopup": "listbox" }, text, icon("down"));
  el.addEventListener("click", () => {
    const preset = { ...part, options: (part.options || []).map((o) => ({ ...o, default: values.includes(o.value) })) };
    pick(el, preset, options, (chosen) => { values = chosen; show(); el.classList.toggle("set", values.length > 0); });
    $("dialog").append($("pop"));
  });
  return [el, async () => (values.length ? values : null)];
}

$("dialog").addEventListener("close", () => document.body.append($("pop")));
$("viewer").addEventListener("click", () => $("viewer").close());
