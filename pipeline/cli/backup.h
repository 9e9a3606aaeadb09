#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "pipeline/cli/config.h"
#include "pipeline/cli/crash_point.h"
#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"

namespace vigie {

// A backup is a directory `backup-TIME` with `state`, the checkpoint of a store, the file
// author.key where the service made one, and manifest.json, which names every file with its size
// and checksum. It has its name once all of it is on disk.
//
// Beside the backups stands kErasureBook, with every erasure that any of them was made after, so
// that an older one that is restored learns of it. It names nobody.
constexpr std::string_view kErasureBook = "erasures.ndjson";

struct BackupInfo {
  std::filesystem::path directory;
  std::int32_t partitions = 0;
  std::uint64_t ledger_records = 0;
  std::uint64_t counters = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::string stream_time;  // RFC 3339; empty: nothing was counted yet
};

// Makes a backup below `to` of a checkpoint, whose files it links where it can. The checkpoint is
// opened and read through first: Corrupt when it is damaged.
Result<BackupInfo> make_backup(const Config& config, const std::filesystem::path& checkpoint,
                               const std::filesystem::path& to, Time now, const AtPoint& at_point);

// Removes all but the newest `keep` whole backups below `to`, and what a killed one left. Returns
// how many were removed.
Result<std::size_t> keep_backups(const std::filesystem::path& to, std::size_t keep);

// The backup that `from` is, or the newest below it. NotFound when there is none.
Result<std::filesystem::path> find_backup(const std::filesystem::path& from);

struct RestoreOptions {
  bool force = false;  // moves what is there aside
  Time now;
  AtPoint at_point;
};
// Puts the store of a whole and fitting backup into the place of the data directory's, at once:
// whenever it is cut short, either the old or the new one stands there, whole. Returns where the
// old one was moved; empty when there was none.
Result<std::filesystem::path> restore_backup(const Config& config,
                                             const std::filesystem::path& backup,
                                             const RestoreOptions& options);

}  // namespace vigie
