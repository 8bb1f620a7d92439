// Whole files, read with a size limit and replaced as a whole or not at all.
#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace ryz::report {

// Far above any report of ours; a larger file is not one, and its tree would not fit in memory.
inline constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

// All throw ReportError naming the path and the system's reason.
std::string read_file(const std::string& path);

// Into a temporary file of the same directory, flushed to disk, then renamed over `path`: readers
// see the old file or the new one, and an error leaves the old one as it was. Devices and pipes
// (/dev/stdout, /dev/full) are written directly.
void write_file(const std::string& path, std::string_view text);

// The same of what is too large for memory: `write` puts it into the stream.
void write_file(const std::string& path, const std::function<void(std::ostream&)>& write);

// Tries what write_file() will need, so that a run of minutes does not end with nowhere to write.
void check_writable(const std::string& path);

}  // namespace ryz::report
