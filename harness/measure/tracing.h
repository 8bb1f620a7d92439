// Traced runs of cells: beside the timed samples, never among them.
#pragma once

#include "harness/measure/replay.h"
#include "harness/measure/session.h"

namespace ryz {

// Where the threads' time went while the cell decoded some tokens, or prefilled one batch.
report::Attribution trace_attribution(Session& session, const CellSpec& spec,
                                      std::size_t prefill_tokens);

// What a chunk of one tile costs one thread more where it does not begin where the last one ended:
// every second tile and then the others, against all in order, pair by pair. Whatever the hardware
// and the kernel fetched ahead is then not what is needed, as with several threads.
double trace_restart_ns(Session& session, const CellSpec& spec, std::size_t prefill_tokens);

// The steps of one token (or batch) of a one-thread cell, of three traced runs the fastest, and the
// costs of a team of two on this machine. `weights_bytes` are read from memory where
// `from_memory`; `restart_ns` as trace_restart_ns() has it.
ProjectionSource trace_projection(Session& session, const CellSpec& spec,
                                  std::size_t prefill_tokens, double weights_bytes,
                                  bool from_memory, double restart_ns);

}  // namespace ryz
