#include "pipeline/cli/author_secret.h"

#include <cerrno>
#include <fstream>
#include <span>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <unistd.h>

namespace vigie {
namespace {

bool write_all(int descriptor, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool sync_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced;
}

// The file has its name only once the whole secret is on disk, so a crash leaves all of it or none:
// a part would be refused at the next start, and another secret would know no author again.
Result<void> keep_secret(const std::filesystem::path& file, std::span<const std::uint8_t> secret) {
  const auto failure = [&](const std::string& name) {
    return fail(Code::Unavailable,
                fmt::format("cannot write {}: {}", name, std::generic_category().message(errno)));
  };
  std::string temporary = file.string() + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);  // with mode 0600
  if (descriptor < 0) return failure(file.string());
  const bool written = write_all(descriptor, secret) && ::fsync(descriptor) == 0;
  auto kept = written ? Result<void>{} : failure(temporary);
  ::close(descriptor);
  if (kept && ::rename(temporary.c_str(), file.c_str()) != 0) kept = failure(file.string());
  if (!kept) {
    ::unlink(temporary.c_str());
    return kept;
  }
  if (!sync_directory(file.parent_path())) return failure(file.string());
  return {};
}

}  // namespace

Result<std::array<std::uint8_t, 32>> author_secret(const Config& config) {
  if (config.author_key) return *config.author_key;
  std::array<std::uint8_t, 32> secret{};
  const std::filesystem::path file = config.data_dir / "author.key";
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    std::ifstream stream(file, std::ios::binary);
    stream.read(reinterpret_cast<char*>(secret.data()), secret.size());
    if (stream.gcount() != static_cast<std::streamsize>(secret.size())) {
      return fail(Code::Corrupt, fmt::format("{}: expected 32 bytes", file.string()));
    }
    return secret;
  }
  std::filesystem::create_directories(config.data_dir, ignored);
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1) {
    return fail(Code::Unavailable, "no random bytes for an author key");
  }
  if (auto kept = keep_secret(file, secret); !kept) return std::unexpected(kept.error());
  return secret;
}

}  // namespace vigie
