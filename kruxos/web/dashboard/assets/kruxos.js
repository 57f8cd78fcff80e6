// Light on top of pages that work without it: live regions, clocks, copying, and a button that shows it was pressed.
"use strict";
(() => {
  const LOOK_MS = 2000;
  const LOST_AFTER = 2;
  const seen = new WeakMap();
  let failed = 0;

  function refresh(fresh) {
    for (const region of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(region.id);
      if (!next || next.innerHTML === seen.get(region)) continue;
      seen.set(region, next.innerHTML);
      const focused = region.contains(document.activeElement) ? [...region.querySelectorAll("a,button")].indexOf(document.activeElement) : -1;
      const label = focused < 0 ? "" : document.activeElement.getAttribute("aria-label") || document.activeElement.textContent;
      region.replaceChildren(...[...next.childNodes].map((node) => document.importNode(node, true)));
      if (focused >= 0) {
        const all = [...region.querySelectorAll("a,button")];
        const same = all.find((each) => (each.getAttribute("aria-label") || each.textContent) === label);
        (same || all[focused] || region).focus({ preventScroll: true });
      }
    }
  }

  async function look() {
    if (!document.hidden && document.querySelector("[data-live]")) {
      try {
        const answer = await fetch(location.href, { headers: { "x-look": "1" }, cache: "no-store" });
        if (answer.status === 401) { location.reload(); return; }
        if (!answer.ok) throw new Error(String(answer.status));
        refresh(new DOMParser().parseFromString(await answer.text(), "text/html"));
        failed = 0;
      } catch { failed += 1; }
      document.getElementById("lost").hidden = failed < LOST_AFTER;
      document.getElementById("fresh").textContent = failed ? "not live" : "live";
    }
    setTimeout(look, LOOK_MS);
  }

  function span(seconds) {
    const left = Math.max(0, Math.floor(seconds));
    const two = (large, small, unit, rest) => `${large}${unit}` + (small ? ` ${small}${rest}` : "");
    if (left < 60) return `${left}s`;
    if (left < 3600) return two(Math.floor(left / 60), left % 60, "m", "s");
    if (left < 86400) return two(Math.floor(left / 3600), Math.floor((left % 3600) / 60), "h", "m");
    return two(Math.floor(left / 86400), Math.floor((left % 86400) / 3600), "d", "h");
  }

  setInterval(() => {
    for (const clock of document.querySelectorAll("[data-until]")) clock.textContent = span(Number(clock.dataset.until) - Date.now() / 1000);
  }, 1000);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });

  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button:not([type=button])");
    if (button) { button.setAttribute("aria-busy", "true"); setTimeout(() => { button.disabled = true; }, 0); }
  });

  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button[aria-busy]")) { button.removeAttribute("aria-busy"); button.disabled = false; }
  });

  setTimeout(look, LOOK_MS);
})();
