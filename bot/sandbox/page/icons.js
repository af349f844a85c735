// The page's own signs, drawn as lines, so that no emoji font is needed.

const PATHS = {
  hash: "M9 3 7 21M17 3l-2 18M4 8.5h17M3 15.5h17",
  news: "M4 10v4h3l8 5V5L7 10H4zM18.5 9a4 4 0 0 1 0 6",
  thread: "M5 5h14v10H10l-5 4V5zM9 9h6M9 12h4",
  voice: "M4 10v4h3l5 4V6L7 10H4zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
  chat: "M4 5h16v11H11l-5 4v-4H4V5z",
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 4l-5 16-3.5-6.5L4 12zM11.5 13.5 20 4",
  smile: "M12 3a9 9 0 1 0 .01 0zM8.5 14a4.5 4.5 0 0 0 7 0M9 9.5v.5M15 9.5v.5",
  reply: "M10 6 4 12l6 6M4 12h10a6 6 0 0 1 6 6",
  edit: "M4 20l1-5L16 4l4 4L9 19l-5 1zM14 6l4 4",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  close: "M6 6l12 12M18 6 6 18",
  menu: "M4 6h16M4 12h16M4 18h16",
  theme: "M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5z",
  eye: "M2 12s4-6.5 10-6.5S22 12 22 12s-4 6.5-10 6.5S2 12 2 12zM12 9.5a2.5 2.5 0 1 0 .01 0z",
  file: "M6 3h8l4 4v14H6V3zM14 3v4h4",
  pin: "M9 3h6l-1 7 4 3v2H6v-2l4-3-1-7zM12 15v6",
  warn: "M12 4 2.5 20h19L12 4zM12 10v5M12 17.5v.01",
  down: "M6 9l6 6 6-6",
  check: "M5 12.5 10 17 19 7",
  box: "M5 5h14v14H5z",
  boxed: "M5 5h14v14H5zM8 12l3 3 5-6",
  copy: "M8 8h11v12H8zM5 16V4h10",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6l1-7z",
  at: "M15.5 12a3.5 3.5 0 1 0-7 0 3.5 3.5 0 0 0 7 0zm0 0v1.5a2.3 2.3 0 0 0 4.5 0V12a8 8 0 1 0-3.2 6.4",
  forward: "M14 6l6 6-6 6M20 12H10a6 6 0 0 0-6 6",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5v.01",
  out: "M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9",
};

const NS = "http://www.w3.org/2000/svg";

export function icon(name, css = "") {
  const svg = document.createElementNS(NS, "svg");
  const attributes = { viewBox: "0 0 24 24", class: `i i-${name} ${css}`, "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(NS, "path");
  path.setAttribute("d", PATHS[name] || "");
  svg.append(path);
  return svg;
}
