"use strict";
// What the page is made with. Questions, names and replies come from anyone: they are only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

/** Gives an element attributes, listeners (`onclick`) and children; strings and numbers become text, null is left out. */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, set] of Object.entries(value)) element.style.setProperty(key, set);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
const byId = (id) => document.getElementById(id);

/** Text of others, in its own direction and broken wherever it has to be. */
const foreign = (text, name = "bdi") => html(name, { class: "foreign", dir: "auto" }, String(text));

const NOTHING = "–";

/** A share as the command line prints it: of two equally near, the even digit. */
function percent(share) {
  if (share === null || share === undefined) return NOTHING;
  const value = 100 * share;
  const near = Math.abs(value) % 1 === 0.25 ? value - Math.sign(value) * 0.05 : value;
  return `${near.toFixed(1).replace("-", "−")} %`;
}

const bare = (share) => percent(share).replace(" %", "");
const interval = (one) => (one.low === null || one.low === undefined ? "" : `${bare(one.low)} to ${bare(one.high)}`);
const count = (number) => number.toLocaleString("en");
const words = (name) => String(name).replaceAll("_", " ");
const depthName = (depth) => (depth < 0 ? "any" : String(Math.round(1000 * depth) / 1000));

/** Reads JSON that was compressed and written as base64. */
async function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** A small note that follows what is pointed at or focused. */
const tip = {
  show(text, target) {
    const note = byId("tip");
    note.textContent = text;
    note.hidden = false;
    const at = target.getBoundingClientRect();
    const size = note.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - 8);
    const above = at.top - size.height - 8;
    note.style.setProperty("left", `${left}px`);
    note.style.setProperty("top", `${above > 4 ? above : at.bottom + 8}px`);
  },
  hide() {
    byId("tip").hidden = true;
  },
};
addEventListener("scroll", tip.hide, { passive: true, capture: true });
