"use strict";
// What is put where.

const report = JSON.parse(byId("data").textContent);

/** The theme: as the system has it, or chosen; remembered where the browser allows. */
const theme = {
  names: { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" },
  get chosen() {
    return document.documentElement.dataset.theme ?? "auto";
  },
  set(name) {
    const next = name in this.names ? name : "auto";
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    byId("theme").textContent = this.names[next];
    byId("theme").setAttribute("aria-label", `Theme: ${next}`);
  },
  turn() {
    const names = Object.keys(this.names);
    this.set(names[(names.indexOf(this.chosen) + 1) % names.length]);
    this.remember(this.chosen);
  },
  remember(name) {
    try {
      localStorage.setItem("haystack-gen theme", name);
    } catch {
      // Storage can be forbidden; then the choice lasts as long as the page.
    }
  },
  remembered() {
    try {
      return localStorage.getItem("haystack-gen theme") ?? "auto";
    } catch {
      return "auto";
    }
  },
};

/** Name, the one number that is looked for first, and what the dataset is. */
function summary() {
  const facts = [...report.facts];
  const dropped = Object.values(report.dropped).reduce((sum, number) => sum + number, 0);
  if (dropped) facts.splice(1, 0, ["dropped while planning", `${count(dropped)}`]);
  const list = html("dl", { class: "facts" }, facts.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, foreign(value)))));
  byId("summary").append(report.scores ? result(report.scores) : html("div", { class: "result" }, html("p", { class: "big" }, report.facts[0][1]), html("p", {}, "items, not answered yet. ", html("code", {}, "haystack-gen report DIR PREDICTIONS"), " shows what a model makes of them.")), list);
  if (dropped) byId("summary").append(reasons());
}

function result(scores) {
  const all = scores.overall ?? { count: 0, accuracy: null };
  const numbers = [
    ["unparsed", count(all.unparsed ?? 0)],
    ["missing", count(all.missing ?? 0)],
    ["lured", all.lured ? `${percent(all.lured.rate)} of wrong choices` : NOTHING],
    ["predictions", foreign(report.predictions)],
    ["letters read as by", scores.parser],
  ];
  return html(
    "div",
    { class: "result" },
    html("p", { class: "big", id: "overall" }, percent(all.accuracy)),
    html("p", {}, `of ${count(all.count)} items right; 95 % interval ${interval(all) || NOTHING}`),
    plot({ ...all, share: all.accuracy }),
    html("dl", { class: "numbers" }, numbers.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value)))),
  );
}

function reasons() {
  const lines = Object.entries(report.dropped).sort((a, b) => b[1] - a[1]).map(([name, number]) => ({ name, count: number }));
  return html("details", {}, html("summary", {}, "Why items were dropped"), shareTable("Dropped while planning", ["reason", "items"], lines));
}

function navigation() {
  const sections = [...document.querySelectorAll("main > section")].filter((section) => section.querySelector("h2"));
  byId("sections").append(...sections.map((section) => html("a", { href: `#${section.id}` }, section.querySelector("h2").textContent)));
}

function start() {
  document.documentElement.dataset.scored = String(Boolean(report.scores));
  byId("name").textContent = report.name;
  theme.set(theme.remembered());
  byId("theme").addEventListener("click", () => theme.turn());
  summary();
  let browser = null;
  accuracy(report, ({ family, length, depth }) => {
    const given = (value) => (value === null ? "" : String(value));
    const mixed = family === "" && report.cells.some((cell) => cell.axis === "context");
    browser.filter.set({ family: mixed ? IN_FRAMES : family, length: given(length), depth: given(depth), control: "none" });
    byId("items").scrollIntoView();
    browser.list.box.focus({ preventScroll: true });
  });
  lookalikes(report);
  comparisons(report);
  audits(report);
  browser = new Browser(report);
  navigation();
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  document.documentElement.dataset.ready = "true";
}

start();
