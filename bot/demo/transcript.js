"use strict";
const root = document.documentElement;
root.classList.add("js");
const button = document.querySelector("header button");
const paint = (theme) => {
  root.dataset.theme = theme;
  button.textContent = theme === "dark" ? "Light" : "Dark";
};
button.addEventListener("click", () => paint(root.dataset.theme === "dark" ? "light" : "dark"));
paint(new URLSearchParams(location.search).get("theme") === "light" ? "light" : "dark");
const show = () => {
  const wanted = document.getElementById(location.hash.slice(1)) || document.querySelector("section");
  document.querySelectorAll("section").forEach((s) => s.classList.toggle("here", s === wanted));
  document.querySelectorAll("nav a").forEach((a) => {
    const here = a.hash.slice(1) === wanted.id;
    a.classList.toggle("here", here);
    if (here) a.scrollIntoView({ block: "nearest", inline: "center" });
  });
  scrollTo(0, 0);
};
addEventListener("hashchange", show);
show();
