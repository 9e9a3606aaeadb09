#include "connectors/generate/ledger.h"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;

std::unexpected<Error> failure(std::string_view what, const std::string& path, int error) {
  return fail(Code::Unavailable, fmt::format("generate: {} ledger {}: {}", what, path,
                                             std::generic_category().message(error)));
}

}  // namespace

void append_ledger_line(std::string& out, const Emission& emission) {
  const Mention& mention = emission.mention;
  JsonWriter json(out);
  json.begin_object()
      .field("n", static_cast<std::int64_t>(emission.ordinal))
      .field("op", name(emission.act))
      .field("topic", name(emission.topic))
      .field("network", mention.network)
      .field("id", mention.id)
      .field("version", version_of(mention));
  std::string time;
  append_time(time, emission.at);
  json.field("at", time).key("mention");
  append_json(out, mention);
  out += "}\n";
}

ActLedger::~ActLedger() {
  close();
}

void ActLedger::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

Result<void> ActLedger::open(const std::string& path, std::uint64_t acts) {
  close();
  path_ = path;
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) return failure("open", path, errno);
  std::vector<char> block(kBlockBytes);
  std::uint64_t lines = 0;
  off_t keep = 0;
  for (off_t at = 0; lines < acts;) {
    const ssize_t count = ::pread(descriptor_, block.data(), block.size(), at);
    if (count < 0) return failure("read", path, errno);
    if (count == 0) break;
    const char* from = block.data();
    const char* const end = from + count;
    while (lines < acts) {
      const void* found = std::memchr(from, '\n', static_cast<std::size_t>(end - from));
      if (found == nullptr) break;
      from = static_cast<const char*>(found) + 1;
      keep = at + (from - block.data());
      ++lines;
    }
    at += count;
  }
  if (lines < acts) {
    close();
    return fail(Code::Invalid,
                fmt::format("generate: ledger {}: expected at least {} lines, as the "
                            "cursor says, found {}",
                            path, acts, lines));
  }
  if (::ftruncate(descriptor_, keep) != 0) return failure("cut", path, errno);
  if (::lseek(descriptor_, keep, SEEK_SET) < 0) return failure("seek in", path, errno);
  return {};
}

Result<void> ActLedger::write(std::string_view lines) {
  while (!lines.empty()) {
    const ssize_t count = ::write(descriptor_, lines.data(), lines.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      close();
      return failure("write", path_, error);
    }
    lines.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace vigie
