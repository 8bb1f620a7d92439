#include "kernels/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace ryz {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Huge pages begin at multiples of their size; a mapping need not.
void* map_aligned(std::size_t bytes) {
  void* p =
      mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(p);
  const std::size_t lead =
      (kHugePage - reinterpret_cast<std::uintptr_t>(p) % kHugePage) % kHugePage;
  if (lead > 0) munmap(begin, lead);
  if (lead < kHugePage) munmap(begin + lead + bytes, kHugePage - lead);
  return begin + lead;
}

}  // namespace

Buffer::Buffer(std::size_t bytes, Pages pages) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes > static_cast<std::size_t>(-1) - 2 * kHugePage) throw std::bad_alloc();
  if (bytes < kHugePage && pages == Pages::kBySize) {
    // Exactly `bytes` (not rounded up), so that a sanitizer sees the first byte read past the end.
    if (posix_memalign(&data_, kLine, bytes) != 0) throw std::bad_alloc();
    return;
  }
  mapped_ = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  data_ = map_aligned(mapped_);
  madvise(data_, mapped_, MADV_HUGEPAGE);  // advice: a refusal changes nothing but speed
}

Buffer::~Buffer() {
  if (mapped_ != 0) {
    munmap(data_, mapped_);
  } else {
    std::free(data_);  // NOLINT(cppcoreguidelines-no-malloc): posix_memalign's counterpart
  }
}

}  // namespace ryz
