"use strict";
// The list of items, its filter, and which of them is open. Only the rows in sight are in the document.

const IN_FRAMES = "(in frames)";
const MOST_TWINS = 30;

/** Items as the index has them, in columns. */
class Items {
  constructor(report) {
    this.columns = report.items;
    this.texts = report.items.texts;
    this.size = this.columns.id.length;
    this.axes = new Map(report.cells.map((cell) => [cell.family, cell.axis]));
    this.places = new Map(this.columns.id.map((id, place) => [id, place]));
    this.searched = null;
  }

  text(name, place) {
    return this.texts[name][this.columns[name][place]];
  }

  verdict(place) {
    if (!this.columns.verdict.length) return null;
    return this.columns.lured[place] ? "lured" : this.text("verdict", place);
  }

  /** Id, question and answer of every item in small letters, made when something is first looked for. */
  get haystack() {
    if (!this.searched) {
      const small = Object.fromEntries(["question", "answer"].map((name) => [name, this.texts[name].map((text) => text.toLowerCase())]));
      const { id, question, answer } = this.columns;
      this.searched = id.map((one, place) => `${one.toLowerCase()}\n${small.question[question[place]]}\n${small.answer[answer[place]]}`);
    }
    return this.searched;
  }

  /** The places of items that pass a filter, in order. */
  matching(filter) {
    const { family, control } = this.columns;
    const code = (name, value) => this.texts[name].indexOf(value);
    const wanted = filter.text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const texts = wanted.length ? this.haystack : null;
    const families = filter.family && new Set(this.texts.family.flatMap((name, place) => (filter.family === IN_FRAMES ? this.axes.get(name) === "frames" : name === filter.family) ? [place] : []));
    const controlled = filter.control && code("control", filter.control);
    const found = [];
    for (let place = 0; place < this.size; place += 1) {
      if (families && !families.has(family[place])) continue;
      if (filter.control && control[place] !== controlled) continue;
      if (filter.length && String(this.columns.length[place]) !== filter.length) continue;
      if (filter.depth && String(this.columns.depth[place]) !== filter.depth) continue;
      if (filter.verdict && !this.judged(place, filter.verdict)) continue;
      if (texts && !wanted.every((word) => texts[place].includes(word))) continue;
      found.push(place);
    }
    return found;
  }

  judged(place, verdict) {
    const own = this.verdict(place);
    return own === verdict || (verdict === "wrong" && own === "lured");
  }

  /** Items that share the group or the rotations of one, itself left out. */
  related(place) {
    const { group, turns } = this.columns;
    const turned = this.text("turns", place) !== "";
    const found = [];
    for (let other = 0; other < this.size; other += 1) {
      const together = group[other] === group[place] || (turned && turns[other] === turns[place]);
      if (other !== place && together) found.push(other);
    }
    return found;
  }
}

/** The list, as a box of which only the rows in sight exist. */
class List {
  constructor(items, choose) {
    this.items = items;
    this.shown = [];
    this.active = -1;
    this.drawn = new Map();
    this.rows = html("div", { class: "rows" });
    this.box = html("div", { class: "list", role: "listbox", tabindex: "0", "aria-label": "Items", onscroll: () => this.draw(), onkeydown: (event) => this.key(event) }, this.rows);
    this.choose = choose;
    this.height = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  show(places) {
    this.shown = places;
    this.rows.style.setProperty("height", `${places.length * this.height}px`);
    this.box.scrollTop = 0;
    this.rows.replaceChildren();
    this.drawn.clear();
    this.draw();
  }

  /** Makes the rows that came into sight and drops those that went out of it. */
  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - 4);
    const last = Math.min(this.shown.length, first + Math.ceil(this.box.clientHeight / this.height) + 9);
    const inSight = new Set(this.shown.slice(first, last));
    for (const [place, row] of this.drawn) {
      if (!inSight.has(place)) {
        row.remove();
        this.drawn.delete(place);
      }
    }
    // Rows that stay are left where they are, so that a click that scrolls the list is still a click on its row.
    let next = null;
    for (let position = last - 1; position >= first; position -= 1) {
      const place = this.shown[position];
      const row = this.drawn.get(place) ?? this.row(place, position);
      if (!this.drawn.has(place)) this.rows.insertBefore(row, next);
      this.drawn.set(place, row);
      row.setAttribute("aria-selected", String(place === this.active));
      next = row;
    }
    const active = this.rows.querySelector("[aria-selected=true]");
    if (active) this.box.setAttribute("aria-activedescendant", active.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(place, position) {
    const { items } = this;
    const { length, depth } = items.columns;
    const control = items.text("control", place);
    const verdict = items.verdict(place);
    const facts = [words(items.text("family", place)), count(length[place]), `depth ${depthName(depth[place])}`, ...(control === "none" ? [] : [words(control)])];
    return html(
      "div",
      {
        class: "row",
        role: "option",
        id: `row-${place}`,
        "aria-setsize": this.shown.length,
        "aria-posinset": position + 1,
        style: { transform: `translateY(${position * this.height}px)` },
        onclick: () => this.choose(place),
      },
      html("p", { class: "first" }, foreign(items.columns.id[place]), verdict ? badge(verdict) : null),
      html("p", { class: "second" }, foreign(items.text("question", place))),
      html("p", { class: "third" }, facts.join(" · ")),
    );
  }

  /** Marks a row and brings it into sight. */
  mark(place) {
    this.active = place;
    const position = this.shown.indexOf(place);
    const top = position * this.height;
    if (position >= 0 && top < this.box.scrollTop) this.box.scrollTop = top;
    else if (position >= 0 && top + this.height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + this.height - this.box.clientHeight;
    this.draw();
  }

  /** Goes some rows on, from the first if none is marked. */
  step(rows) {
    if (!this.shown.length) return;
    const from = this.shown.indexOf(this.active);
    const to = from < 0 ? 0 : Math.min(this.shown.length - 1, Math.max(0, from + rows));
    this.choose(this.shown[to]);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.step(steps[event.key]);
  }
}

/** The filter's controls; `changed` is called with what they are set to. */
class Filter {
  constructor(items, changed) {
    const { columns, texts } = items;
    const numbers = (name) => [...new Set(columns[name])].sort((a, b) => a - b).map(String);
    const families = [...texts.family].sort();
    const mixed = families.some((name) => items.axes.get(name) === "frames") && families.some((name) => items.axes.get(name) === "context");
    this.changed = changed;
    this.text = html("input", { type: "search", id: "search", placeholder: "Id, question or answer", "aria-label": "Filter by text in id, question or answer", autocomplete: "off", spellcheck: "false", oninput: () => this.apply() });
    this.selects = {
      family: this.select("Family", [["", "all families"], ...(mixed ? [[IN_FRAMES, "all in frames"]] : []), ...families.map((name) => [name, words(name)])]),
      length: this.select("Length", [["", "all lengths"], ...numbers("length").map((one) => [one, count(Number(one))])]),
      depth: this.select("Depth", [["", "all depths"], ...numbers("depth").map((one) => [one, depthName(Number(one))])]),
      control: this.select("Control", [["", "items and twins"], ...texts.control.map((name) => [name, name === "none" ? "items" : `${words(name)} twins`])]),
    };
    if (columns.verdict.length) this.selects.verdict = this.select("Verdict", [["", "all verdicts"], ...Object.keys(VERDICTS).map((name) => [name, name])]);
    this.reset = html("button", { type: "button", class: "quiet", onclick: () => this.set({}) }, "Reset");
    this.found = html("output", { class: "found", "aria-live": "polite" });
    this.view = html("div", { class: "filter", role: "search", "aria-label": "Filter items" }, this.text, Object.values(this.selects), this.reset, this.found);
  }

  select(label, options) {
    return html("select", { "aria-label": label, onchange: () => this.apply() }, options.map(([value, text]) => html("option", { value }, text)));
  }

  get value() {
    const chosen = Object.fromEntries(Object.entries(this.selects).map(([name, select]) => [name, select.value]));
    return { text: this.text.value, ...chosen };
  }

  set({ text = "", ...values }) {
    this.text.value = text;
    for (const [name, select] of Object.entries(this.selects)) select.value = values[name] ?? "";
    this.apply();
  }

  apply() {
    this.changed(this.value);
  }
}

/** The section that holds filter, list and the open item. */
class Browser {
  constructor(report) {
    this.report = report;
    this.items = new Items(report);
    this.blocks = [...document.getElementsByClassName("block")];
    this.unpacked = new Map();
    this.list = new List(this.items, (place) => this.open(place));
    this.filter = new Filter(this.items, (value) => this.sift(value));
    this.view = html("article", { class: "item", "aria-labelledby": "item-title", "aria-live": "off" }, remark("Choose an item."));
    this.opened = -1;
    const keys = [["/", "filter"], ["j", "next"], ["k", "previous"], ["Esc", "back to the list"]];
    byId("items").append(
      heading("items", "Items"),
      this.filter.view,
      html("div", { class: "browser" }, this.list.box, this.view),
      html("p", { class: "keys" }, keys.map(([key, what]) => html("span", {}, html("kbd", {}, key), ` ${what}`))),
    );
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => this.follow());
    this.filter.apply();
    if (!this.follow() && this.items.size) this.open(0, { quiet: true });
  }

  sift(value) {
    const places = this.items.matching(value);
    this.filter.found.textContent = `${count(places.length)} of ${count(this.items.size)}`;
    this.list.show(places);
    if (places.includes(this.opened)) this.list.mark(this.opened);
  }

  /** Opens the item that the address names, if it names one. */
  follow() {
    let name = "";
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch {
      return false;
    }
    const place = this.items.places.get(name);
    if (place === undefined) return false;
    if (place !== this.opened) {
      if (!this.list.shown.includes(place)) this.filter.set({});
      this.open(place, { quiet: true });
      byId("items").scrollIntoView();
    }
    return true;
  }

  /** Shows an item; `quiet` leaves address and view where they are. */
  async open(place, { quiet = false } = {}) {
    this.opened = place;
    this.list.mark(place);
    if (!quiet) history.replaceState(null, "", `#${encodeURIComponent(this.items.columns.id[place])}`);
    const details = await this.details(place);
    if (this.opened !== place) return;
    const { columns } = this.items;
    const item = {
      ...details,
      id: columns.id[place],
      length: columns.length[place],
      family: this.items.text("family", place),
      control: this.items.text("control", place),
      question: this.items.text("question", place),
      answerText: this.items.text("answer", place),
    };
    this.view.replaceChildren(...itemView(item, { report: this.report, verdict: this.items.verdict(place), twins: this.twins(place) }).filter(Boolean));
    this.view.scrollTop = 0;
    if (!quiet && matchMedia("(max-width: 52rem)").matches) this.view.scrollIntoView();
  }

  /** The details of an item, from its block, which is unpacked once. */
  async details(place) {
    const number = Math.floor(place / this.report.block);
    if (!this.unpacked.has(number)) this.unpacked.set(number, unpack(this.blocks[number].textContent));
    return (await this.unpacked.get(number))[place % this.report.block];
  }

  twins(place) {
    return this.items.related(place).slice(0, MOST_TWINS).map((other) => {
      const verdict = this.items.verdict(other);
      return html("button", { type: "button", class: "link", onclick: () => this.open(other) }, foreign(this.items.columns.id[other]), verdict ? badge(verdict) : null);
    });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "Escape") return this.back(typing);
    if (typing) {
      if (typing === this.filter.text && (event.key === "Enter" || event.key === "ArrowDown")) {
        event.preventDefault();
        this.list.box.focus();
        this.list.step(0);
      }
      return undefined;
    }
    const does = { "/": () => this.filter.text.focus(), j: () => this.list.step(1), k: () => this.list.step(-1) }[event.key];
    if (!does) return undefined;
    event.preventDefault();
    return does();
  }

  /** Escape: empties a filter that has text, then goes to the list. */
  back(typing) {
    if (typing === this.filter.text && this.filter.text.value) {
      this.filter.text.value = "";
      this.filter.apply();
    } else if (typing || this.view.contains(document.activeElement)) {
      this.list.box.focus();
    }
  }
}
