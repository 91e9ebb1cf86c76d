"use strict";
// Tables of shares: a line for each, with its number, its interval, and both drawn to scale.

const COMMAND = "haystack-gen audit DIR --sampler linspace:64";

/** A section's heading, and a sentence on how to read it. */
function heading(id, title, text) {
  return html("div", { class: "heading" }, html("h2", { id: `${id}-title` }, title), text && html("p", {}, text));
}

const card = (title, ...children) => html("div", { class: "card" }, html("h3", {}, title), ...children);
const full = (title, ...children) => fill(card(title, ...children), { class: "card full" }, []);
const remark = (...children) => html("p", { class: "remark" }, ...children);

/**
 * A share drawn on a line from `from` to 1: a dot, its interval, and a tick at `mark`, what chance would give.
 * It repeats what the table says in numbers, so it is hidden from screen readers.
 */
function plot({ share, low, high, mark = null, from = 0 }) {
  const place = (value) => `${(100 * (value - from)) / (1 - from)}%`;
  const line = html("div", { class: from < 0 ? "plot signed" : "plot", "aria-hidden": "true" });
  if (low !== null && low !== undefined) {
    line.append(html("i", { class: "whisker", style: { left: place(low), right: place(1 + from - high) } }));
  }
  if (mark !== null) line.append(html("i", { class: "mark", style: { left: place(mark) } }));
  if (share !== null && share !== undefined) line.append(html("i", { class: "dot", style: { left: place(share) } }));
  return line;
}

/**
 * Lines of {name, count, share, low, high, mark, more}; `columns` names the first three columns, `extra` those of `more`.
 */
function shareTable(caption, columns, lines, { extra = [], from = 0 } = {}) {
  const plotted = lines.some((line) => line.share !== undefined);
  const sure = lines.some(interval);
  const head = html(
    "tr",
    {},
    html("th", { scope: "col" }, columns[0]),
    html("th", { scope: "col", class: "number" }, columns[1]),
    plotted && html("th", { scope: "col", class: "number" }, columns[2]),
    sure && html("th", { scope: "col", class: "number interval" }, "95 %"),
    plotted && html("td", { class: "drawn" }),
    extra.map((name) => html("th", { scope: "col", class: "number" }, name)),
  );
  const rows = lines.map((line) =>
    html(
      "tr",
      {},
      html("th", { scope: "row" }, label(line.name)),
      html("td", { class: "number" }, count(line.count)),
      plotted && html("td", { class: "number" }, html("b", {}, percent(line.share)), html("small", {}, interval(line))),
      sure && html("td", { class: "number interval" }, interval(line)),
      plotted && html("td", { class: "drawn" }, plot({ ...line, from })),
      (line.more ?? []).map((cell) => html("td", { class: "number" }, cell)),
    ),
  );
  return html(
    "div",
    {},
    html("p", { class: "caption", "aria-hidden": "true" }, caption),
    html(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      html("table", { class: "figures", "aria-label": caption }, html("thead", {}, head), html("tbody", {}, rows)),
    ),
  );
}

/** A name that may be broken at its underscores. */
function label(name) {
  const parts = String(name).split(/(?<=_)/);
  return html("bdi", { class: "foreign", dir: "auto" }, parts.flatMap((part, place) => (place ? [html("wbr"), part] : [part])));
}

const line = (name, one, more = {}) => ({ name, count: one.count, share: one.accuracy, low: one.low, high: one.high, ...more });

function lookalikes(report) {
  const section = byId("lookalikes");
  const scored = Boolean(report.scores);
  const similarity = report.similarity.map((one) => line(one.name, one));
  const phases = report.phases.map((one) => line(one.name, one));
  const period = report.period ? ` Here it is ${count(report.period)} frames.` : "";
  section.append(
    heading("lookalikes", "Look-alikes", "What distractors do to the answers, by how alike they are and where they lie."),
    html(
      "div",
      { class: "cards" },
      card(
        "By similarity",
        shareTable("By the most similar look-alike of each item", ["similarity", "n", "right"], similarity),
        remark("Cosine similarity of the look-alike that is most like its needle; items without twins."),
      ),
      card(
        "By phase",
        shareTable("By where in the period look-alikes lie", ["look-alikes are", "n", "right"], phases),
        remark(`In phase: a whole number of periods from their needle; anti-phase: half a period further.${period}`),
      ),
      scored && lured(report.scores),
    ),
  );
}

/** How often a wrong choice is one that a look-alike shows. */
function lured(scores) {
  const named = [
    ["all items", scores.overall],
    ...(scores.families.length > 1 ? scores.families.map((one) => [one.family, one]) : []),
    ...scores.controls.filter((one) => one.control !== "none").map((one) => [`${one.control} twins`, one]),
  ];
  const lines = named
    .filter(([, one]) => one && one.lured)
    .map(([name, { lured: one }]) => ({
      name,
      count: one.count,
      share: one.rate,
      low: one.low,
      high: one.high,
      mark: one.chance,
      more: [percent(one.chance)],
    }));
  if (!lines.length) return card("Lured", remark("No wrong choice could have been one that a look-alike shows."));
  return full(
    "Lured",
    shareTable("Of wrong choices, those that a look-alike shows", ["", "wrong choices", "lures"], lines, {
      extra: ["by chance"],
    }),
    remark("The tick is what wrong choices drawn at random would give."),
  );
}

function comparisons(report) {
  const section = byId("comparisons");
  const { scores } = report;
  if (!scores) return section.remove();
  const cards = [twins(scores), effective(scores), rotations(scores), openAnswers(scores), unread(scores)].filter(Boolean);
  section.append(
    heading("comparisons", "Comparisons", "Items beside their control twins, effective lengths, and what accuracy alone does not say."),
    html("div", { class: "cards" }, cards),
  );
}

function twins(scores) {
  if (!scores.pairs.length) return card("Control twins", remark("The dataset has no control twins."));
  const p = (value) => (value === null ? NOTHING : value < 0.001 ? "<0.001" : value.toFixed(3));
  const lines = scores.pairs.map((one) => ({
    name: `${one.control}, ${one.family || "all"}`,
    count: one.pairs,
    share: one.difference,
    low: one.low,
    high: one.high,
    more: [percent(one.item), percent(one.twin), p(one.p), count(one.unanswered + one.unpaired)],
  }));
  return full(
    "Control twins",
    shareTable("Item minus twin, paired", ["control", "pairs", "item − twin"], lines, {
      extra: ["item", "twin", "p", "left out"],
      from: -1,
    }),
    remark("A twin is its item with one thing changed. p is McNemar's, exact."),
  );
}

function effective(scores) {
  const axes = new Map(scores.lengths.map((one) => [one.family, one.axis]));
  const rows = Object.entries(scores.effective_lengths).map(([family, length]) =>
    html(
      "tr",
      {},
      html("th", { scope: "row" }, foreign(family)),
      html("td", { class: "number" }, length === null ? "none" : `${count(length)} ${axes.get(family) === "context" ? "of context" : "frames"}`),
    ),
  );
  return card(
    "Effective length",
    html("table", { class: "figures", "aria-label": "Effective length by family" }, html("tbody", {}, rows)),
    remark(`The longest length up to which accuracy is at least ${percent(scores.threshold)}.`),
  );
}

function rotations(scores) {
  if (!scores.rotations.length) return null;
  const lines = scores.rotations.map((one) => ({ ...one, name: one.family, more: [percent(one.mean)] }));
  return card(
    "Rotated options",
    shareTable("Questions that are right in every rotation", ["", "questions", "all right"], lines, { extra: ["mean"] }),
  );
}

function openAnswers(scores) {
  if (!scores.open.length) return null;
  const number = (value) => (value === null ? NOTHING : value.toFixed(2));
  const beside = {
    count: (one) => `mean error ${number(one.mean_absolute_error)}, within one ${percent(one.within_one)}`,
    seconds: (one) => `mean error ${number(one.mean_absolute_error_s)} s`,
    set: (one) => `precision ${number(one.precision)}, recall ${number(one.recall)}, F1 ${number(one.f1)}`,
    order: (one) => `Kendall's tau ${number(one.kendall_tau)}`,
  };
  const lines = scores.open.map((one) => line(`${one.family}, ${one.form}`, one, { more: [beside[one.form]?.(one) ?? ""] }));
  return card("Open answers", shareTable("Questions without options", ["", "n", "right"], lines, { extra: ["beside"] }));
}

function unread(scores) {
  const lines = Object.entries(scores.unparsed).map(([name, number]) => ({ name, count: number }));
  return lines.length ? card("Not read", shareTable("Why replies could not be read", ["reason", "replies"], lines)) : null;
}

function audits(report) {
  const given = new Map((report.scores?.visible ?? []).map((one) => [one.sampler, one]));
  byId("audits").append(
    heading("audits", "Audits", "Whether needles are shown to a model at all, and whether questions can be guessed without the video."),
    html("div", { class: "cards" }, visibility(report.visibility, given), blind(report.blind)),
  );
}

function visibility(samplers, given) {
  if (!samplers) return card("Visibility", remark("Not audited. ", html("code", {}, COMMAND), " says what frame samplers show."));
  const scored = given.size > 0;
  const lines = samplers.map((one) => {
    const { visible, missed } = given.get(one.sampler) ?? {};
    const shown = [`${count(one.seen)} of ${count(one.items - one.absent)}`, count(one.needles.edge), count(one.needles.missed + one.needles.refused)];
    const right = scored ? [percent(visible?.accuracy), percent(missed?.accuracy)] : [];
    return { name: one.sampler, count: one.items, share: one.ceiling, more: [...shown, ...right] };
  });
  return full(
    "Visibility",
    shareTable("Ceiling by frame sampler", ["sampler", "items", "ceiling"], lines, {
      extra: ["items seen", "needles at an edge", "not shown", ...(scored ? ["right if seen", "if not"] : [])],
    }),
    remark("Ceiling: the accuracy of a perfect model that guesses what the sampler does not show it."),
  );
}

function blind(found) {
  if (!found) return card("Blind audit", remark("Not audited. ", html("code", {}, "haystack-gen audit DIR"), " lets rules of thumb guess without the video."));
  const lines = found.parts.flatMap((part) =>
    part.scores.map((one) => ({
      name: part.turns === "all" ? `${part.part}, in all turns` : part.part,
      count: part.questions,
      share: one.accuracy,
      low: one.low,
      high: one.high,
      mark: one.chance,
      more: [one.rule, one.leak ? "LEAK" : "no"],
    })),
  );
  return full(
    "Blind audit",
    html("p", {}, foreign(found.verdict)),
    shareTable("The best rule of thumb, and every leak", ["questions", "n", "guessed"], lines, { extra: ["rule", "leak"] }),
    remark("The tick is chance. Guessers see questions and options, never the video."),
  );
}
