// Traced runs of cells: beside the timed samples, never among them.
#pragma once

#include "harness/measure/replay.h"
#include "harness/measure/session.h"

namespace ryz {

// Where the threads' time went while the cell decoded some tokens, or prefilled one batch.
report::Attribution trace_attribution(Session& session, const CellSpec& spec,
                                      std::size_t prefill_tokens);

// What a chunk costs a thread more where it does not begin where its last one ended, because others
// took what lies between: what the hardware and the kernel fetched ahead is then not what is
// needed, and what this thread fetched the other needs. By two threads that take turns, two tiles
// each (static,2) against a block each; less what chunks of two tiles cost a thread that is alone
// and takes all in order. 0 with one core. One thread that did every second tile and then the
// others was tried: where barriers took 290 ns and not 45 it showed a small part of the cost.
double trace_restart_ns(Session& session, const CellSpec& spec, std::size_t prefill_tokens);

// The steps of one token (or batch) of a one-thread cell, of three traced runs the fastest, and the
// costs of a team of two on this machine. `weights_bytes` are read from memory where
// `from_memory`; `restart_ns` as trace_restart_ns() has it.
ProjectionSource trace_projection(Session& session, const CellSpec& spec,
                                  std::size_t prefill_tokens, double weights_bytes,
                                  bool from_memory, double restart_ns);

}  // namespace ryz
