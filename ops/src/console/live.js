// Refreshes the page. Everything works without it, but then one has to reload by hand.
//
// An element with data-live="5" and an id is replaced every 5 seconds by the element with the same id in a newly fetched
// copy of the page. An element is not replaced while somebody uses it: not while the page is hidden, and not while the
// focus or an open explanation is inside it.
(function () {
  "use strict";

  function busy(part) {
    return part.contains(document.activeElement) || part.querySelector("details[open]:not([data-keep])") !== null;
  }

  async function refresh() {
    const parts = [...document.querySelectorAll("[data-live]")].filter((part) => !busy(part));
    if (document.hidden || parts.length === 0) return;
    const answer = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const now = fresh.getElementById(part.id);
      if (now && !busy(part) && now.outerHTML !== part.outerHTML) part.replaceWith(now);
    }
  }

  async function turn() {
    try {
      await refresh();
    } catch {
      // The console does not answer at the moment; the next turn asks again.
    }
    const waits = [...document.querySelectorAll("[data-live]")].map((part) => Number(part.dataset.live) || 5);
    if (waits.length > 0) setTimeout(turn, Math.min(...waits) * 1000);
  }

  const first = document.querySelector("[data-live]");
  if (first) setTimeout(turn, (Number(first.dataset.live) || 5) * 1000);
})();
