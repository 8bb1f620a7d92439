#include "kernels/schedule.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <thread>

// LLVM's OpenMP loses some bytes of its own where a team grows past its first table of threads.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name that LeakSanitizer calls
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }

namespace ryz {
namespace {

constexpr unsigned kThreads[] = {1, 2, 3, 5};
constexpr std::size_t kIterations[] = {0, 1, 2, 7, 16, 97, 1000};

std::vector<LoopSpec> all_loops() {
  std::vector<LoopSpec> loops{{LoopKind::kStatic, 0}};
  for (const LoopKind kind :
       {LoopKind::kStatic, LoopKind::kDynamic, LoopKind::kGuided, LoopKind::kStealing}) {
    for (const std::size_t grain : {1u, 3u, 8u, 5000u}) loops.push_back({kind, grain});
  }
  return loops;
}

TEST(StaticChunks, BlocksCoverEverythingOnceAndInOrder) {
  for (const unsigned count : kThreads) {
    for (const std::size_t n : kIterations) {
      for (const std::size_t align : {1u, 4u, 16u}) {
        std::size_t next = 0;
        for (unsigned index = 0; index < count; ++index) {
          const std::vector<Chunk> chunks = static_chunks(n, 0, index, count, align);
          ASSERT_LE(chunks.size(), 1u);
          for (const Chunk& chunk : chunks) {
            EXPECT_EQ(chunk.begin, next);
            EXPECT_GT(chunk.end, chunk.begin);
            EXPECT_TRUE(chunk.end % align == 0 || chunk.end == n);
            next = chunk.end;
          }
        }
        EXPECT_EQ(next, n);
      }
    }
  }
}

TEST(StaticChunks, BlocksAreEvenToOneUnit) {
  std::size_t least = 1000;
  std::size_t most = 0;
  for (unsigned index = 0; index < 3; ++index) {
    const Chunk chunk = static_chunks(1000, 0, index, 3, 1).at(0);
    least = std::min(least, chunk.end - chunk.begin);
    most = std::max(most, chunk.end - chunk.begin);
  }
  EXPECT_LE(most - least, 1u);
}

TEST(StaticChunks, GrainsAreDealtInTurn) {
  const std::vector<Chunk> chunks = static_chunks(20, 3, 1, 2, 1);
  ASSERT_EQ(chunks.size(), 3u);
  const std::size_t begins[] = {3, 9, 15};
  const std::size_t ends[] = {6, 12, 18};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(chunks[i].begin, begins[i]);
    EXPECT_EQ(chunks[i].end, ends[i]);
  }
  EXPECT_TRUE(static_chunks(3, 3, 1, 2, 1).empty());
}

TEST(NextOfBlock, TheOwnerGoesOnWhereItStoodOthersTakeFromTheEnd) {
  // 23 iterations in grains of 2: 12 grains, of which worker 1 of 2 owns 6: [12, 23).
  BlockTaken taken;
  const auto next = [&](bool own) { return next_of_block(23, 2, 1, 2, own, taken); };
  const auto expect = [](Chunk chunk, std::size_t begin, std::size_t end) {
    EXPECT_EQ(chunk.begin, begin);
    EXPECT_EQ(chunk.end, end);
  };
  expect(next(true), 12, 18);
  expect(next(false), 20, 23);  // two grains of three; the last one is short
  expect(next(true), 18, 20);
  expect(next(true), 0, 0);
  expect(next(false), 0, 0);
}

TEST(NextOfBlock, AloneItIsOneChunk) {
  BlockTaken taken;
  const Chunk all = next_of_block(97, 4, 0, 1, true, taken);
  EXPECT_EQ(all.begin, 0u);
  EXPECT_EQ(all.end, 97u);
}

TEST(Loop, WhoeverIsDoneTakesFromWhoIsNot) {
  // Worker 0 stays in its first chunk until all others' iterations have run, its own included.
  constexpr std::size_t kN = 64;
  Team team({2, {}});
  std::atomic<std::size_t> done{0};
  std::array<std::size_t, 2> ran{};
  team.run([&](Worker& worker) {
    worker.loop(kN, {LoopKind::kStealing, 1}, [&](std::size_t begin, std::size_t end) {
      if (worker.index() == 0 && ran[0] == 0) {
        while (done.load() < kN - (end - begin)) sched_yield();
      }
      ran[worker.index()] += end - begin;
      done.fetch_add(end - begin);
    });
  });
  EXPECT_EQ(ran[0] + ran[1], kN);
  EXPECT_LE(ran[0], kN / 4);  // half of its half
}

TEST(Loop, EveryIterationRunsOnce) {
  for (const unsigned threads : kThreads) {
    Team team({threads, {}});
    for (const LoopSpec spec : all_loops()) {
      for (const std::size_t n : kIterations) {
        std::vector<std::atomic<int>> runs(n);
        team.run([&](Worker& worker) {
          worker.loop(n, spec, [&](std::size_t begin, std::size_t end) {
            EXPECT_LT(begin, end);
            for (std::size_t i = begin; i < end; ++i) runs[i].fetch_add(1);
          });
        });
        EXPECT_TRUE(std::all_of(runs.begin(), runs.end(), [](const auto& r) { return r == 1; }))
            << loop_name(spec) << " " << n << " on " << threads;
      }
    }
  }
}

TEST(Loop, ChunksBeginAtMultiplesOfTheGrain) {
  Team team({3, {}});
  for (const LoopSpec spec : all_loops()) {
    if (spec.grain == 0) continue;
    std::atomic<int> wrong{0};
    team.run([&](Worker& worker) {
      worker.loop(1000, spec, [&](std::size_t begin, std::size_t end) {
        if (begin % spec.grain != 0) ++wrong;
        const bool grows = spec.kind == LoopKind::kGuided || spec.kind == LoopKind::kStealing;
        if (!grows && end - begin > spec.grain) ++wrong;
        if (end - begin < spec.grain && end != 1000) ++wrong;
      });
    });
    EXPECT_EQ(wrong, 0) << loop_name(spec);
  }
}

TEST(Loop, StaticBlocksAreThoseOfStaticChunks) {
  for (const std::size_t grain : {0u, 7u}) {
    Team team({3, {}});
    std::vector<std::vector<Chunk>> got(3);
    team.run([&](Worker& worker) {
      worker.loop(
          100, {LoopKind::kStatic, grain},
          [&](std::size_t begin, std::size_t end) {
            got[worker.index()].push_back({begin, end});
          },
          grain == 0 ? 16 : 1);
    });
    for (unsigned index = 0; index < 3; ++index) {
      const std::vector<Chunk> expected = static_chunks(100, grain, index, 3, grain == 0 ? 16 : 1);
      ASSERT_EQ(got[index].size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(got[index][i].begin, expected[i].begin);
        EXPECT_EQ(got[index][i].end, expected[i].end);
      }
    }
  }
}

// Many short loops of all kinds in one region: the counters they share are cleared in time.
TEST(Loop, LoopsFollowEachOtherInOneRegion) {
  for (const unsigned threads : kThreads) {
    Team team({threads, {}});
    const std::vector<LoopSpec> loops = all_loops();
    constexpr std::size_t kRounds = 60;
    constexpr std::size_t kN = 23;
    std::vector<std::atomic<int>> runs(kN);
    std::atomic<int> early{0};
    team.run([&](Worker& worker) {
      int before = 0;
      for (std::size_t round = 0; round < kRounds; ++round) {
        for (const LoopSpec spec : loops) {
          worker.loop(kN, spec, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
              if (runs[i].fetch_add(1) != before) ++early;
            }
          });
          ++before;
        }
      }
    });
    EXPECT_EQ(early, 0) << threads;
    for (const auto& r : runs) EXPECT_EQ(r, static_cast<int>(kRounds * loops.size()));
  }
}

TEST(Barrier, WhatWasWrittenBeforeIsVisibleAfter) {
  for (const unsigned threads : kThreads) {
    Team team({threads, {}});
    std::vector<int> values(threads, 0);  // plain memory: only the barrier orders it
    std::atomic<int> wrong{0};
    team.run([&](Worker& worker) {
      for (int round = 1; round <= 500; ++round) {
        values[worker.index()] = round;
        worker.barrier();
        for (const int value : values) {
          if (value != round) ++wrong;
        }
        worker.barrier();
      }
    });
    EXPECT_EQ(wrong, 0) << threads;
  }
}

TEST(Barrier, EveryPolicyHoldsEverybodyUntilTheLastArrives) {
  for (const BarrierPolicy policy :
       {BarrierPolicy::kSpin, BarrierPolicy::kYield, BarrierPolicy::kPark}) {
    for (const unsigned threads : {2U, 3U}) {  // spinning beyond the CPUs costs whole time slices
      if (policy == BarrierPolicy::kSpin && threads > std::thread::hardware_concurrency()) continue;
      Team team({threads, {}, policy});
      std::vector<int> values(threads, 0);
      std::atomic<int> wrong{0};
      team.run([&](Worker& worker) {
        for (int round = 1; round <= 300; ++round) {
          // A late worker now and then: long enough that the others fall asleep under kPark.
          if (round % 100 == 0 && worker.index() == static_cast<unsigned>(round) % threads) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
          }
          values[worker.index()] = round;
          worker.barrier();
          for (const int value : values) {
            if (value != round) ++wrong;
          }
          worker.barrier();
        }
      });
      EXPECT_EQ(wrong, 0) << threads;
    }
  }
}

TEST(Flow, StepsRunInOrderUnderBothPolicies) {
  for (const RegionPolicy policy : {RegionPolicy::kToken, RegionPolicy::kProduct}) {
    for (const unsigned threads : kThreads) {
      Team team({threads, {}});
      std::vector<int> values(threads, 0);
      std::atomic<int> wrong{0};
      team.execute(policy, [&](Flow& flow) {
        for (int round = 1; round <= 20; ++round) {
          flow.step([&](Worker& worker) { values[worker.index()] = round; });
          flow.step([&](Worker& worker) {
            if (worker.count() != threads) ++wrong;
            for (const int value : values) {
              if (value != round) ++wrong;
            }
          });
        }
      });
      EXPECT_EQ(wrong, 0);
    }
  }
}

TEST(Trace, EveryChunkAndStepIsWrittenDown) {
  for (const RegionPolicy policy : {RegionPolicy::kToken, RegionPolicy::kProduct}) {
    for (const LoopSpec spec : all_loops()) {
      Team team({2, {}});
      TeamTrace trace;
      team.trace(&trace);
      const auto two_steps = [&](Flow& flow) {
        flow.step([&](Worker& worker) { worker.loop(97, spec, [](std::size_t, std::size_t) {}); });
        flow.step(3, [](Worker&) {});
      };
      team.execute(policy, two_steps);
      ASSERT_EQ(trace.workers.size(), 2U);
      std::vector<int> seen(97, 0);
      for (const WorkerTrace& w : trace.workers) {
        ASSERT_EQ(w.steps.size(), 2U);
        EXPECT_EQ(w.steps[0].n, 97U);
        EXPECT_EQ(w.steps[0].chunks.size(), w.chunks);
        EXPECT_EQ(w.steps[1].units, 3U);
        EXPECT_TRUE(w.steps[1].chunks.empty());
        EXPECT_GE(w.clock_reads, 2 * w.chunks);
        std::uint64_t ticks = 0;
        for (const TracedChunk& c : w.steps[0].chunks) {
          ticks += c.ticks;
          for (std::size_t i = c.begin; i < c.end; ++i) ++seen[i];
        }
        EXPECT_EQ(ticks, w.steps[0].loop_ticks);
        EXPECT_EQ(w.busy, ticks + w.steps[0].own_ticks + w.steps[1].own_ticks);
      }
      EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 97);
      // Off again: nothing more is written.
      team.trace(nullptr);
      team.execute(policy, two_steps);
      EXPECT_EQ(trace.workers[0].steps.size(), 2U);
    }
  }
}

TEST(Team, WorkersAreNumberedAndTheCallerIsFirst) {
  Team team({3, {}});
  EXPECT_EQ(team.size(), 3u);
  std::vector<std::thread::id> ids(3);
  team.run([&](Worker& worker) {
    EXPECT_EQ(worker.count(), 3u);
    ids[worker.index()] = std::this_thread::get_id();
  });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[2]);
}

TEST(Team, ThreadsAreReusedFromRunToRun) {
  Team team({3, {}});
  std::vector<std::thread::id> first(3);
  std::vector<std::thread::id> second(3);
  team.run([&](Worker& worker) { first[worker.index()] = std::this_thread::get_id(); });
  team.run([&](Worker& worker) { second[worker.index()] = std::this_thread::get_id(); });
  EXPECT_EQ(first, second);
}

TEST(Team, UnusableOptionsAreRefused) {
  EXPECT_THROW(Team({0, {}}), std::invalid_argument);
  EXPECT_THROW(Team({2, {0}}), std::invalid_argument);
}

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  }
  return cpus;
}

TEST(Team, PinningIsReadBack) {
  const std::vector<int> before = allowed_cpus();
  const unsigned threads = std::min<unsigned>(2, static_cast<unsigned>(before.size()));
  const std::vector<int> cpus(before.begin(), before.begin() + threads);
  {
    Team pinned({threads, cpus});
    pinned.run([](Worker&) {});
    const std::vector<Placement> placements = pinned.placements();
    ASSERT_EQ(placements.size(), threads);
    for (unsigned i = 0; i < threads; ++i) {
      EXPECT_TRUE(placements[i].pinned);
      EXPECT_EQ(placements[i].cpu, cpus[i]);
    }
    // Another team of the same threads is not pinned, and the first is again when it runs.
    Team loose({threads, {}});
    std::vector<std::size_t> allowed(threads);
    loose.run([&](Worker& worker) { allowed[worker.index()] = allowed_cpus().size(); });
    for (unsigned i = 0; i < threads; ++i) {
      EXPECT_EQ(allowed[i], before.size());
      EXPECT_FALSE(loose.placements()[i].pinned);
    }
    pinned.run([&](Worker& worker) { allowed[worker.index()] = allowed_cpus().size(); });
    for (unsigned i = 0; i < threads; ++i) EXPECT_EQ(allowed[i], 1u);
  }
  EXPECT_EQ(allowed_cpus(), before);  // the caller has its CPUs back
}

TEST(Team, ACpuThatDoesNotExistIsNotClaimed) {
  Team team({1, {CPU_SETSIZE - 1}});
  team.run([](Worker&) {});
  EXPECT_FALSE(team.placements()[0].pinned);
}

TEST(Worker, ArenasAreOwnAlignedAndKept) {
  Team team({3, {}});
  std::vector<void*> arenas(3);
  team.run([&](Worker& worker) {
    void* p = worker.arena(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 64, 0u);
    std::memset(p, static_cast<int>(worker.index()), 1000);
    EXPECT_EQ(worker.arena(500), p);
    arenas[worker.index()] = p;
    worker.barrier();
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ(static_cast<char*>(p)[i], static_cast<char>(worker.index()));
  });
  EXPECT_NE(arenas[0], arenas[1]);
  EXPECT_NE(arenas[1], arenas[2]);
}

TEST(ScratchPool, GivesBackWhatItWasGiven) {
  ScratchPool pool;
  void* a = pool.acquire(1000);
  void* b = pool.acquire(1000);
  EXPECT_NE(a, b);
  pool.release(a);
  EXPECT_EQ(pool.acquire(800), a);
  pool.release(b);
  void* large = pool.acquire(5000);
  EXPECT_NE(large, b);
  std::memset(large, 1, 5000);
  pool.release(a);
  pool.release(large);
  int stranger = 0;
  pool.release(&stranger);  // not its own: left alone
}

TEST(ScratchPool, NobodyHoldsAnothersBuffer) {
  Team team({5, {}});
  std::atomic<int> wrong{0};
  team.run([&](Worker& worker) {
    for (int round = 0; round < 300; ++round) {
      auto* const p = static_cast<unsigned*>(worker.pool().acquire(64 * sizeof(unsigned)));
      std::fill_n(p, 64, worker.index());
      for (int i = 0; i < 64; ++i) {
        if (p[i] != worker.index()) ++wrong;
      }
      worker.pool().release(p);
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(LoopName, IsTheSchedulePartOfACell) {
  EXPECT_EQ(loop_name({LoopKind::kStatic, 0}), "s");
  EXPECT_EQ(loop_name({LoopKind::kStatic, 4}), "s4");
  EXPECT_EQ(loop_name({LoopKind::kDynamic, 1}), "g1");
  EXPECT_EQ(loop_name({LoopKind::kGuided, 16}), "u16");
  EXPECT_EQ(loop_name({LoopKind::kStealing, 2}), "w2");
}

}  // namespace
}  // namespace ryz
