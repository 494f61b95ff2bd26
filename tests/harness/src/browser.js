// Runs inside a page and returns a list of its accessibility and layout faults.
const faults = [];
const fault = (what, element) => faults.push(element ? `${what}: ${element.outerHTML.slice(0, 120)}` : what);
const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;
const name = (element) =>
  (element.getAttribute("aria-label") || element.textContent || "").trim() || [...element.querySelectorAll("img")].map((i) => i.alt).join("");

// Landmarks, headings, language
if (!/^(fr|en)$/.test(document.documentElement.lang)) fault("the page has no language");
if (!document.title.trim()) fault("the page has no title");
if (document.querySelectorAll("h1").length !== 1) fault("there is not exactly one h1");
if (document.querySelectorAll("main").length !== 1) fault("there is not exactly one main");
for (const nav of document.querySelectorAll("nav")) if (!nav.getAttribute("aria-label")) fault("a navigation without a name", nav);
let level = 0;
for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
  const now = Number(heading.tagName[1]);
  if (level > 0 && now > level + 1) fault("a level of headings is left out", heading);
  level = now;
}

// Every control has a name
for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea, progress")) {
  if (field.labels.length === 0 && !field.getAttribute("aria-label")) fault("a field without a label", field);
}
for (const thing of document.querySelectorAll("a[href], button, summary")) if (!name(thing)) fault("nothing says what this does", thing);
for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) fault("a picture without alt", image);
for (const image of document.querySelectorAll("svg")) {
  // What is told otherwise may be hidden, but then nothing in it can be reached.
  if (image.getAttribute("aria-hidden") === "true") {
    for (const link of image.querySelectorAll("a")) if (link.getAttribute("tabindex") !== "-1") fault("a hidden link that can be reached", link);
  } else if (image.getAttribute("role") !== "img" || !image.getAttribute("aria-label")) fault("a drawing without a name", image);
}
for (const cell of document.querySelectorAll("th")) if (!cell.scope) fault("a heading cell without scope", cell);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) fault(`the id ${id} is there twice`);
for (const element of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
  const named = element.getAttribute("aria-labelledby") || element.getAttribute("aria-describedby");
  if (!document.getElementById(named)) fault(`${named} names it, and is not there`, element);
}
if (document.querySelector("[style]")) fault("an inline style, which the page's policy forbids", document.querySelector("[style]"));

// The page fits the window, and touch targets are large enough
if (document.documentElement.scrollWidth > window.innerWidth) {
  const wide = [...document.querySelectorAll("body *")].find((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest(".scroll"));
  fault(`the page is ${document.documentElement.scrollWidth} px wide, the window ${window.innerWidth}`, wide);
}
for (const button of document.querySelectorAll("button")) {
  const box = button.getBoundingClientRect();
  if (visible(button) && (box.height < 36 || box.width < 36)) fault("too small for a finger", button);
}

// Contrast (WCAG AA)
const parse = (text) => {
  const numbers = text.match(/[\d.]+/g).map(Number);
  const rgb = text.startsWith("color(") ? numbers.slice(0, 3).map((n) => n * 255) : numbers.slice(0, 3);
  return { rgb, alpha: numbers.length > 3 ? numbers[3] : 1 };
};
const over = (above, below) => above.rgb.map((n, i) => n * above.alpha + below[i] * (1 - above.alpha));
const background = (element) => {
  if (!element) return matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255];
  const own = parse(getComputedStyle(element).backgroundColor);
  return own.alpha === 1 ? own.rgb : over(own, background(element.parentElement));
};
const light = (rgb) => {
  const [r, g, b] = rgb.map((n) => n / 255).map((n) => (n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
for (const element of document.querySelectorAll("body *")) {
  const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!text || !visible(element) || element.closest(".unseen, .skip")) continue;
  const style = getComputedStyle(element);
  const below = background(element);
  const pair = [light(over(parse(style.color), below)), light(below)].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  const size = parseFloat(style.fontSize);
  const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  if (ratio < needed) fault(`contrast ${ratio.toFixed(2)}`, element);
}
return faults;
