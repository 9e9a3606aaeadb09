#pragma once

#include <filesystem>

namespace vigie {

// Whether what is damaged in the newest write-ahead log of a RocksDB is its end: no whole write
// follows the first record that does not hold. False when nothing is damaged there.
bool ends_in_a_torn_write(const std::filesystem::path& directory);

}  // namespace vigie
