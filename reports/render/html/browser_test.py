#!/usr/bin/python3
"""browser_test.py SAMPLE_PAGES FOLDER: opens the pages that sample_pages writes in a headless
Chromium and checks what is on them against the JSON they were made from. 77 without Chromium."""

import json
import math
import os
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
import browser  # noqa: E402

FOLDER = ""
CHROMIUM = None

# What each chart draws: {chart: [{label, data, hidden}]}, and how many pixels of it are not blank.
CHARTS = """(() => Object.fromEntries(Object.entries(ryz.charts).map(([name, chart]) => {
  const pixels = chart.ctx.getImageData(0, 0, chart.canvas.width, chart.canvas.height).data;
  let drawn = 0;
  for (let i = 3; i < pixels.length; i += 4) drawn += pixels[i] !== 0;
  return [name, {drawn, labels: chart.data.labels,
    datasets: chart.data.datasets.map((d, i) => ({label: d.label, data: d.data.map(p => p && typeof p === "object" ? {x: p.x, y: p.y} : p),
      intervals: d.intervals || null,
      points: chart.getDatasetMeta(i).data.filter(e => !e.skip && isFinite(e.x) && isFinite(e.y)).length}))}];
})))()"""


def page(name):
    return os.path.join(FOLDER, name + ".html")


def document(name):
    with open(os.path.join(FOLDER, name + ".json"), encoding="utf-8", errors="replace") as file:
        return json.load(file)


class HtmlReport(unittest.TestCase):
    def open(self, name, width=1600, **more):
        CHROMIUM.open(page(name), width, **more)

    def tearDown(self):
        self.assertEqual(CHROMIUM.complaints, [])
        self.assertTrue(all(r.startswith(("file:", "data:", "about:")) for r in CHROMIUM.requests),
                        CHROMIUM.requests)

    def near(self, shown, measured):
        """Five digits of what was measured; nothing where nothing was."""
        self.assertEqual(len(shown), len(measured))
        for a, b in zip(shown, measured):
            if a is None or b is None:
                self.assertEqual(a, b)
            else:
                self.assertTrue(math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9), (a, b))

    def charts(self):
        charts = CHROMIUM.eval(CHARTS)
        for name, chart in charts.items():
            self.assertGreater(chart["drawn"], 1000, name + " is blank")
        return charts

    def column(self, table, title):
        return CHROMIUM.eval(f"""(() => {{
          const heads = [...document.querySelectorAll("#table-{table} th")].map(h => h.textContent);
          const at = heads.indexOf({json.dumps(title)});
          return [...document.querySelectorAll("#table-{table} tbody tr")].map(r => r.cells[at].textContent);
        }})()""")

    # ---- charts -----------------------------------------------------------------------------
    def test_every_chart_draws_the_reports_numbers(self):
        report = document("sample")
        self.open("sample")
        charts = self.charts()
        self.assertEqual(set(charts), {"ladder", "faults", "scaling", "roofline", "encodings", "errors", "samples"})

        ladder = charts["ladder"]["datasets"]
        stages = sorted({s["stage"] for s in report["ladder"]})
        threads = sorted({s["threads"] for s in report["ladder"]})
        self.assertEqual(len(ladder), len(threads) + 1)
        for dataset, t in zip(ladder, threads):
            at = {s["stage"]: s for s in report["ladder"] if s["threads"] == t}
            self.near(dataset["data"], [at[s]["tok_per_s"] if s in at else None for s in stages])
            self.near([i and i[0] for i in dataset["intervals"]],
                      [at[s]["ci_lo"] if s in at else None for s in stages])
        promised = {s["stage"]: s["promised_tok_per_s"] for s in report["ladder"]}
        self.near(ladder[-1]["data"], [promised[s] for s in stages])

        faults = charts["faults"]["datasets"][0]
        self.near(faults["data"], [f["slowdown_ratio"] for f in report["faults"]])
        self.near([i[1] for i in faults["intervals"]], [f["ci_hi"] for f in report["faults"]])

        right = {c["encoding"] for c in report["cells"] if c["status"] == "ok"}
        best = {e: max((c["tok_per_s"]["median"] for c in report["cells"]
                        if c["encoding"] == e and c["phase"] == "decode" and c["status"] == "ok"),
                       default=None) for e in right}
        bars = dict(zip((label.split(",")[0] for label in charts["encodings"]["labels"]),
                        charts["encodings"]["datasets"][0]["data"]))
        self.near([bars[e] for e in sorted(right)], [best[e] for e in sorted(right)])
        self.assertIsNone(bars["sign-bits"], "a wrong encoding has no speed")

        operations = 2 * report["models"][0]["ternary_weights"]
        expected = sorted((operations / c["roofline"]["bytes_per_token"],
                           operations * c["tok_per_s"]["median"] / 1e9)
                          for c in report["cells"] if c["roofline"] and c["tok_per_s"])
        lines = [d for d in charts["roofline"]["datasets"] if " roof, " in d["label"]]
        reads, rates = report["roofs"]["read_gb_per_s"], report["roofs"]["int8_gmac_per_s"]
        self.assertEqual(len(lines), len(reads) + len(rates))
        points = sorted((p["x"], p["y"]) for d in charts["roofline"]["datasets"][:-len(lines)] for p in d["data"])
        self.near([x for x, _ in points], [x for x, _ in expected])
        self.near([y for _, y in points], [y for _, y in expected])
        for dataset, roof in zip(lines, reads):
            self.near([p["y"] / p["x"] for p in dataset["data"]], [roof["gb_per_s"]] * 2)
        for dataset, roof in zip(lines[len(reads):], rates):
            self.near([p["y"] for p in dataset["data"]], [2 * roof["gmac_per_s"]] * 2)

        errors = report["encoding_errors"]
        at = {d["label"]: d["data"] for d in charts["errors"]["datasets"]}
        for e in errors:
            place = charts["errors"]["labels"].index(e["rms"])
            shown = at[e["encoding"]][place]
            self.near([shown], [100 * e["error_ratio"] or None])
            if e["expected_ratio"]:
                self.near([at[e["encoding"] + ", by its formula"][place]], [100 * e["expected_ratio"]])

        rates = sorted(100 * (1e9 * s["tokens"] / s["time_ns"] / c["tok_per_s"]["median"] - 1)
                       for c in report["cells"] if c["phase"] == "decode" and c["tok_per_s"]
                       for s in c["samples"])
        samples = {d["label"]: d["data"] for d in charts["samples"]["datasets"]}
        shown = sorted(p["y"] for p in samples["a sample"] + samples["disturbed"])
        self.assertEqual(len(shown), len(rates))
        for a, b in zip(shown, rates):
            self.assertAlmostEqual(a, b, delta=0.1)  # rates have four digits
        self.assertEqual(len(samples["disturbed"]),
                         sum(bool(s.get("disturbed")) for c in report["cells"]
                             if c["phase"] == "decode" and c["tok_per_s"] for s in c["samples"]))

    def test_scaling_tells_measured_projected_and_missing_apart(self):
        report = document("sample")
        self.open("sample")
        datasets = {d["label"]: d for d in self.charts()["scaling"]["datasets"]}
        points = report["curves"][0]["points"]
        of = {state: [p["tok_per_s"] if p["state"] == state else None for p in points]
              for state in ("measured", "projected")}
        self.near(datasets["measured"]["data"], of["measured"])
        self.near(datasets["projected, not measured"]["data"], of["projected"])
        self.assertEqual([v is not None for v in datasets["not measured"]["data"]],
                         [p["state"] == "not_measured" for p in points])
        one = points[0]["tok_per_s"]
        self.near(datasets["ideal: threads \u00d7 one thread"]["data"], [one * p["threads"] for p in points])
        cells = {c["id"]: c for c in report["cells"]}
        intervals = [cells[p["cell_id"]]["tok_per_s"]["ci_lo"] if p["state"] == "measured" else None
                     for p in points]
        self.near([i and i[0] for i in datasets["measured"]["intervals"]], intervals)
        roofs = {r["threads"]: r["gb_per_s"] for r in report["roofs"]["read_gb_per_s"]}
        needed = cells[points[0]["cell_id"]]["roofline"]["bytes_per_token"]
        self.near(datasets["bandwidth ceiling"]["data"],
                  [roofs[p["threads"]] * 1e9 / needed if p["threads"] in roofs else None for p in points])
        states = self.column("scaling", "state")
        self.assertIn("not measured: this machine has 4 cores", states)
        self.assertIn("projected: replayed from chunk times", states)

    def test_the_heat_map_holds_each_cells_speed(self):
        report = document("sample")
        self.open("sample")
        shown = CHROMIUM.eval("""Object.fromEntries([...document.querySelectorAll("[data-heat]")].map(t =>
          [t.dataset.heat, [...t.tBodies[0].rows].map(r => [...r.cells].slice(1).map(c => c.dataset.value ? +c.dataset.value : null))]))""")
        cells = {c["id"]: c for c in report["cells"]}
        for kernel in ("avx2", "avx512-vbmi"):
            for row, grain in zip(shown[f"{kernel}/quint"], (1, 4, 16)):
                self.near(row, [cells[f"decode/{kernel}/quint/g{grain}/t{t}"]["tok_per_s"]["median"]
                                for t in (1, 2, 3, 4)])

    # ---- tables -----------------------------------------------------------------------------
    def test_tables_sort_by_number_and_by_name_with_mouse_and_keyboard(self):
        report = document("sample")
        self.open("sample")
        speeds = sorted((c["tok_per_s"]["median"] for c in report["cells"] if c["tok_per_s"]), reverse=True)
        click = """[...document.querySelectorAll("#table-cells th button")].find(b => b.textContent === "%s").click()"""
        shown = [float(v) for v in self.column("cells", "tok/s") if v != "-"]
        self.assertEqual(shown, sorted(shown, reverse=True))
        self.assertTrue(math.isclose(shown[0], speeds[0], rel_tol=1e-3))
        CHROMIUM.eval(click % "tok/s")
        shown = self.column("cells", "tok/s")
        numbers = [float(v) for v in shown if v != "-"]
        self.assertEqual(numbers, sorted(numbers))
        self.assertEqual(shown[-1], "-", "what was not measured stays last")
        self.assertEqual(CHROMIUM.eval("""document.querySelectorAll('#table-cells th[aria-sort="ascending"]').length"""), 1)
        CHROMIUM.eval(click % "kernel")
        names = self.column("cells", "kernel")
        self.assertEqual(names, sorted(names))

        CHROMIUM.eval("""[...document.querySelectorAll("#table-ladder th button")].find(b => b.textContent === "tok/s").focus()""")
        for kind in ("keyDown", "keyUp"):
            CHROMIUM.call("Input.dispatchKeyEvent", {"type": kind, "key": "Enter", "code": "Enter",
                                                     "windowsVirtualKeyCode": 13, "text": "\r"})
        numbers = [float(v) for v in self.column("ladder", "tok/s")]
        self.assertEqual(numbers, sorted(numbers, reverse=True))

    def test_a_cells_details_and_the_search(self):
        report = document("sample")
        self.open("sample")
        CHROMIUM.eval("""(() => { const f = document.querySelector("#cells input"); f.value = "avx2 quint g16 t3";
                          f.dispatchEvent(new Event("input")); })()""")
        self.assertEqual(self.column("cells", "kernel"), ["avx2"])
        CHROMIUM.eval("""document.querySelector("#table-cells tbody button").click()""")
        cell = next(c for c in report["cells"] if c["id"] == "decode/avx2/quint/g16/t3")
        text = CHROMIUM.eval("document.getElementById('detail').textContent")
        self.assertIn(cell["id"], text)
        self.assertIn(cell["repro"], text)
        self.assertIn("12345 calls of code compiled for avx512f+avx512vbmi", text)

    def test_a_large_report_shows_a_page_and_sorts_all_rows(self):
        report = document("large")
        # By the page's own clock: from the navigation to its first picture, to the last chart, and
        # from the click to the frame after it. Printed, not judged: machines are shared.
        shown_after, opened, sorted_in = [], [], []
        CHROMIUM.call("Page.addScriptToEvaluateOnNewDocument", {"source": """
          addEventListener("load", () => ryz.ready.then(() => requestAnimationFrame(() => setTimeout(() => {
            window.complete = performance.now(); }))))"""})
        for _ in range(3):
            self.open("large")
            opened.append(CHROMIUM.eval("""new Promise(function wait(done) {
              window.complete ? done(complete) : setTimeout(() => wait(done), 5); })"""))
            shown_after.append(CHROMIUM.eval("""performance.getEntriesByName("first-contentful-paint")[0].startTime"""))
            sorted_in.append(CHROMIUM.eval("""new Promise(done => { const t = performance.now();
              [...document.querySelectorAll("#table-cells th button")].find(b => b.textContent === "tok/s").click();
              requestAnimationFrame(() => setTimeout(() => done(performance.now() - t))); })"""))
        print("5000 cells, ms: first picture {}, all charts {}, sorted {}".format(
            *([round(t) for t in times] for times in (shown_after, opened, sorted_in))), file=sys.stderr)
        self.assertEqual(len(self.column("cells", "kernel")), 50)
        lowest = sorted(c["tok_per_s"]["median"] for c in report["cells"])[:50]
        for shown, measured in zip(self.column("cells", "tok/s"), lowest):
            self.assertTrue(math.isclose(float(shown), measured, rel_tol=1e-3))
        self.assertIn("of 5000", CHROMIUM.eval("document.querySelector('#table-cells .pager').textContent"))

    # ---- the page ---------------------------------------------------------------------------
    def test_it_says_what_was_found(self):
        report = document("sample")
        self.open("sample")
        text = CHROMIUM.eval("document.body.innerText")
        self.assertIn(report["question"], text)
        self.assertNotIn("[object ", text)
        for verdict in report["verdicts"].values():
            self.assertIn(verdict["summary"], text)
            self.assertIn(verdict["code"], text)
            self.assertIn(verdict["next_step"], text)
            for evidence in verdict["evidence"]:
                self.assertIn(evidence["fact"], text)
        for question in ("Which kernel ran?", "Is it right?", "How fast is it?", "What holds it back?", "What to do next?"):
            self.assertIn(question, text)
        self.assertIn(report["machine"]["hard"]["cpu_model_name"], text)
        self.assertIn(report["build"]["compiler"], text)

    def test_narrow_and_wide_light_and_dark_nothing_sticks_out(self):
        for name in ("sample", "compared", "hostile", "empty"):
            for width in (400, 1600):
                for dark in (False, True):
                    self.open(name, width, dark=dark)
                    wide = CHROMIUM.eval("document.documentElement.scrollWidth")
                    self.assertLessEqual(wide, width, f"{name} at {width}")
                    for chart in CHROMIUM.eval("Object.values(ryz.charts).map(c => [c.canvas.clientWidth, c.canvas.clientHeight])"):
                        self.assertTrue(200 < chart[0] <= width and chart[1] > 200, (name, chart))
                    self.assertEqual(CHROMIUM.complaints, [])

    def test_tables_fit_a_wide_window(self):
        self.open("sample", 1600)
        cut = CHROMIUM.eval("""[...document.querySelectorAll(".scroll")].filter(s => s.scrollWidth > s.clientWidth + 1)
          .map(s => s.getAttribute("aria-label"))""")
        self.assertEqual(cut, [])

    def test_the_theme_follows_the_system_and_the_button(self):
        background = "getComputedStyle(document.body).backgroundColor"
        self.open("sample", dark=False)
        light = CHROMIUM.eval(background)
        CHROMIUM.eval("document.querySelector('header button').click()")
        dark = CHROMIUM.eval(background)
        self.assertNotEqual(light, dark)
        CHROMIUM.eval("document.querySelector('header button').click()")
        self.assertEqual(CHROMIUM.eval(background), light)
        CHROMIUM.eval("localStorage.removeItem('ryz-theme')")
        self.open("sample", dark=True)
        self.assertEqual(CHROMIUM.eval(background), dark)

    def test_paper_shows_everything_in_light_and_the_screen_comes_back(self):
        self.open("sample", dark=True)
        state = """[document.documentElement.dataset.theme || "", document.querySelectorAll("details:not([open])").length,
                    document.querySelectorAll("#table-cells tbody tr").length]"""
        before = CHROMIUM.eval(state)
        CHROMIUM.eval("dispatchEvent(new Event('beforeprint'))")
        theme, folded, rows = CHROMIUM.eval(state)
        self.assertEqual((theme, folded), ("light", 0))
        self.assertEqual(rows, len(document("sample")["cells"]))
        CHROMIUM.eval("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(CHROMIUM.eval(state), before)

    def test_the_keyboard_reaches_everything(self):
        self.open("sample")
        unnamed = CHROMIUM.eval("""[...document.querySelectorAll("button, a[href], select, input")].filter(e =>
          e.tabIndex < 0 || !((e.textContent || "").trim() || e.getAttribute("aria-label") || (e.labels && e.labels.length))).length""")
        self.assertEqual(unnamed, 0)
        targets = CHROMIUM.eval("""[...document.querySelectorAll("nav a")].every(a => document.getElementById(a.hash.slice(1)))""")
        self.assertTrue(targets)
        self.assertEqual(CHROMIUM.eval("""[...document.querySelectorAll("canvas")].filter(c => !c.getAttribute("aria-label")).length"""), 0)

    def test_what_a_report_says_is_text(self):
        report = document("hostile")
        self.open("hostile")
        self.assertIsNone(CHROMIUM.eval("window.pwned === undefined ? null : 'ran'"))
        self.assertEqual(CHROMIUM.eval("document.querySelectorAll('img, iframe, object, body script').length"), 3)
        text = CHROMIUM.eval("document.body.innerText")
        self.assertIn("</script><script>window.pwned=1</script>", text)
        self.assertIn("@@data@@ @@page.js@@", text)
        self.assertEqual(CHROMIUM.eval("ryz.cells.length"), len(report["cells"]))

    def test_a_report_of_nothing_opens(self):
        self.open("empty")
        self.assertIn("No cell of this report has a speed", CHROMIUM.eval("document.body.innerText"))

    def test_two_reports_show_what_changed(self):
        comparison = document("compared")
        self.open("compared")
        chart = self.charts()["compare"]
        change = {r["id"]: r["change_ratio"] for r in comparison["rows"]}
        self.assertGreater(len(chart["labels"]), 2)
        self.near(chart["datasets"][0]["data"], [100 * change[i] for i in chart["labels"]])
        text = CHROMIUM.eval("document.getElementById('compare').innerText")
        self.assertNotIn("[object ", text)
        self.assertGreater(len(comparison["warnings"]), 0)
        for warning in comparison["warnings"]:
            self.assertIn(warning, text)
        for part in ("REGRESSED", "IMPROVED", "MISSING", "6.1.0-19-amd64", comparison["base"]["report_id"]):
            self.assertIn(part, text)

    def test_weight(self):
        """Under 600 kB for a default run: some 600 cells here, 1,000 leave room for new kernels."""
        empty = os.path.getsize(page("empty"))
        a_cell = (os.path.getsize(page("large")) - empty) / 5000
        print(f"page: {empty} bytes and {a_cell:.0f} a cell", file=sys.stderr)
        self.assertLess(empty + 1000 * a_cell, 600000)


def main():
    global FOLDER, CHROMIUM
    path = browser.find()
    if path is None:
        print("there is no chromium here: the HTML report was not opened (apt-get install chromium)")
        return 77
    program, FOLDER = sys.argv[1:3]
    subprocess.run([program, FOLDER], check=True)
    CHROMIUM = browser.Browser(path)
    try:
        outcome = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2).result
    finally:
        CHROMIUM.close()
    return 0 if outcome.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
