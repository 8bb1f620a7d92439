// What was concluded: header, answers, verdicts with evidence, comparison, ladder, faults.

// Opens the table of cells at one cell, where there is one.
function idLink(id) {
  const cell = cellById.get(id);
  if (!cell) return el("span", {class: "idlink"}, id);
  return el("a", {href: "#cells", class: "idlink", onclick: () => showCell(cell)}, id);
}

function header() {
  const r = report;
  const kind = r.exitCode !== 0 ? "bad" : KIND[r.verdict] || (r.verdict === "measured" ? "good" : "doubt");
  document.title = `ryz-lab ${r.command}: ${r.verdict}`;
  const toggle = el("button", {type: "button", class: "noprint", onclick() {
    setTheme(isDark() ? "light" : "dark");
    try { localStorage.setItem("ryz-theme", document.documentElement.dataset.theme); } catch (e) { /* a file may have none */ }
  }}, "Light / dark");
  document.getElementById("top").append(
    el("h1", {}, "ryz-lab " + r.command), tag(`${SIGN[kind]}${r.verdict}, exit ${r.exitCode}`, kind),
    el("span", {class: "soft"}, `${r.created} \u00b7 ${cells.length} cells \u00b7 took ${duration(r.duration)}`),
    el("span", {class: "spacer"}), toggle);
}

function answers() {
  const node = section("summary", "In short", null,
    el("dl", {class: "answers"}, report.answers.map(a => [
      el("dt", {}, a.question),
      el("dd", {}, a.state ? [stateTag(a.state), " "] : null, prose(a.answer.replace(/\+-/g, "\u00b1")))]).flat()));
  if (report.question) node.querySelector("h2").after(el("p", {class: "how"}, "The question: " + report.question));
  if (!report.complete) node.append(el("p", {class: "note bad"}, "The run was cut short: cells may be missing, and no gate was judged on all of them."));
  for (const w of report.warnings) node.append(el("p", {class: "note"}, "Warning: " + w));
}

const cellList = list => el("div", {class: "cells"}, list.map((c, i) => [i ? ", " : "", idLink(c)]).flat());
// A cell is named once, under the last of the facts in a row that come from it.
function evidenceItem(e, at, all) {
  const following = all[at + 1];
  const named = e.cells.length && !(following && following.cells.join() === e.cells.join());
  return el("li", {}, e.fact, e.value === "" ? null : [": ", el("strong", {}, e.value)], named ? cellList(e.cells) : null);
}
// Causes that were tried and did not show would bury the one that did.
function evidence(list) {
  const shown = list.filter(e => !e.fact.includes("not shown here"));
  const rest = list.filter(e => e.fact.includes("not shown here"));
  return [
    el("h4", {class: "soft", style: "margin:.5rem 0 0"}, "Evidence"),
    el("ul", {class: "evidence"}, shown.map(evidenceItem)),
    rest.length ? el("details", {}, el("summary", {}, `Tried, and not shown here: ${rest.length} cause${rest.length > 1 ? "s" : ""}`),
      el("ul", {class: "evidence"}, rest.map(evidenceItem))) : null];
}
const QUESTION = {simd: "SIMD: is the fast code really running?", encoding: "Encoding: are the numbers right?",
                  threading: "Threading: does the schedule cost speed?"};
function verdictCard(v) {
  const kind = KIND[v.state];
  return el("div", {class: "card " + kind},
    el("div", {class: "head"}, el("h3", {}, QUESTION[v.name] || v.name), stateTag(v.state)),
    el("p", {}, el("span", {class: "code"}, v.code), v.impact !== null && v.state === "blocked" ? ` \u00b7 ${num(v.impact)}\u00d7 as fast without it` : ""),
    el("p", {}, prose(v.summary)),
    v.next ? el("p", {class: "next"}, el("strong", {}, "Do next: "), prose(v.next)) : null,
    v.evidence.length ? evidence(v.evidence) : null,
    v.rule ? el("details", {}, el("summary", {}, "The rule"), el("p", {class: "soft"}, v.rule)) : null);
}
function verdicts() {
  if (report.verdicts.length) {
    section("verdicts", "Verdicts", "Each is derived from the measurements listed as its evidence. Blocked: this holds the model back. Unknown: what would decide it was not measured.",
      el("div", {class: "cards"}, report.verdicts.map(verdictCard)));
  }
  if (report.gates.length) {
    section("gates", "Gates", "Limits the run was held to. A gate that was only shown, not asked for, leaves the exit code alone.", makeTable("gates", {
      rows: report.gates, label: "gates",
      columns: [
        {title: "gate", value: g => g.name, wide: true},
        {title: "state", value: g => g.state, show: g => stateTag(g.state)},
        {title: "measured", num: true, value: g => g.measured, show: g => g.measured === null ? "not measured" : num(g.measured)},
        {title: "threshold", num: true, value: g => g.threshold, show: g => num(g.threshold)},
        {title: "cell or reason", value: g => g.cell || g.reason, kind: "breaks", show: g => g.cell ? idLink(g.cell) : g.reason},
      ]}));
  }
}

// ---- two reports -----------------------------------------------------------------------------
const CHANGE = {INVALID: "bad", REGRESSED: "bad", MISSING: "bad", UNCLEAR: "doubt", IMPROVED: "good", ADDED: "plain", SAME: "plain"};
// The codes of reports/README.md in words; those not here are words already.
const WHY = {clear: "beyond the threshold, the noise and what equal code differs", confirmed: "measured again and confirmed",
  ci_within: "inside the threshold", measured_in_neither: "measured in neither", wide_ci: "the interval is too wide to tell",
  not_significant: "not significant over all gated cells", below_floor: "no more than equal code differs here",
  machine_moved: "gone when compared with the fixed work beside it: the machine changed", usual_slower: "its fastest samples are as fast, its usual round is slower", disturbed: "too many rounds were disturbed",
  underpowered: "too few rounds to tell", not_confirmed: "not seen again when repeated", no_samples: "has no samples", no_speed: "has no speed",
  not_run: "not run now", new_here: "not in the base", wrong_in_both: "wrong in both", wrong_in_base: "wrong in the base",
  new_and_wrong: "new, and wrong", nonfinite: "NaN or infinity", rel_err: "its error grew"};
function differences(title, list, decides) {
  if (!list.length) return null;
  return el("div", {}, el("h3", {}, title), el("ul", {class: "evidence"}, list.map(d => el("li", {},
    el("strong", {}, d.key), `: ${d.base || "(none)"} \u2192 ${d.fresh || "(none)"}`, decides && d.allowed ? " (allowed)" : ""))));
}
function comparisonSection() {
  if (!comparison) return;
  const c = comparison;
  const kind = c.exitCode === 0 ? "good" : c.comparable ? "bad" : "doubt";
  const side = s => `${s.id} of ${s.created}, commit ${s.git.slice(0, 12) || "unknown"}, machine ${s.machine}`;
  // What was concluded to have changed first, then what moved most.
  const sure = r => r.gated && (r.state === "REGRESSED" || r.state === "IMPROVED");
  const changed = c.rows.filter(r => r.change !== null).sort((a, b) => sure(b) - sure(a) || Math.abs(b.change) - Math.abs(a.change)).slice(0, 30)
    .sort((a, b) => a.change - b.change);
  const chart = makeChart("compare", "Change of speed by cell: what is certain to have changed, then the largest changes", () => changed.length === 0 ? null : ({
    type: "bar",
    data: {labels: changed.map(r => r.id),
           datasets: [{label: "change of tok/s against the base, %", data: changed.map(r => 100 * r.change),
                       intervals: changed.map(r => r.lo === null || r.hi === null ? null : [100 * r.lo, 100 * r.hi]),
                       backgroundColor: changed.map(r => !sure(r) ? color(7, .6) : r.state === "REGRESSED" ? color(1, .8) : color(2, .8))}]},
    options: {indexAxis: "y", scales: {x: axis("change, % (right is faster)"), y: {...axis(""), ticks: {color: css("--soft"), autoSkip: false, font: {size: 10},
      callback(i) { const id = this.getLabelForValue(i); const most = innerWidth < 640 ? 22 : 60; return id.length > most ? "\u2026" + id.slice(-most) : id; }}}},
              plugins: {legend: {display: false}}}}), true);
  section("compare", "Against the base", c.summary,
    el("p", {}, tag(`${SIGN[kind]}${c.verdict}, exit ${c.exitCode}`, kind)),
    el("p", {class: "soft"}, "Bars: green and orange for gated cells that are certain to have changed, grey for the rest."),
    facts([["base", side(c.base)], ["this report", side(c.fresh)]]),
    c.comparable ? null : el("p", {class: "note bad"}, "The reports are not comparable: a fact that decides speed differs. No speed of the one says anything about the other."),
    c.warnings.map(w => el("p", {class: "note"}, w)),
    differences("Differs, and decides speed", c.hard, true), differences("Differs, and may explain a change", c.soft),
    chart.node,
    makeTable("compare", {
      rows: c.rows, label: "cells of both reports",
      rowClass: r => (r.gated ? "" : "dim"),
      columns: [
        {title: "state", value: r => r.rank, show: r => tag(r.state, CHANGE[r.state])},
        {title: "cell", value: r => r.id, show: r => idLink(r.id), kind: "breaks"},
        {title: "base tok/s", num: true, value: r => r.baseSpeed, show: r => r.baseSpeed === null ? r.baseStatus : num(r.baseSpeed)},
        {title: "new tok/s", num: true, value: r => r.freshSpeed, show: r => r.freshSpeed === null ? r.freshStatus : num(r.freshSpeed)},
        {title: "change", num: true, value: r => r.change, show: r => signed(r.change)},
        {title: "95 % interval", kind: "interval", value: r => r.lo, show: r => r.lo === null ? "-" : `${signed(r.lo)} to ${signed(r.hi)}`},
        {title: "why", value: r => r.reason, show: r => (WHY[r.reason] || r.reason) + (r.gated ? "" : ", not gated") + (r.detail ? ": " + r.detail : ""), wide: true},
      ]}));
  chart.draw();
}

function cut(text) {
  const most = innerWidth < 640 ? 20 : 52;
  return text.length > most ? text.slice(0, most - 1) + "\u2026" : text;
}

// ---- ladder and faults -----------------------------------------------------------------------
function ladder() {
  if (!report.ladder.length) return;
  const stages = distinct(report.ladder.map(s => s.stage));
  const threads = distinct(report.ladder.map(s => s.threads)).sort((a, b) => a - b);
  const at = (stage, t) => report.ladder.find(s => s.stage === stage && s.threads === t);
  const any = stage => report.ladder.find(s => s.stage === stage);
  const chart = makeChart("ladder", "Tokens per second by ladder stage, measured and promised; the table below has the numbers", () => ({
    type: "bar",
    data: {
      labels: stages.map(s => `${s}  ${any(s).title}`),
      datasets: [
        ...threads.map((t, i) => {
          const list = stages.map(s => at(s, t));
          return {label: `measured, ${t} thread${t === 1 ? "" : "s"}`, data: list.map(s => s ? s.speed : null),
                  intervals: list.map(s => s && s.lo !== null && s.hi !== null && s.speed !== null ? [s.lo, s.hi] : null),
                  backgroundColor: list.map(s => s && s.status === "wrong" ? color(i, .22) : color(i, .9)),
                  borderColor: color(i), borderWidth: 1.5, pointStyle: "rect"};
        }),
        {label: "promised", type: "line", showLine: false, data: stages.map(s => any(s).promised), pointStyle: "crossRot",
         pointRadius: 7, pointHoverRadius: 8, borderColor: css("--ink"), borderWidth: 2.5, backgroundColor: css("--ink")},
      ]},
    options: {indexAxis: "y",
      scales: {x: {...axis("tok/s (logarithmic)"), type: "logarithmic", ticks: logTicks()},
               y: {...axis(""), ticks: {color: css("--ink"), callback(i) { return cut(this.getLabelForValue(i)); }}}},
      plugins: {tooltip: {callbacks: {label(item) {
        const stage = stages[item.dataIndex];
        const s = item.datasetIndex < threads.length ? at(stage, threads[item.datasetIndex]) : null;
        return `${item.dataset.label}: ${num(item.parsed.x)} tok/s` + (s && s.status === "wrong" ? ", WRONG result: counts for nothing" : "");
      }}}}},
  }), true);
  section("ladder", "The ladder", "The full model, repaired step by step, beside the speeds once promised (\u00d7). A step that goes down is shown as it is. Pale bars are stages whose result is wrong: what they ran at counts for nothing.",
    chart.node,
    makeTable("ladder", {
      rows: report.ladder, label: "ladder", page: 100,
      rowClass: s => (s.status === "wrong" || s.status === "failed" ? "wrong" : s.status === "skipped" ? "dim" : ""),
      columns: [
        {title: "#", num: true, value: s => s.stage},
        {title: "stage", value: s => s.title, wide: true},
        {title: "threads", num: true, value: s => s.threads},
        {title: "tok/s", num: true, value: s => s.speed, show: s => s.speed === null ? "not measured" : num(s.speed)},
        {title: "95 % interval", kind: "interval", value: s => s.lo, show: s => s.lo === null || s.hi === null ? "-" : `${num(s.lo)} to ${num(s.hi)}`},
        {title: "promised", num: true, value: s => s.promised, show: s => s.promised === null ? "-" : String(s.promised)},
        {title: "error of logits", num: true, value: s => s.logits, show: s => errorText(s.logits)},
        {title: "status", value: s => s.status, show: s => stateTag(s.status)},
        {title: "blocked by", value: s => s.verdicts.filter(v => v.state === "blocked").map(v => v.code).join(", "), wide: true,
         show: s => [s.verdicts.filter(v => v.state === "blocked").map(v => v.code).join(", ") || (s.reason ? "" : "nothing"), s.reason && s.status !== "ok" ? el("div", {class: "soft"}, s.reason) : ""].flat().reduce((box, x) => { box.append(x); return box; }, el("span"))},
      ]}));
  chart.draw();
}

function faults() {
  if (!report.faults.length) return;
  const list = report.faults.filter(f => f.slowdown !== null);
  const ends = list.flatMap(f => [f.slowdown, f.lo === null ? f.slowdown : f.lo]);
  const least = Math.floor(10 * Math.min(1, ...ends) - 0.5) / 10;
  const chart = makeChart("faults", "Slowdown of each scheduling fault with its interval; 1 is no cost", () => list.length === 0 ? null : ({
    type: "bar",
    data: {labels: list.map(f => f.fault), datasets: [{label: "slowdown (1 = costs nothing)", data: list.map(f => f.slowdown),
      base: 1, intervals: list.map(f => f.lo === null || f.hi === null ? null : [f.lo, f.hi]),
      backgroundColor: list.map(f => (f.lo !== null && f.lo > 1 ? color(1, .85) : f.hi !== null && f.hi < 1 ? color(2, .85) : color(7, .5))), barPercentage: .6}]},
    options: {indexAxis: "y", scales: {x: {...axis("times slower with the fault"), min: least},
      y: {...axis(""), ticks: {color: css("--ink"), callback(i) { return cut(this.getLabelForValue(i)); }}}},
              plugins: {legend: {display: false}}}}));
  section("faults", "What each scheduling fault costs alone", "One fault at a time put on the ladder's last stage, paired by round. Orange: the interval lies above 1, so the fault does cost speed here; green: it lies below 1, so this is the faster way here; grey: it cannot be told from nothing.",
    chart.node,
    makeTable("faults", {
      rows: report.faults, label: "faults",
      columns: [
        {title: "fault", value: f => f.fault, wide: true},
        {title: "threads", num: true, value: f => f.threads},
        {title: "tok/s with it", num: true, value: f => f.speed, show: f => num(f.speed)},
        {title: "slowdown", num: true, value: f => f.slowdown, show: f => f.slowdown === null ? "-" : num(f.slowdown) + "\u00d7"},
        {title: "95 % interval", kind: "interval", value: f => f.lo, show: f => f.lo === null || f.hi === null ? "-" : `${num(f.lo)} to ${num(f.hi)}`},
        {title: "status", value: f => f.status, show: f => el("span", {}, stateTag(f.status), f.reason ? " " + f.reason : "")},
        {title: "cell", value: f => f.cell, show: f => idLink(f.cell), kind: "breaks"},
      ]}));
  chart.draw();
}
