// The keyboard: / searches, j and k go through the list, Enter opens (a link does that by itself), g and a letter go to a section, ? shows all of them.
(function () {
  "use strict";

  const typing = (at) => at.closest("input, select, textarea, dialog[open]") !== null;
  const rows = () => [...document.querySelectorAll("[data-row]")];
  let wentTo = 0;

  function step(by) {
    const all = rows();
    if (all.length === 0) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
    all[next].focus();
  }

  function toSection(key) {
    const link = document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`);
    if (link) link.click();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const keys = document.getElementById("keys");
    const isSecond = Date.now() - wentTo < 1500;
    wentTo = 0;
    if (isSecond && /^[a-z]$/.test(event.key)) toSection(event.key);
    else if (event.key === "/") document.querySelector("[type=search], [type=tel]")?.focus();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "g") wentTo = Date.now();
    else if (event.key === "?" && keys) keys.showModal();
    else return;
    event.preventDefault();
  });
})();
