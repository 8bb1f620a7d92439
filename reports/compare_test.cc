#include "reports/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "reports/sample_report.h"
#include "reports/statistics.h"

namespace ryz::report {
namespace {

CompareResult doctored(const std::function<void(Report&)>& change,
                       const CompareOptions& options = {}) {
  const Report base = sample_report();
  Report fresh = base;
  change(fresh);
  return compare(base, fresh, options);
}

const CompareRow& row_of(const CompareResult& result, const std::string& id) {
  const auto found = std::find_if(result.rows.begin(), result.rows.end(),
                                  [&](const CompareRow& row) { return row.id == id; });
  if (found == result.rows.end()) throw std::logic_error("no row " + id);
  return *found;
}

void make_wrong(Cell& cell) {
  cell.status = Status::kWrong;
  cell.status_reason = "products differ from naive by 12 %";
  cell.tok_per_s.reset();
}

TEST(Compare, IdenticalReportsPass) {
  const CompareResult r = doctored([](Report&) {});
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_EQ(r.verdict, "pass");
  EXPECT_EQ(r.gated, 8u);
  EXPECT_EQ(r.count(Change::kSame), 8u);
  EXPECT_EQ(r.rows.size(), 10u);
  EXPECT_TRUE(r.hard.empty());
  EXPECT_NEAR(*r.geomean_ratio, 1.0, 1e-12);
  EXPECT_EQ(r.geomean_cells, 8u);
}

TEST(Compare, TenPercentSlowerIsARegression) {
  const CompareResult r = doctored([](Report& f) { scale_speed(cell_of(f, kSampleFast), 0.9); });
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_EQ(r.verdict, "regressed");
  EXPECT_EQ(r.rows[0].id, kSampleFast);
  EXPECT_EQ(r.rows[0].change, Change::kRegressed);
  EXPECT_EQ(r.rows[0].reason, "clear");
  EXPECT_NEAR(*r.rows[0].change_ratio, -0.1, 1e-6);
  EXPECT_EQ(r.count(Change::kRegressed), 1u);
}

TEST(Compare, AMedianEditedAloneIsARegressionToo) {
  const CompareResult r =
      doctored([](Report& f) { cell_of(f, kSampleFast).tok_per_s->median *= 0.9; });
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_EQ(r.rows[0].reason, "clear");
  ASSERT_EQ(r.warnings.size(), 1u);
  EXPECT_NE(r.warnings[0].find("does not follow"), std::string::npos);
}

TEST(Compare, ASpeedThatIsNoNumberIsInvalid) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const CompareResult r =
      doctored([&](Report& f) { cell_of(f, kSampleFast).tok_per_s->median = nan; });
  EXPECT_EQ(r.exit_code, 4);
  EXPECT_EQ(r.rows[0].reason, "nonfinite");
  EXPECT_EQ(doctored([](Report& f) { cell_of(f, kSampleFast).error.non_finite = true; }).exit_code,
            4);
}

TEST(Compare, ErrorsOutrankAStatusOfOk) {
  const CompareResult r = doctored([](Report& f) { cell_of(f, kSampleFast).error.mismatches = 3; });
  EXPECT_EQ(r.exit_code, 4);
  EXPECT_EQ(r.rows[0].reason, "rel_err");
}

TEST(Compare, FasterIsNoFailure) {
  const CompareResult r = doctored([](Report& f) { scale_speed(cell_of(f, kSampleFast), 1.2); });
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_EQ(row_of(r, kSampleFast).change, Change::kImproved);
}

TEST(Compare, AMissingCellFailsTheGate) {
  const CompareResult r = doctored([](Report& f) { f.cells.erase(f.cells.begin() + 5); });
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_EQ(r.verdict, "missing");
  EXPECT_EQ(row_of(r, kSampleFast).change, Change::kMissing);
  EXPECT_EQ(row_of(r, kSampleFast).reason, "not_run");
}

TEST(Compare, ASkippedOrFailedCellIsMissing) {
  for (const Status status : {Status::kSkipped, Status::kFailed}) {
    const CompareResult r = doctored([&](Report& f) {
      Cell& cell = cell_of(f, kSampleFast);
      cell.status = status;
      cell.status_reason = "out of memory";
      cell.tok_per_s.reset();
    });
    EXPECT_EQ(r.exit_code, 1);
    EXPECT_EQ(row_of(r, kSampleFast).change, Change::kMissing);
    EXPECT_EQ(row_of(r, kSampleFast).detail, "out of memory");
  }
}

TEST(Compare, AWrongCellOutranksEverything) {
  const CompareResult r = doctored([](Report& f) {
    make_wrong(cell_of(f, kSampleFast));
    scale_speed(cell_of(f, "decode/avx2/quad/s4/t4"), 0.5);
    f.machine.hard.cpu_model = 97;
  });
  EXPECT_EQ(r.exit_code, 4);
  EXPECT_EQ(r.verdict, "wrong");
  EXPECT_EQ(r.rows[0].change, Change::kInvalid);
}

TEST(Compare, KnownWrongCellsChangeNothing) {
  const CompareResult r = doctored([](Report&) {});
  const CompareRow& row =
      row_of(r, "decode/avx512-gather/sign-bits/s4/t1@output=interleaved@pool=locked");
  EXPECT_EQ(row.reason, "wrong_in_both");
  EXPECT_FALSE(row.gated);
}

TEST(Compare, ANewCellThatIsWrongFailsUnlessItIsKnownToBe) {
  const auto add = [](bool known) {
    return [known](Report& f) {
      Cell cell = cell_of(f, kSampleFast);
      cell.id = "decode/new/quad/s4/t4";
      cell.known_wrong = known;
      make_wrong(cell);
      f.cells.push_back(cell);
    };
  };
  EXPECT_EQ(doctored(add(false)).exit_code, 4);
  EXPECT_EQ(doctored(add(true)).exit_code, 0);
}

TEST(Compare, ACellThatWasWrongIsReportedOnly) {
  Report base = sample_report();
  make_wrong(cell_of(base, kSampleFast));
  const CompareResult r = compare(base, sample_report(), {});
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_EQ(row_of(r, kSampleFast).reason, "wrong_in_base");
}

TEST(Compare, AnotherMachineIsNotComparable) {
  const auto change = [](Report& f) {
    f.machine.hard.cpu_model = 97;
    f.machine.hard.llc_bytes = 33554432;
  };
  const CompareResult r = doctored(change);
  EXPECT_EQ(r.exit_code, 3);
  EXPECT_EQ(r.verdict, "incomparable");
  ASSERT_EQ(r.hard.size(), 2u);
  EXPECT_EQ(r.hard[0].key, "cpu_model");
  EXPECT_EQ(r.hard[0].base, "143");
  EXPECT_EQ(r.hard[0].fresh, "97");
  EXPECT_EQ(r.hard[1].key, "llc_bytes");

  CompareOptions some;
  some.allow = {"cpu_model"};
  EXPECT_EQ(doctored(change, some).exit_code, 3);
  CompareOptions both;
  both.allow = {"cpu_model", "llc_bytes"};
  EXPECT_EQ(doctored(change, both).exit_code, 0);
  EXPECT_EQ(doctored(change, both).hard.size(), 2u);
  CompareOptions machine;
  machine.allow = {"machine"};
  EXPECT_EQ(doctored(change, machine).exit_code, 0);
}

TEST(Compare, EveryHardFactIsNoticed) {
  const std::vector<std::pair<const char*, std::function<void(Report&)>>> changes{
      {"arch", [](Report& f) { f.machine.hard.arch = "aarch64"; }},
      {"cpu_vendor", [](Report& f) { f.machine.hard.cpu_vendor = "AuthenticAMD"; }},
      {"cpu_model_name", [](Report& f) { f.machine.hard.cpu_model_name = "EPYC"; }},
      {"cpu_family", [](Report& f) { f.machine.hard.cpu_family = 25; }},
      {"cpu_stepping", [](Report& f) { f.machine.hard.cpu_stepping = 9; }},
      {"isa_usable", [](Report& f) { f.machine.hard.isa_usable.pop_back(); }},
      {"cores_physical", [](Report& f) { f.machine.hard.cores_physical = 2; }},
      {"cpus_allowed", [](Report& f) { f.machine.hard.cpus_allowed = 4; }},
      {"cpu_quota_cores", [](Report& f) { f.machine.hard.cpu_quota_cores.reset(); }},
      {"smt", [](Report& f) { f.machine.hard.smt = false; }},
      {"numa_nodes", [](Report& f) { f.machine.hard.numa_nodes = 2; }},
      {"hypervisor", [](Report& f) { f.machine.hard.hypervisor = false; }},
      {"machine_key", [](Report& f) { f.machine.key = "other"; }},
      {"model_hash", [](Report& f) { f.models[0].hash = "other"; }},
      {"seed", [](Report& f) { f.config.seed = 1; }},
      {"prompt", [](Report& f) { f.config.prompt.push_back(7); }},
      {"prompt_tokens", [](Report& f) { f.config.prompt_tokens = 8; }},
      {"pin", [](Report& f) { f.config.pin = "none"; }},
      {"build_type", [](Report& f) { f.build.type = "Debug"; }},
      {"pinned", [](Report& f) { cell_of(f, kSampleFast).effective.pinned = false; }},
  };
  const auto keys = comparability_keys();
  for (const auto& [key, change] : changes) {
    const CompareResult r = doctored(change);
    EXPECT_EQ(r.exit_code, 3) << key;
    ASSERT_EQ(r.hard.size(), 1u) << key;
    EXPECT_EQ(r.hard[0].key, key);
    EXPECT_NE(std::find(keys.begin(), keys.end(), key), keys.end()) << key;
    CompareOptions options;
    options.allow = {key};
    EXPECT_EQ(doctored(change, options).exit_code, 0) << key;
  }
}

TEST(Compare, SoftDifferencesAreListedOnly) {
  const CompareResult r = doctored([](Report& f) {
    f.machine.soft.kernel = "6.8.0-51";
    f.build.compiler = "Clang 14.0.6";
    f.machine.soft.load_1min = 3.0;  // never compared
  });
  EXPECT_EQ(r.exit_code, 0);
  ASSERT_EQ(r.soft.size(), 2u);
  EXPECT_EQ(r.soft[0].key, "kernel");
}

TEST(Compare, DisjointReportsGateNothingTheyShare) {
  const CompareResult r = doctored([](Report& f) {
    for (Cell& cell : f.cells) cell.id = "new-" + cell.id;
  });
  EXPECT_EQ(r.exit_code, 1);
  EXPECT_EQ(r.verdict, "missing");
  EXPECT_EQ(r.count(Change::kMissing), 8u);
  EXPECT_FALSE(r.geomean_ratio);
  EXPECT_EQ(row_of(r, std::string("new-") + kSampleFast).change, Change::kAdded);
}

void shorten(Report& report, std::size_t rounds) {
  for (Cell& cell : report.cells) {
    if (!cell.tok_per_s) continue;
    cell.samples.resize(rounds);
    cell.tok_per_s = throughput(cell.samples, 42);
  }
}

TEST(Compare, NothingGatedIsTooWeak) {
  Report base = sample_report();
  shorten(base, 7);
  const CompareResult r = compare(base, sample_report(), {});
  EXPECT_EQ(r.exit_code, 6);
  EXPECT_EQ(r.verdict, "nothing-gated");
  EXPECT_NE(r.hint.find("--rounds 8"), std::string::npos);
  CompareOptions incomplete;
  incomplete.allow = {"complete"};
  EXPECT_EQ(compare(Report(), Report(), incomplete).exit_code, 6);
}

TEST(Compare, AGateTooWeakToFireSaysWhichRoundsItNeeds) {
  Report fresh = sample_report();
  shorten(fresh, 3);
  scale_speed(cell_of(fresh, kSampleFast), 0.5);
  const CompareResult r = compare(sample_report(), fresh, {});
  EXPECT_EQ(r.exit_code, 6);
  EXPECT_EQ(r.verdict, "underpowered");
  EXPECT_EQ(r.underpowered, 8u);
  EXPECT_EQ(r.rounds_needed, 6u);  // 8 cells: 2 / C(12, 6) * 8 < 0.05
  EXPECT_NE(r.hint.find("--rounds 6"), std::string::npos);
  EXPECT_EQ(row_of(r, kSampleFast).reason, "underpowered");
  CompareOptions options;
  options.allow_underpowered = true;
  EXPECT_NE(compare(sample_report(), fresh, options).verdict, "underpowered");
}

TEST(Compare, CellsOutsideTheGateAreListedButDoNotFail) {
  Report base = sample_report();
  Cell& cell = cell_of(base, kSampleFast);
  cell.samples.resize(7);
  cell.tok_per_s = throughput(cell.samples, 42);
  Report fresh = base;
  scale_speed(cell_of(fresh, kSampleFast), 0.5);
  const CompareResult r = compare(base, fresh, {});
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_EQ(row_of(r, kSampleFast).change, Change::kRegressed);
  EXPECT_FALSE(row_of(r, kSampleFast).gated);
  CompareOptions all;
  all.gate = [](const Cell& c) { return c.tok_per_s.has_value(); };
  EXPECT_EQ(compare(base, fresh, all).exit_code, 1);
}

TEST(Compare, KnownWrongOrInexactCellsAreNotGatedByDefault) {
  const auto inexact = [](Report& f) {
    cell_of(f, kSampleFast).exact = false;
    scale_speed(cell_of(f, kSampleFast), 0.5);
  };
  Report base = sample_report();
  cell_of(base, kSampleFast).exact = false;
  Report fresh = base;
  inexact(fresh);
  EXPECT_EQ(compare(base, fresh, {}).exit_code, 0);
}

TEST(Compare, AVerdictThatGotWorseFailsWhereAsked) {
  const auto block = [](Report& f) {
    f.verdicts[0].state = State::kBlocked;
    f.verdicts[0].code = "SIMD_NOT_DISPATCHED";
  };
  EXPECT_EQ(doctored(block).exit_code, 0);
  EXPECT_EQ(doctored(block).warnings.size(), 1u);
  CompareOptions options;
  options.fail_on.verdict = true;
  EXPECT_EQ(doctored(block, options).exit_code, 1);
}

TEST(Compare, CalibrationReportsRaiseTheFloor) {
  // Equal code differed by 12 % between two runs here: a loss of 10 % is nothing to be sure of.
  Report other = sample_report();
  scale_speed(cell_of(other, kSampleFast), 1.12);
  CompareOptions options;
  options.calibration = {&other};
  const CompareResult r =
      doctored([](Report& f) { scale_speed(cell_of(f, kSampleFast), 0.9); }, options);
  EXPECT_EQ(row_of(r, kSampleFast).change, Change::kUnclear);
  EXPECT_EQ(row_of(r, kSampleFast).reason, "below_floor");
  EXPECT_EQ(row_of(r, kSampleFast).test->floor_source, "calibrated");
  EXPECT_EQ(r.exit_code, 6);  // a loss that a safeguard held back is no pass
  EXPECT_EQ(r.verdict, "unclear");
}

TEST(Compare, IncompleteReportsSaySo) {
  const auto change = [](Report& f) { f.complete = false; };
  EXPECT_EQ(doctored(change).exit_code, 8);
  CompareOptions options;
  options.allow = {"complete"};
  EXPECT_EQ(doctored(change, options).exit_code, 0);
}

TEST(Compare, UnclearCellsFailOnlyWhenAsked) {
  const auto blur = [](Report& f) {
    Cell& cell = cell_of(f, kSampleFast);
    for (Sample& s : cell.samples) {
      s.time_ns = s.time_ns * (s.round % 2 == 0 ? 88 : 108) / 100;
    }
    cell.tok_per_s = throughput(cell.samples, 42);
  };
  const CompareResult r = doctored(blur);
  EXPECT_EQ(row_of(r, kSampleFast).change, Change::kUnclear);
  EXPECT_EQ(r.exit_code, 0);
  CompareOptions options;
  options.fail_on.inconclusive = true;
  EXPECT_EQ(doctored(blur, options).exit_code, 6);
  EXPECT_FALSE(doctored(blur, options).hint.empty());
}

TEST(Compare, AnotherClockIsNotComparable) {
  const auto slower_clock = [](Report& f) {
    for (Cell& c : f.cells) {
      for (Sample& s : c.samples) *s.reference_compute_ns = *s.reference_compute_ns * 4 / 3;
    }
  };
  const CompareResult r = doctored(slower_clock);
  EXPECT_EQ(r.exit_code, 3);
  ASSERT_EQ(r.hard.size(), 1u);
  EXPECT_EQ(r.hard[0].key, "calibration");
  CompareOptions together;  // runs that took turns saw the same machine
  together.paired = true;
  EXPECT_TRUE(doctored(slower_clock, together).comparable());
}

TEST(Compare, ALossThatTheMachinesMoveMayAccountForIsNotOne) {
  const auto slower = [](std::uint64_t works_percent) {
    return [works_percent](Report& f) {
      scale_speed(cell_of(f, kSampleFast), 0.9);
      for (Cell& c : f.cells) {
        for (Sample& s : c.samples) {
          *s.reference_compute_ns = *s.reference_compute_ns * works_percent / 100;
        }
      }
    };
  };
  EXPECT_EQ(row_of(doctored(slower(101)), kSampleFast).change, Change::kRegressed);
  const CompareResult moved = doctored(slower(104));
  EXPECT_EQ(row_of(moved, kSampleFast).change, Change::kUnclear);
  EXPECT_EQ(row_of(moved, kSampleFast).reason, "below_floor");
  EXPECT_EQ(row_of(moved, kSampleFast).test->floor_source, "machine");
  EXPECT_EQ(moved.exit_code, 6);  // no regression proven, no pass either
  CompareOptions together;        // a pair sees what the machine did
  together.paired = true;
  EXPECT_NE(row_of(doctored(slower(104), together), kSampleFast).test->floor_source, "machine");
}

TEST(Compare, WhatDoesNotRegressAgainIsNotConfirmed) {
  const auto slower = [](Report& f) { scale_speed(cell_of(f, kSampleFast), 0.9); };
  CompareResult first = doctored(slower);
  confirm_regressions(first, doctored(slower), {});
  EXPECT_EQ(first.exit_code, 1);
  EXPECT_EQ(row_of(first, kSampleFast).reason, "confirmed");
  confirm_regressions(first, doctored([](Report&) {}), {});
  EXPECT_EQ(first.exit_code, 0);
  EXPECT_EQ(first.verdict, "pass");
  EXPECT_EQ(row_of(first, kSampleFast).change, Change::kUnclear);
  EXPECT_EQ(row_of(first, kSampleFast).reason, "not_confirmed");
  EXPECT_EQ(first.count(Change::kRegressed), 0u);
}

TEST(Compare, DuplicateIdsAreAWarning) {
  const CompareResult r = doctored([](Report& f) { f.cells.push_back(f.cells[0]); });
  ASSERT_EQ(r.warnings.size(), 1u);
  EXPECT_NE(r.warnings[0].find("twice"), std::string::npos);
}

TEST(Compare, TheDocumentHoldsTheSame) {
  const CompareResult r = doctored([](Report& f) { scale_speed(cell_of(f, kSampleFast), 0.9); });
  const auto document = nlohmann::json::parse(to_json(r));
  EXPECT_EQ(document["schema"]["name"], "ryz-lab/compare");
  EXPECT_EQ(document["gate"]["exit_code"], 1);
  EXPECT_EQ(document["summary"]["regressed"], 1);
  EXPECT_EQ(document["rows"][0]["id"], kSampleFast);
  EXPECT_EQ(document["rows"][0]["state"], "REGRESSED");
}

}  // namespace
}  // namespace ryz::report
