// manifest.json := {"v":1,"product","made_at","partitions","topic_prefix","stream_time",
//   "author_key","ledger_records","counters","files":[{"name","bytes","xxh3"}...]}
#include "pipeline/cli/backup_manifest.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>
#include <xxhash.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;

Error failure(std::string_view doing, const std::filesystem::path& file) {
  return {Code::Unavailable, fmt::format("cannot {} {}: {}", doing, file.string(),
                                         std::generic_category().message(errno))};
}

// One name in `state` or beside it, and nothing that leads out.
bool is_file_name(std::string_view name) {
  if (name.starts_with("state/")) name.remove_prefix(6);
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  };
  return !name.empty() && name[0] != '.' && std::ranges::all_of(name, fits);
}

// Writes what `next` gives until it gives nothing.
template <class Next>
Result<void> write_to(const std::filesystem::path& file, Next next) {
  const int out = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) return std::unexpected(failure("write", file));
  Result<void> result;
  std::string_view rest;
  while (result && !(rest = next()).empty()) {
    while (!rest.empty()) {
      const ssize_t count = ::write(out, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        result = std::unexpected(failure("write", file));
        break;
      }
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  if (result && ::fsync(out) != 0) result = std::unexpected(failure("write", file));
  ::close(out);
  return result;
}

}  // namespace

std::string manifest_json(const BackupManifest& manifest) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1}).field("product", manifest.product);
  json.field("made_at", manifest.made_at);
  json.field("partitions", std::int64_t{manifest.partitions});
  json.field("topic_prefix", manifest.topic_prefix).field("stream_time", manifest.stream_time);
  json.field("author_key", manifest.author_key);
  json.field("ledger_records", static_cast<std::int64_t>(manifest.ledger_records));
  json.field("counters", static_cast<std::int64_t>(manifest.counters));
  json.key("files").begin_array();
  for (const BackupManifest::File& file : manifest.files) {
    json.begin_object().field("name", file.name);
    json.field("bytes", static_cast<std::int64_t>(file.bytes)).field("xxh3", file.xxh3);
    json.end_object();
  }
  json.end_array().end_object();
  out += '\n';
  return out;
}

Result<BackupManifest> parse_manifest(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const auto damaged = [] {
    return fail(Code::Corrupt, "the manifest is damaged, or of another format");
  };
  std::int64_t version = 0;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS ||
      root["v"].get(version) != simdjson::SUCCESS || version != 1) {
    return damaged();
  }
  BackupManifest out;
  bool whole = true;
  const auto text_of = [&](const simdjson::dom::element& in, const char* key, std::string& value) {
    std::string_view found;
    whole = in[key].get(found) == simdjson::SUCCESS && whole;
    value = found;
  };
  const auto number_of = [&](const simdjson::dom::element& in, const char* key, auto& value) {
    std::uint64_t found = 0;
    whole = in[key].get(found) == simdjson::SUCCESS && whole;
    value = static_cast<std::remove_reference_t<decltype(value)>>(found);
  };
  text_of(root, "product", out.product);
  text_of(root, "made_at", out.made_at);
  number_of(root, "partitions", out.partitions);
  text_of(root, "topic_prefix", out.topic_prefix);
  text_of(root, "stream_time", out.stream_time);
  text_of(root, "author_key", out.author_key);
  number_of(root, "ledger_records", out.ledger_records);
  number_of(root, "counters", out.counters);
  simdjson::dom::array files;
  if (root["files"].get(files) != simdjson::SUCCESS) return damaged();
  for (const simdjson::dom::element entry : files) {
    BackupManifest::File& file = out.files.emplace_back();
    text_of(entry, "name", file.name);
    number_of(entry, "bytes", file.bytes);
    text_of(entry, "xxh3", file.xxh3);
    whole = whole && is_file_name(file.name);
  }
  if (!whole || out.files.empty()) return damaged();
  return out;
}

Result<BackupManifest::File> measure_file(const std::filesystem::path& directory,
                                          const std::string& name) {
  std::ifstream stream(directory / name, std::ios::binary);
  if (!stream) return std::unexpected(failure("read", directory / name));
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  XXH3_128bits_reset(state.get());
  std::string piece(kPiece, '\0');
  BackupManifest::File out{name, 0, ""};
  while (stream.read(piece.data(), static_cast<std::streamsize>(piece.size())) ||
         stream.gcount() > 0) {
    const auto got = static_cast<std::size_t>(stream.gcount());
    XXH3_128bits_update(state.get(), piece.data(), got);
    out.bytes += got;
  }
  if (stream.bad()) return std::unexpected(failure("read", directory / name));
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  out.xxh3 = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  return out;
}

Result<void> copy_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::ifstream stream(from, std::ios::binary);
  if (!stream) return std::unexpected(failure("read", from));
  std::string piece(kPiece, '\0');
  auto written = write_to(to, [&]() -> std::string_view {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    return std::string_view(piece).substr(0, static_cast<std::size_t>(stream.gcount()));
  });
  if (written && stream.bad()) return std::unexpected(failure("read", from));
  return written;
}

Result<void> write_durably(const std::filesystem::path& file, std::string_view text) {
  return write_to(file, [&] { return std::exchange(text, {}); });
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  Result<void> result;
  if (!synced) result = std::unexpected(failure("write", directory));
  if (descriptor >= 0) ::close(descriptor);
  return result;
}

}  // namespace vigie
