"use strict";
// The heat map: a table of cells, each coloured by its accuracy, that answers to pointer, touch and arrow keys alike.

// Viridis, which keeps its order for colour-blind readers and in grey: from 0 to 1 in equal steps.
const VIRIDIS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];

const MOST_BESIDE = 10; // lengths that leave room for a table beside the map

/** The colour of a share, and black or white, whichever is read better on it. */
function shade(share) {
  const place = share * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const color = VIRIDIS[low].map((from, part) => Math.round(from + (VIRIDIS[low + 1][part] - from) * (place - low)));
  const light = color.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return { background: `rgb(${color.join(" ")})`, color: luminance > 0.179 ? "#000" : "#fff" };
}

/** One family's cells; `open` is called with what a cell stands for when it is chosen. */
function heatmap(cells, { scored, open }) {
  const distinct = (name) => [...new Set(cells.map((cell) => cell[name]))].filter((one) => one !== null).sort((a, b) => a - b);
  const lengths = distinct("length");
  const depths = distinct("depth");
  const at = new Map(cells.map((cell) => [`${cell.length} ${cell.depth}`, cell]));
  const unit = cells[0].axis === "frames" ? "frames" : "of context";
  const cellOf = (length, depth) => {
    const cell = at.get(`${length} ${depth}`);
    const margin = length === null || depth === null;
    if (!cell) return html("td", { class: "empty", title: "no items" }, NOTHING);
    const button = html(
      "button",
      {
        type: "button",
        class: "cell",
        tabindex: "-1",
        "aria-label": said(cell, unit, scored),
        style: scored && !margin ? shade(cell.accuracy) : {},
        onclick: () => open({ family: cell.family, length, depth }),
      },
      scored ? (100 * cell.accuracy).toFixed(0) : count(cell.count),
    );
    return html("td", { class: margin ? "margin" : null }, button);
  };
  const columns = [...lengths, null];
  const head = html("tr", {}, html("th", { scope: "col", class: "corner" }, "depth"), columns.map((length) => html("th", { scope: "col" }, length === null ? "all" : count(length))));
  const rows = (depths.length > 1 ? [...depths, null] : depths).map((depth) =>
    html("tr", {}, html("th", { scope: "row" }, depth === null ? "all" : depthName(depth)), columns.map((length) => cellOf(length, depth))),
  );
  const style = { "--columns": String(columns.length) };
  const table = html("table", { class: "heat", "aria-labelledby": "heat-title", style }, html("thead", {}, head), html("tbody", {}, rows));
  explore(table);
  const caption = `${scored ? "Percent right" : "Items"}, by depth (down) and ${unit === "frames" ? "length in frames" : "size of context"} (across)`;
  return html("div", {}, html("p", { class: "caption", id: "heat-title" }, caption), html("div", { class: "scroll" }, table));
}

/** What a cell says in words. */
function said(cell, unit, scored) {
  const where = [
    cell.length === null ? "all lengths" : `${count(cell.length)} ${unit}`,
    cell.depth === null ? "all depths" : `depth ${depthName(cell.depth)}`,
  ].join(", ");
  if (!scored) return `${where}: ${count(cell.count)} items`;
  return `${where}: ${percent(cell.accuracy)} right, 95 % interval ${interval(cell)}, n = ${count(cell.count)}`;
}

/** One cell at a time can be reached by tabbing, the others by arrow keys; whichever is pointed at or focused speaks. */
function explore(table) {
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell) => cell.querySelector("button")));
  const cells = rows.flat().filter(Boolean);
  if (cells.length) cells[0].tabIndex = 0;
  const speak = (event) => {
    const cell = event.target.closest("button");
    if (cell) tip.show(cell.getAttribute("aria-label"), cell);
  };
  table.addEventListener("pointerover", speak);
  table.addEventListener("focusin", speak);
  table.addEventListener("pointerleave", tip.hide);
  table.addEventListener("focusout", tip.hide);
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  table.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hide();
    const step = steps[event.key];
    let row = rows.findIndex((some) => some.includes(event.target));
    if (!step || row < 0) return;
    event.preventDefault();
    let column = rows[row].indexOf(event.target);
    do {
      row += step[0];
      column += step[1];
    } while (rows[row]?.[column] === null);
    const next = rows[row]?.[column];
    if (!next) return;
    for (const cell of cells) cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

/** The numbers behind a heat map. */
function cellTable(cells, scored) {
  const names = ["length", "depth", "n", ...(scored ? ["right", "accuracy", "95 %", "unparsed", "missing"] : [])];
  const rows = cells.map((cell) => [
    cell.length === null ? "all" : count(cell.length),
    cell.depth === null ? "all" : depthName(cell.depth),
    count(cell.count),
    ...(scored ? [count(cell.right), percent(cell.accuracy), interval(cell), count(cell.unparsed), count(cell.missing)] : []),
  ]);
  return html(
    "details",
    {},
    html("summary", {}, "The numbers as a table"),
    html(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cells" },
      html(
        "table",
        { class: "figures cells" },
        html("caption", { class: "hidden" }, "Every cell"),
        html("thead", {}, html("tr", {}, names.map((name) => html("th", { scope: "col", class: "number" }, name)))),
        html("tbody", {}, rows.map((row) => html("tr", {}, row.map((cell) => html("td", { class: "number" }, cell))))),
      ),
    ),
  );
}

/** The colour scale with its ends. */
function scale() {
  const steps = VIRIDIS.map((_, place) => html("i", { style: { background: shade(place / (VIRIDIS.length - 1)).background } }));
  return html("p", { class: "scale" }, "0 %", html("span", { "aria-hidden": "true" }, steps), "100 %");
}

/** The section: families to choose from, the heat map of the chosen one, and accuracies by family. */
function accuracy(report, open) {
  const scored = Boolean(report.scores);
  const families = [...new Set(report.cells.map((cell) => cell.family))];
  const holder = html("div", { id: "heat" });
  const buttons = families.map((family) =>
    html("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => show(family) }, foreign(family || "all")),
  );
  function show(family) {
    const cells = report.cells.filter((cell) => cell.family === family);
    tip.hide();
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(families[place] === family)));
    holder.replaceChildren(heatmap(cells, { scored, open }), ...(scored ? [scale()] : []), cellTable(cells, scored));
  }
  const broad = new Set(report.cells.map((cell) => cell.length)).size > MOST_BESIDE;
  const totals = report.cells.filter((cell) => cell.length === null && cell.depth === null);
  const lines = totals.map((cell) => line(cell.family || "all, in frames", cell));
  byId("accuracy").append(
    heading(
      "accuracy",
      scored ? "Accuracy" : "Grid",
      scored ? "By length and depth. Choose a cell to see its items." : "How many there are by length and depth. Choose a cell to see them.",
    ),
    html(
      "div",
      { class: broad ? "cards" : "cards wide" },
      (broad ? full : card)(scored ? "By length and depth" : "Items per cell", html("div", { class: "chips", role: "group", "aria-label": "Family on the map" }, buttons), holder),
      (broad ? full : card)("By family", shareTable("Items without control twins", ["family", "n", "right"], lines)),
    ),
  );
  show(families[0]);
}
