#include "kernels/scratch.h"

#include <new>

#include "kernels/buffer.h"

namespace ryz {

void* thread_scratch(std::size_t bytes) noexcept {
  thread_local Buffer block;
  if (block.size() < bytes) {
    try {
      block = Buffer();
      block = Buffer(bytes, Pages::kHuge);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  return block.data();
}

}  // namespace ryz
