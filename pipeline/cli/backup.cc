#include "pipeline/cli/backup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/sha.h>

#include "pipeline/cli/author_secret.h"
#include "pipeline/cli/backup_manifest.h"
#include "pipeline/core/ids.h"
#include "pipeline/run/erasure_book.h"
#include "state/store.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kName = "backup-";
constexpr std::string_view kPartial = ".partial-";

void at(const AtPoint& at_point, std::string_view point) {
  if (at_point) at_point(point);
}

// "20261128T230100250Z", with milliseconds: sorts by time.
std::string stamp(Time time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  std::string out;
  for (const char c : format_time(second)) {
    if (c != '-' && c != ':' && c != 'Z') out += c;
  }
  return fmt::format("{}{:03}Z", out,
                     std::chrono::floor<std::chrono::milliseconds>(time - second).count());
}

Error failed(std::string_view doing, const fs::path& path, const std::error_code& code) {
  return {Code::Unavailable, fmt::format("cannot {} {}: {}", doing, path.string(), code.message())};
}

// Tells secrets apart without telling them.
std::string fingerprint(const std::array<std::uint8_t, 32>& secret) {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(secret.data(), secret.size(), digest.data());
  return hex(digest.data(), 8);
}

Result<std::array<std::uint8_t, 32>> read_secret(const fs::path& file) {
  std::array<std::uint8_t, 32> secret{};
  std::ifstream stream(file, std::ios::binary);
  stream.read(reinterpret_cast<char*>(secret.data()), secret.size());
  if (stream.gcount() != static_cast<std::streamsize>(secret.size())) {
    return fail(Code::Corrupt, fmt::format("{}: expected 32 bytes", file.string()));
  }
  return secret;
}

// Opens the checkpoint, reads all of it and says what it holds.
Result<void> look_through(const fs::path& checkpoint, BackupManifest& manifest) {
  StoreOptions options;
  options.read_only = true;
  auto store = Store::open(checkpoint, options);
  if (!store) return std::unexpected(std::move(store.error()));
  auto verified = (*store)->verify();
  if (!verified) return verified;
  for (const auto& [space, count] : {std::pair{Space::Ledger, &manifest.ledger_records},
                                     std::pair{Space::Counters, &manifest.counters}}) {
    auto counted = (*store)->scan(space, "", "", [&](std::string_view, std::string_view) {
      ++*count;
      return true;
    });
    if (!counted) return counted;
  }
  const auto latest = newest_stream_time(**store);
  if (!latest) return std::unexpected(latest.error());
  if (*latest) manifest.stream_time = format_time(**latest);
  return {};
}

// Files that hold the store; what RocksDB says of its own doings is none.
bool is_store_file(const std::string& name) {
  return name != "LOCK" && !name.starts_with("LOG");
}

Result<void> take_files(const fs::path& checkpoint, const fs::path& to) {
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(checkpoint, code)) {
    const std::string name = entry.path().filename().string();
    if (!is_store_file(name)) continue;
    // Files of tables never change, and a link takes no room.
    std::error_code linked;
    if (entry.path().extension() == ".sst") {
      fs::create_hard_link(entry.path(), to / name, linked);
      if (!linked) continue;
    }
    auto copied = copy_durably(entry.path(), to / name);
    if (!copied) return copied;
  }
  if (code) return std::unexpected(failed("read", checkpoint, code));
  return {};
}

Result<void> measure_all(const fs::path& directory, BackupManifest& manifest) {
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(directory / "state", code)) {
    names.push_back("state/" + entry.path().filename().string());
  }
  if (code) return std::unexpected(failed("read", directory, code));
  if (fs::exists(directory / "author.key", code)) names.emplace_back("author.key");
  std::ranges::sort(names);
  for (const std::string& name : names) {
    auto file = measure_file(directory, name);
    if (!file) return std::unexpected(std::move(file.error()));
    manifest.files.push_back(std::move(*file));
  }
  return {};
}

Result<BackupManifest> read_manifest(const fs::path& backup) {
  std::ifstream stream(backup / "manifest.json", std::ios::binary);
  if (!stream) {
    return fail(Code::NotFound, fmt::format("{} has no manifest.json", backup.string()));
  }
  auto manifest = parse_manifest(std::string{std::istreambuf_iterator<char>(stream), {}});
  if (!manifest) manifest.error().message = backup.string() + ": " + manifest.error().message;
  return manifest;
}

Result<void> check_files(const fs::path& backup, const BackupManifest& manifest) {
  for (const BackupManifest::File& named : manifest.files) {
    auto file = measure_file(backup, named.name);
    if (!file) {
      return fail(Code::Corrupt, fmt::format("{}: {}", backup.string(), file.error().message));
    }
    if (file->bytes == named.bytes && file->xxh3 == named.xxh3) continue;
    return fail(
        Code::Corrupt,
        fmt::format("{}: {} is damaged: {} bytes with checksum {}, the manifest says {} "
                    "and {}; take another backup",
                    backup.string(), named.name, file->bytes, file->xxh3, named.bytes, named.xxh3));
  }
  return {};
}

// Whether the instance of this config may go on with the backup.
Result<void> check_fit(const Config& config, const fs::path& backup,
                       const BackupManifest& manifest) {
  const auto refuse = [&](const std::string& why) {
    return fail(Code::Invalid, fmt::format("{}: {}", backup.string(), why));
  };
  if (manifest.partitions != config.log.partitions) {
    return refuse(fmt::format("has {} partitions, the config says {}", manifest.partitions,
                              config.log.partitions));
  }
  if (manifest.topic_prefix != config.log.kafka.topic_prefix) {
    return refuse(fmt::format("is of topic prefix \"{}\", the config says \"{}\"",
                              manifest.topic_prefix, config.log.kafka.topic_prefix));
  }
  std::error_code ignored;
  std::optional<std::array<std::uint8_t, 32>> secret = config.author_key;
  for (const fs::path& file : {config.data_dir / "author.key", backup / "author.key"}) {
    if (secret || !fs::exists(file, ignored)) continue;
    auto read = read_secret(file);
    if (!read) return std::unexpected(std::move(read.error()));
    secret = *read;
  }
  if (!secret || fingerprint(*secret) != manifest.author_key) {
    return refuse(
        "was made under another secret of author keys; give that one as author_key, or put its "
        "author.key into the data directory");
  }
  return {};
}

Result<void> copy_state(const fs::path& backup, const BackupManifest& manifest,
                        const fs::path& to) {
  std::error_code code;
  fs::remove_all(to, code);
  fs::create_directories(to, code);
  if (code) return std::unexpected(failed("make", to, code));
  for (const BackupManifest::File& file : manifest.files) {
    if (!file.name.starts_with("state/")) continue;
    auto copied = copy_durably(backup / file.name, to / fs::path(file.name).filename());
    if (!copied) return copied;
  }
  return sync_directory(to);
}

// A file that another step may find half written has its name only when it is whole.
Result<void> restore_secret(const Config& config, const fs::path& backup) {
  const fs::path file = config.data_dir / "author.key";
  std::error_code code;
  if (fs::exists(file, code) || !fs::exists(backup / "author.key", code)) return {};
  auto copied = copy_durably(backup / "author.key", file.string() + ".partial");
  if (!copied) return copied;
  fs::rename(file.string() + ".partial", file, code);
  if (code) return std::unexpected(failed("write", file, code));
  return {};
}

// Two directories change places at once.
Result<void> exchange(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return {};
  return std::unexpected(
      failed("exchange", other, std::error_code(errno, std::generic_category())));
}

// Erasures of both files go into the second.
Result<void> add_erasures(const fs::path& from, const fs::path& to) {
  const auto here = read_erasures(from);
  if (!here) return std::unexpected(here.error());
  const auto there = read_erasures(to);
  if (!there) return std::unexpected(there.error());
  const std::vector<Erased> both = merged(*there, *here);
  if (both.empty() || both == *there) return {};
  auto written = write_durably(to.string() + ".partial", erasure_lines(both));
  if (!written) return written;
  std::error_code code;
  fs::permissions(to.string() + ".partial", fs::perms::owner_read | fs::perms::owner_write, code);
  fs::rename(to.string() + ".partial", to, code);
  if (code) return std::unexpected(failed("write", to, code));
  return {};
}

bool has_entries(const fs::path& directory) {
  std::error_code code;
  return fs::exists(directory, code) && !fs::is_empty(directory, code);
}

}  // namespace

Result<BackupInfo> make_backup(const Config& config, const fs::path& checkpoint, const fs::path& to,
                               Time now, const AtPoint& at_point) {
  BackupManifest manifest;
  manifest.product = VIGIE_VERSION;
  manifest.made_at = format_time(now);
  manifest.partitions = config.log.partitions;
  manifest.topic_prefix = config.log.kafka.topic_prefix;
  auto secret = author_secret(config);
  if (!secret) return std::unexpected(std::move(secret.error()));
  manifest.author_key = fingerprint(*secret);
  auto done = look_through(checkpoint, manifest);
  if (!done) return std::unexpected(std::move(done.error()));

  const fs::path partial = to / (std::string(kPartial) + stamp(now));
  const fs::path named = to / (std::string(kName) + stamp(now));
  std::error_code code;
  if (fs::exists(named, code)) {
    return fail(Code::Unavailable, fmt::format("{} is there already", named.string()));
  }
  fs::create_directories(partial / "state", code);
  if (code) return std::unexpected(failed("make", partial, code));
  fs::permissions(partial, fs::perms::owner_all, code);
  done = take_files(checkpoint, partial / "state");
  const fs::path key = config.data_dir / "author.key";
  if (done && !config.author_key && fs::exists(key, code)) {
    done = copy_durably(key, partial / "author.key");
  }
  at(at_point, "backup.files");
  if (done) done = measure_all(partial, manifest);
  if (done) done = write_durably(partial / "manifest.json", manifest_json(manifest));
  if (done) done = sync_directory(partial / "state");
  if (done) done = sync_directory(partial);
  at(at_point, "backup.manifest");
  if (!done) {
    fs::remove_all(partial, code);
    return std::unexpected(std::move(done.error()));
  }
  done = add_erasures(config.data_dir / kErasureBook, to / kErasureBook);
  if (!done) return std::unexpected(std::move(done.error()));
  fs::rename(partial, named, code);
  if (code) return std::unexpected(failed("name", named, code));
  done = sync_directory(to);
  if (!done) return std::unexpected(std::move(done.error()));
  at(at_point, "backup.named");
  BackupInfo info{
      named, manifest.partitions, manifest.ledger_records, manifest.counters, manifest.files.size(),
      0,     manifest.stream_time};
  for (const BackupManifest::File& file : manifest.files) info.bytes += file.bytes;
  return info;
}

namespace {

// Whole backups, oldest first.
std::vector<fs::path> backups_in(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(directory, code)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kName) && fs::exists(entry.path() / "manifest.json", code)) {
      out.push_back(entry.path());
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

Result<std::size_t> keep_backups(const fs::path& to, std::size_t keep) {
  std::error_code code;
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(to, code)) {
    if (entry.path().filename().string().starts_with(kPartial)) gone.push_back(entry.path());
  }
  const std::vector<fs::path> whole = backups_in(to);
  if (whole.size() > keep) {
    gone.insert(gone.end(), whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(keep));
  }
  for (const fs::path& one : gone) {
    // Without its manifest first: what is half removed must not look whole.
    fs::remove(one / "manifest.json", code);
    fs::remove_all(one, code);
    if (code) return std::unexpected(failed("remove", one, code));
  }
  return gone.size();
}

Result<fs::path> find_backup(const fs::path& from) {
  std::error_code code;
  if (fs::exists(from / "manifest.json", code)) return from;
  const std::vector<fs::path> whole = backups_in(from);
  if (whole.empty()) {
    return fail(Code::NotFound, fmt::format("{}: is no backup and holds none", from.string()));
  }
  return whole.back();
}

Result<fs::path> restore_backup(const Config& config, const fs::path& backup,
                                const RestoreOptions& options) {
  auto manifest = read_manifest(backup);
  if (!manifest) return std::unexpected(std::move(manifest.error()));
  for (auto checked : {check_fit(config, backup, *manifest), check_files(backup, *manifest)}) {
    if (!checked) return std::unexpected(std::move(checked.error()));
  }
  const fs::path state = config.data_dir / "state";
  const bool is_taken = has_entries(state);
  if (is_taken && !options.force) {
    return fail(Code::Invalid,
                fmt::format("{} is not empty; --force moves it aside", state.string()));
  }
  // What a killed restore left is a copy that was never in use.
  const fs::path partial = config.data_dir / "restore.partial";
  auto done = copy_state(backup, *manifest, partial);
  at(options.at_point, "restore.copied");
  BackupManifest opened;
  if (done) done = look_through(partial, opened);
  if (done && opened.ledger_records != manifest->ledger_records) {
    done =
        fail(Code::Corrupt, fmt::format("{}: has {} records, its manifest says {}", backup.string(),
                                        opened.ledger_records, manifest->ledger_records));
  }
  if (done) done = restore_secret(config, backup);
  // Before the store is in its place: it must not be started without.
  if (done) {
    done = add_erasures(fs::absolute(backup).parent_path() / kErasureBook,
                        config.data_dir / kErasureBook);
  }
  if (!done) return std::unexpected(std::move(done.error()));

  std::error_code code;
  fs::path aside;
  if (is_taken) {
    // Under this name it is a whole copy before the exchange, and the old store after it.
    aside = config.data_dir / ("state.replaced-" + stamp(options.now));
    if (fs::exists(aside, code)) {
      return fail(Code::Unavailable, fmt::format("{} is there already", aside.string()));
    }
    fs::rename(partial, aside, code);
    if (code) return std::unexpected(failed("make", aside, code));
    at(options.at_point, "restore.ready");
    done = exchange(aside, state);
  } else {
    at(options.at_point, "restore.ready");
    fs::rename(partial, state, code);
    if (code) done = std::unexpected(failed("make", state, code));
  }
  at(options.at_point, "restore.exchanged");
  if (done) done = sync_directory(config.data_dir);
  if (!done) return std::unexpected(std::move(done.error()));
  return aside;
}

}  // namespace vigie
