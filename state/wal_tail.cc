// The log is RocksDB's (and LevelDB's): blocks of 32 KiB, each of records that stay within it:
//   record := crc:u32 size:u16 type:u8 bytes     ; little-endian; fewer than 7 bytes are filled up
// `crc` is a masked CRC-32C of type and bytes. A write begins with a record of type 1 (all of it)
// or 2 (its first part).
#include "state/wal_tail.h"

#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace vigie {
namespace {

constexpr std::size_t kBlock = 32768;
constexpr std::size_t kHeader = 7;
constexpr std::uint8_t kWhole = 1;
constexpr std::uint8_t kFirst = 2;

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82F63B78U : crc >> 1;
    table[i] = crc;
  }
  return table;
}

std::uint32_t masked_crc(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  std::uint32_t crc = ~0U;
  for (const char c : bytes) crc = kTable[(crc ^ static_cast<std::uint8_t>(c)) & 0xff] ^ crc >> 8;
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

std::uint32_t little(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

// The newest log of the directory; logs are numbered.
std::filesystem::path newest_log(const std::filesystem::path& directory) {
  std::filesystem::path newest;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() != ".log") continue;
    if (newest.empty() || entry.path().filename() > newest.filename()) newest = entry.path();
  }
  return newest;
}

}  // namespace

bool ends_in_a_torn_write(const std::filesystem::path& directory) {
  std::ifstream stream(newest_log(directory), std::ios::binary);
  const std::string log{std::istreambuf_iterator<char>(stream), {}};
  bool torn = false;
  for (std::size_t block = 0; block < log.size(); block += kBlock) {
    std::string_view rest = std::string_view(log).substr(block, kBlock);
    while (rest.size() >= kHeader) {
      const std::size_t size = little(rest.substr(4, 2));
      const auto type = static_cast<std::uint8_t>(rest[6]);
      const bool holds = type != 0 && size <= rest.size() - kHeader &&
                         masked_crc(rest.substr(6, size + 1)) == little(rest.substr(0, 4));
      if (!holds) {
        // Where the next record begins in this block nobody knows.
        torn = true;
        break;
      }
      if (torn && (type == kWhole || type == kFirst)) return false;
      rest.remove_prefix(kHeader + size);
    }
  }
  return torn;
}

}  // namespace vigie
