// A kernel's own working memory: one block a thread, kept between calls, in huge pages where the
// system has any.
#pragma once

#include <cstddef>

namespace ryz {

// At least `bytes`, aligned to a cache line, uninitialised; the last call's block is gone. Null
// where there is no memory: the kernel then does without.
void* thread_scratch(std::size_t bytes) noexcept;

}  // namespace ryz
