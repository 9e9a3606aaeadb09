#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/error.h"

namespace vigie {

// What manifest.json of a backup says, and what holds together what it names.
struct BackupManifest {
  struct File {
    std::string name;  // from the backup's directory: state/000012.sst
    std::uint64_t bytes = 0;
    std::string xxh3;  // 128 bits in hex
  };
  std::string product;  // version of the program that made it
  std::string made_at;
  std::int32_t partitions = 0;
  std::string topic_prefix;
  std::string stream_time;
  std::string author_key;  // fingerprint of the secret of author keys
  std::uint64_t ledger_records = 0;
  std::uint64_t counters = 0;
  std::vector<File> files;
};

std::string manifest_json(const BackupManifest& manifest);
// Corrupt when it is damaged, of another format, or names a file outside of its directory.
Result<BackupManifest> parse_manifest(std::string_view json);

// Size and checksum of a file as they are. Unavailable when it cannot be read.
Result<BackupManifest::File> measure_file(const std::filesystem::path& directory,
                                          const std::string& name);

// Copies a file and waits until the disk has it.
Result<void> copy_durably(const std::filesystem::path& from, const std::filesystem::path& to);
Result<void> write_durably(const std::filesystem::path& file, std::string_view text);
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace vigie
