// Traced runs of cells: beside the timed samples, never among them.
#pragma once

#include "harness/measure/replay.h"
#include "harness/measure/session.h"

namespace ryz {

// Where the threads' time went while the cell decoded some tokens, or prefilled one batch.
report::Attribution trace_attribution(Session& session, const CellSpec& spec,
                                      std::size_t prefill_tokens);

// The steps of one token (or batch) of a one-thread cell, of three traced runs the fastest, and the
// costs of a team of two on this machine. `weights_bytes` are read from memory where
// `from_memory`.
ProjectionSource trace_projection(Session& session, const CellSpec& spec,
                                  std::size_t prefill_tokens, double weights_bytes,
                                  bool from_memory);

}  // namespace ryz
