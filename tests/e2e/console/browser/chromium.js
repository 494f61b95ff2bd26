// Runs inside a page and returns a list of the faults that axe-core does not look for.
const faults = [];
const fault = (what, element) => faults.push(element ? `${what}: ${element.outerHTML.slice(0, 120)}` : what);
const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;

if (!/^(fr|en)$/.test(document.documentElement.lang)) fault("the page is in neither language");
for (const nav of document.querySelectorAll("nav")) if (!nav.getAttribute("aria-label")) fault("a navigation without a name", nav);
for (const cell of document.querySelectorAll("th")) if (!cell.scope) fault("a heading cell without scope", cell);
for (const image of document.querySelectorAll("svg:not([aria-hidden=true])")) {
  if (image.getAttribute("role") !== "img" || !image.getAttribute("aria-label")) fault("a drawing without a name", image);
}
// axe-core passes over what names something that is not there, if it has another name as well.
for (const attribute of ["aria-labelledby", "aria-describedby"]) {
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    const named = element.getAttribute(attribute);
    if (!document.getElementById(named)) fault(`${named} names it, and is not there`, element);
  }
}
if (document.querySelector("[style]")) fault("an inline style, which the page's policy forbids", document.querySelector("[style]"));

// The page fits the window, and touch targets are larger than axe-core wants
if (document.documentElement.scrollWidth > window.innerWidth) {
  const wide = [...document.querySelectorAll("body *")].find((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest(".scroll"));
  fault(`the page is ${document.documentElement.scrollWidth} px wide, the window ${window.innerWidth}`, wide);
}
for (const button of document.querySelectorAll("button")) {
  const box = button.getBoundingClientRect();
  if (visible(button) && (box.height < 36 || box.width < 36)) fault("too small for a finger", button);
}
return faults;
