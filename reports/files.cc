#include "reports/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "reports/error.h"

namespace ryz::report {
namespace {

[[noreturn]] void fail(const char* verb, const std::string& path, int error, const char* help) {
  throw ReportError(fmt::format("cannot {} {}: {}; {}", verb, path, std::strerror(error), help));
}

const char* help_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or choose another file";
    case ENOENT:
    case ENOTDIR:
      return "create its directory first or choose another file";
    case EISDIR:
      return "name a file in it";
    default:
      return "choose a file that can be written";
  }
}

[[noreturn]] void cannot_write(const std::string& path, int error) {
  fail("write", path, error, help_for(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // Some file systems report a failed write only here.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

// 0 or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

struct Target {
  std::string path;     // links followed, so that renaming replaces the file and not the link
  bool direct = false;  // cannot be replaced: a device or pipe
  bool exists = false;
  mode_t mode = 0666;
};

Target target_of(const std::string& path) {
  if (path.empty()) cannot_write("''", ENOENT);
  Target target;
  target.path = path;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) cannot_write(path, errno);
    return target;
  }
  if (S_ISDIR(info.st_mode)) cannot_write(path, EISDIR);
  // A file that its owner protected stays as it is, although its directory would let us replace it.
  if (::access(path.c_str(), W_OK) != 0) cannot_write(path, errno);
  target.exists = true;
  target.mode = info.st_mode & 07777;
  // /dev/stdout may stand for a regular file that a shell holds open: it must not be replaced.
  target.direct = !S_ISREG(info.st_mode) || path.starts_with("/dev/") || path.starts_with("/proc/");
  if (!target.direct) {
    std::error_code error;
    const auto real = std::filesystem::canonical(path, error);
    if (!error) target.path = real.string();
  }
  return target;
}

std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  const auto directory = std::filesystem::path(path).parent_path();
  return (directory / fmt::format(".ryz-lab-{}-{}.tmp", ::getpid(), counter++)).string();
}

int open_temporary(const std::string& name) {
  return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

int open_direct(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
}

void write_direct(const std::string& path, std::string_view text) {
  Descriptor file(open_direct(path));
  if (file.get() < 0) cannot_write(path, errno);
  if (const int error = write_all(file.get(), text)) cannot_write(path, error);
  if (file.close() != 0) cannot_write(path, errno);
}

// 0 or errno.
int fill_temporary(const std::string& name, const Target& target, std::string_view text) {
  Descriptor file(open_temporary(name));
  if (file.get() < 0) return errno;
  if (target.exists && ::fchmod(file.get(), target.mode) != 0) return errno;
  if (const int error = write_all(file.get(), text)) return error;
  if (::fsync(file.get()) != 0) return errno;
  if (file.close() != 0) return errno;
  return 0;
}

// Makes the new name itself survive a power cut. Some file systems refuse; the data is safe anyway.
void sync_directory(const std::string& path) {
  auto directory = std::filesystem::path(path).parent_path();
  if (directory.empty()) directory = ".";
  Descriptor file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() >= 0) ::fsync(file.get());
}

// A stream's temporary file gets the target's permissions and reaches the disk. 0 or errno.
int settle_temporary(const std::string& name, const Target& target) {
  Descriptor file(::open(name.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return errno;
  if (target.exists && ::fchmod(file.get(), target.mode) != 0) return errno;
  return ::fsync(file.get()) != 0 ? errno : 0;
}

// Renames the temporary file over the target, or removes it where something failed.
void finish(const std::string& path, const Target& target, const std::string& temporary,
            int error) {
  if (error == 0 && ::rename(temporary.c_str(), target.path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    cannot_write(path, error);
  }
  sync_directory(target.path);
}

}  // namespace

std::string read_file(const std::string& path) {
  const auto cannot_read = [&](int error) {
    fail("read", path, error, "check the name and its permissions");
  };
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (file.get() < 0) cannot_read(errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) cannot_read(errno);
  if (S_ISDIR(info.st_mode)) cannot_read(EISDIR);
  std::string text;
  std::string chunk(1 << 16, '\0');
  while (true) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) cannot_read(errno);
    if (n == 0) return text;
    text.append(chunk, 0, static_cast<std::size_t>(n));
    if (text.size() > kMaxFileBytes) {
      throw ReportError(fmt::format(
          "cannot read {}: it is larger than {} MiB, so it is no report; check the name", path,
          kMaxFileBytes >> 20));
    }
  }
}

void write_file(const std::string& path, std::string_view text) {
  const Target target = target_of(path);
  if (target.direct) {
    write_direct(target.path, text);
    return;
  }
  const std::string temporary = temporary_name(target.path);
  finish(path, target, temporary, fill_temporary(temporary, target, text));
}

void write_file(const std::string& path, const std::function<void(std::ostream&)>& write) {
  const Target target = target_of(path);
  const std::string name = target.direct ? target.path : temporary_name(target.path);
  errno = 0;
  std::ofstream file(name, std::ios::binary | (target.direct ? std::ios::app : std::ios::trunc));
  if (file) write(file);
  file.close();
  // A stream keeps no reason; the system's last one is the best there is.
  const int error = file.good() ? 0 : errno != 0 ? errno : EIO;
  if (target.direct) {
    if (error != 0) cannot_write(path, error);
    return;
  }
  finish(path, target, name, error != 0 ? error : settle_temporary(name, target));
}

void check_writable(const std::string& path) {
  const Target target = target_of(path);
  if (target.direct) {
    const Descriptor file(open_direct(target.path));
    if (file.get() < 0) cannot_write(path, errno);
    return;
  }
  const std::string temporary = temporary_name(target.path);
  const Descriptor file(open_temporary(temporary));
  if (file.get() < 0) cannot_write(path, errno);
  ::unlink(temporary.c_str());
}

}  // namespace ryz::report
