#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "state/store.h"

namespace vigie {

// Private to this folder: what a batch holds until the store writes it.
struct StoreBatch::Impl {
  // The families belong to a database; a batch is not bound to one, so it keeps its own list and is
  // translated when it is written. Keys and values lie one behind the other in `bytes`.
  struct Change {
    enum class Kind : std::uint8_t { Put, Merge, Erase, EraseRange } kind;
    Space space;
    std::size_t begin;
    std::size_t key_size;
    std::size_t value_size;
  };
  std::vector<Change> changes;
  std::string bytes;

  void add(Change::Kind kind, Space space, std::string_view key, std::string_view value) {
    changes.push_back({kind, space, bytes.size(), key.size(), value.size()});
    bytes += key;
    bytes += value;
  }
  std::string_view key(const Change& change) const {
    return {bytes.data() + change.begin, change.key_size};
  }
  std::string_view value(const Change& change) const {
    return {bytes.data() + change.begin + change.key_size, change.value_size};
  }
};

}  // namespace vigie
