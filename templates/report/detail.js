"use strict";
// One item: its question, what was answered, where everything lies in its video, and the frames that matter.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const KINDS = { needle: "needle", other: "needle not asked about", blank: "blank in place of a needle", distractor: "look-alike", haystack: "haystack" };
const VERDICTS = {
  right: ["✓", "right"],
  wrong: ["✗", "wrong"],
  lured: ["◎", "lured"],
  unparsed: ["?", "unparsed"],
  missing: ["∅", "missing"],
};

/** The verdict as a mark and a word, so that colour alone tells nothing. */
function badge(verdict) {
  const [mark, word] = VERDICTS[verdict];
  return html("span", { class: `badge ${verdict}` }, html("span", { "aria-hidden": "true" }, mark), ` ${word}`);
}

/** Pictures of the page by number, taken apart when the first is wanted. */
const pictures = {
  all: null,
  url(number) {
    this.all ??= byId("pictures").textContent.trim().split("\n");
    return `data:image/jpeg;base64,${this.all[number]}`;
  },
};

const seconds = (frame, [rate, per]) => {
  const s = (frame * per) / rate;
  const minutes = Math.floor(s / 60);
  const hours = Math.floor(minutes / 60);
  const rest = (s % 60).toFixed(rate === per ? 0 : 1);
  return minutes ? `${hours ? `${hours}:` : ""}${hours ? String(minutes % 60).padStart(2, "0") : minutes}:${rest.padStart(rate === per ? 2 : 4, "0")}` : `${rest} s`;
};

function answers(item) {
  if (!item.options.length) {
    const also = item.accepted.filter((one) => one !== item.answerText);
    return html(
      "dl",
      { class: "answers" },
      html("div", {}, html("dt", {}, "Answer"), html("dd", {}, foreign(item.answerText), item.tolerance ? ` ± ${item.tolerance} s` : "")),
      also.length ? html("div", {}, html("dt", {}, "Also accepted"), html("dd", {}, also.map((one) => html("span", { class: "also" }, foreign(one))))) : null,
    );
  }
  return html(
    "ol",
    { class: "options" },
    item.options.map((option, place) => {
      const notes = [
        place === item.answer && html("span", { class: "note true" }, "right answer"),
        place === item.chosen && html("span", { class: "note chosen" }, "chosen"),
        item.lures.includes(place) && html("span", { class: "note lure" }, "a look-alike shows it"),
      ].filter(Boolean);
      const state = place === item.answer ? "is-true" : place === item.chosen ? "is-chosen" : null;
      return html("li", { class: state }, html("b", { "aria-hidden": "true" }, LETTERS[place]), foreign(option), html("span", { class: "notes" }, notes));
    }),
  );
}

function reply(item, verdict) {
  if (!verdict) return null;
  if (item.reply === undefined) return html("section", { class: "reply" }, html("h4", {}, "Prediction"), remark("There is none."));
  const read =
    item.chosen !== undefined ? `read as option ${LETTERS[item.chosen]}` : item.read !== undefined ? ["read as ", foreign(item.read)] : `not read: ${item.reason}`;
  const cut = item.characters > item.reply.length ? ` The first ${count(item.reply.length)} of ${count(item.characters)} characters.` : "";
  return html(
    "section",
    { class: "reply" },
    html("h4", {}, "Prediction"),
    item.reply.trim() ? foreign(item.reply, "blockquote") : remark("An empty reply."),
    html("p", { class: "reading" }, badge(verdict), " ", read, ".", cut),
  );
}

/** The timeline as a line: footage is the line itself, and what matters lies on it. */
function ribbon(item) {
  const width = 1000;
  const x = (frame) => (width * frame) / item.frames;
  const marks = [...item.spans].sort((a, b) => rank(a[2]) - rank(b[2])).map(([start, end, kind]) => {
    const wide = Math.max(x(end) - x(start), 5);
    const left = Math.min(x(start), width - wide);
    return svg("rect", { class: kind, x: left, y: 4, width: wide, height: 22 }, svg("title", {}, `${KINDS[kind]}: frames ${start} to ${end - 1}`));
  });
  const ticks = item.shots.filter((shot) => shot.kind === "haystack").map((shot) => svg("path", { class: "tick", d: `M${x(shot.at + 0.5)} 26v6` }));
  const kinds = [...new Set(item.spans.map((span) => span[2]))].sort((a, b) => rank(b) - rank(a));
  return html(
    "figure",
    { class: "ribbon" },
    svg(
      "svg",
      { viewBox: `0 0 ${width} 34`, preserveAspectRatio: "none", role: "img", "aria-label": ribbonText(item) },
      svg("rect", { class: "film", x: 0, y: 8, width, height: 14 }),
      marks,
      ticks,
    ),
    html("p", { class: "ends" }, html("span", {}, "0"), html("span", {}, `${count(item.frames)} frames, ${seconds(item.frames, item.rate)}`)),
    html("figcaption", {}, kinds.map((kind) => html("span", { class: `key ${kind}` }, KINDS[kind])), html("span", { class: "key haystack" }, "haystack")),
  );
}

const rank = (kind) => ["haystack", "distractor", "other", "blank", "needle"].indexOf(kind);

function ribbonText(item) {
  const parts = item.spans.map(([start, , kind]) => `${KINDS[kind]} at frame ${start}`);
  return `Timeline of ${item.frames} frames: ${parts.slice(0, 30).join(", ") || "nothing but haystack"}`;
}

function shot(one, item) {
  const where = `frame ${count(one.at)} · ${seconds(one.at, item.rate)}${one.length > 1 ? ` · ${one.length} frames` : ""}`;
  const facts = [];
  if (one.key || one.content) facts.push(html("span", {}, [one.key, one.content].filter(Boolean).map((text, place) => [place ? ": " : "", foreign(text)]).flat()));
  else if (one.name && one.kind !== "blank") facts.push(html("span", {}, foreign(one.name)));
  if (one.offset !== undefined) {
    const alike = one.similarity === null ? "" : `, similarity ${one.similarity.toFixed(2)}`;
    facts.push(html("span", {}, `${one.offset < 0 ? "−" : "+"}${count(Math.abs(one.offset))} frames from its needle${alike}`));
  }
  const put = [one.moved && `moved by ${count(one.moved)} frames`, one.added && `${count(one.added)} frames longer`].filter(Boolean);
  if (put.length) facts.push(html("span", {}, `${put.join(", ")} to be visible`));
  if (one.lure) facts.push(html("span", { class: "note lure" }, "shows ", foreign(one.lure)));
  const alt = `${KINDS[one.kind]}, ${where}`;
  const picture = one.picture < 0 ? html("div", { class: "nothing" }, one.kind === "blank" ? "blank" : "no picture") : html("img", { src: pictures.url(one.picture), alt, loading: "lazy" });
  return html("li", { class: `shot ${one.kind}` }, picture, html("p", {}, html("b", {}, KINDS[one.kind]), html("span", {}, where), facts));
}

function filmstrip(item, report) {
  const left = Object.entries(item.more).map(([kind, number]) => `${count(number)} more ${KINDS[kind]}`);
  const none = item.shots.every((one) => one.kind !== "haystack") && item.spans.reduce((sum, [start, end]) => sum + end - start, 0) < item.frames;
  const why = report.pictures.remark || `None of the ${count(report.pictures.footage)} frames of footage that this page holds is in this item.`;
  return html(
    "section",
    { class: "frames" },
    html("h4", {}, "Frames"),
    html("ol", { class: "strip" }, item.shots.map((one) => shot(one, item))),
    left.length ? remark(`Not shown: ${left.join(", ")}.`) : null,
    none ? remark(why) : null,
  );
}

function context(item) {
  if (!item.context.length) return null;
  const parts = item.context.map((part) =>
    html(
      "li",
      { class: part.own ? "own" : null },
      part.kind === "video" ? html("b", {}, part.own ? "video asked about" : "video") : null,
      part.kind === "video" ? " " : null,
      foreign(part.text),
      part.characters > part.text.length && part.kind === "text" ? html("small", {}, ` … ${count(part.characters)} characters`) : null,
    ),
  );
  return html("section", { class: "context" }, html("h4", {}, "Context"), html("ol", {}, parts));
}

function seenBy(item, samplers) {
  if (!item.audit || !samplers) return null;
  const parts = samplers.map((one, place) => {
    const seen = item.audit.seen[place];
    const word = seen === null ? "nothing to see" : seen ? "shown" : "not shown";
    return html("li", {}, foreign(one.sampler, "code"), html("span", { class: seen === false ? "badge wrong" : "badge right" }, word));
  });
  const enough = item.audit.enough ? remark(`linspace shows all of it from ${count(item.audit.enough)} frames on.`) : null;
  return html("section", { class: "samplers" }, html("h4", {}, "Frame samplers"), html("ul", {}, parts), enough);
}

/** Everything about one item; `twins` are buttons to the items it belongs with. */
function itemView(item, { report, verdict, twins }) {
  const facts = [
    ["family", words(item.family)],
    ["length", count(item.length)],
    ["depth", item.depth < 0 ? "any" : item.depth.toFixed(3)],
    ...(item.control === "none" ? [] : [["control", words(item.control)]]),
    ["form", item.form],
  ];
  return [
    html("header", {}, html("h3", { id: "item-title", tabindex: "-1" }, foreign(item.id, "code")), verdict ? badge(verdict) : null),
    html("p", { class: "question" }, foreign(item.question)),
    answers(item),
    reply(item, verdict),
    html("section", {}, html("h4", {}, "Timeline"), ribbon(item)),
    filmstrip(item, report),
    context(item),
    seenBy(item, report.visibility),
    twins.length ? html("section", { class: "twins" }, html("h4", {}, "Items it belongs with"), html("ul", {}, twins.map((twin) => html("li", {}, twin)))) : null,
    html("dl", { class: "facts" }, facts.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value))), html("div", {}, html("dt", {}, "video"), html("dd", {}, foreign(item.video)))),
  ];
}
