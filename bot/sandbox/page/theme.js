// Before the first paint: the theme of the address, else the one chosen last, else dark.
(() => {
  const asked = new URLSearchParams(location.search).get("theme");
  let kept = null;
  try { kept = localStorage.getItem("sandbox-theme"); } catch { /* private mode */ }
  document.documentElement.dataset.theme = (asked || kept) === "light" ? "light" : "dark";
})();
