#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "model/errors.h"

namespace ryz {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw InputError(path + ": " + why);
}

// The mappings there are, as a signal handler may read them: an entry counts while `path` is set.
struct Mapping {
  std::atomic<const char*> path{nullptr};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
};
constexpr std::size_t kMostMappings = 16;  // one more than these is mapped all the same
std::array<Mapping, kMostMappings> mappings;
std::atomic<LostPagesHandler> lost_pages{nullptr};

void enter_mapping(const char* path, const std::uint8_t* data, std::size_t size) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  for (Mapping& mapping : mappings) {
    std::uintptr_t free = 0;
    if (!mapping.begin.compare_exchange_strong(free, begin)) continue;
    mapping.end = begin + size;
    mapping.path = path;
    return;
  }
}

void leave_mapping(const std::uint8_t* data) {
  for (Mapping& mapping : mappings) {
    if (mapping.begin != reinterpret_cast<std::uintptr_t>(data)) continue;
    mapping.path = nullptr;
    mapping.begin = 0;
  }
}

void on_bus_error(int signal, siginfo_t* info, void* /*context*/) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (const Mapping& mapping : mappings) {
    const char* const path = mapping.path;
    if (path == nullptr || address < mapping.begin || address >= mapping.end) continue;
    if (const LostPagesHandler handler = lost_pages) handler(path);
  }
  // Not of a mapped file: as if there were no handler.
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a pipe would otherwise wait for its writer.
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) refuse(path, std::string("cannot be opened: ") + std::strerror(errno));
  // The destructor does not run for an object whose constructor throws.
  const auto fail = [&](const std::string& why) {
    close(fd_);
    refuse(path, why);
  };
  if (fstat(fd_, &opened_) != 0) {
    fail(std::string("cannot be examined: ") + std::strerror(errno));
  }
  if (S_ISDIR(opened_.st_mode)) fail("is a directory; give the .gguf file inside it");
  if (!S_ISREG(opened_.st_mode)) fail("is not a regular file, so it cannot be mapped");
  if (opened_.st_size == 0) fail("is empty; was its download interrupted?");
  size_ = static_cast<std::size_t>(opened_.st_size);
  void* p = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd_, 0);
  if (p == MAP_FAILED) fail(std::string("cannot be mapped: ") + std::strerror(errno));
  madvise(p, size_, MADV_WILLNEED);  // advice: a refusal changes nothing but speed
  data_ = static_cast<const std::uint8_t*>(p);
  enter_mapping(path_.c_str(), data_, size_);
}

MappedFile::~MappedFile() {
  leave_mapping(data_);
  munmap(const_cast<std::uint8_t*>(data_), size_);
  close(fd_);
}

void MappedFile::check_unchanged() const {
  struct stat now {};
  if (fstat(fd_, &now) == 0 && now.st_size == opened_.st_size &&
      now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec) {
    return;
  }
  refuse(path_, "changed while it was in use; what was read from it cannot be trusted");
}

void MappedFile::drop(std::span<const std::uint8_t> bytes) const {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t begin = (first + page - 1) / page * page;
  const std::uintptr_t end = (first + bytes.size()) / page * page;
  // Advice: a refusal changes nothing but the memory that is taken.
  if (begin >= end) return;
  auto* const whole_pages = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
  madvise(whole_pages, end - begin, MADV_DONTNEED);
}

void on_lost_pages(LostPagesHandler handler) {
  lost_pages = handler;
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace ryz
