#include "rules/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <xxhash.h>

namespace vigie {
namespace {

// The bytes of the code point at `at` of valid UTF-8.
std::size_t code_point_length(std::string_view text, std::size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  const std::size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
  return std::min(length, text.size() - at);
}

bool matches(std::string_view pattern, std::string_view word) {
  std::size_t at = 0;
  for (const char c : pattern) {
    if (c == '*') return true;
    if (at == word.size()) return false;
    if (c == '?') {
      at += code_point_length(word, at);
    } else if (word[at] == c) {
      ++at;
    } else {
      return false;
    }
  }
  return at == word.size();
}

// A hash that grows byte by byte (FNV-1a), so that all prefixes of a word cost one pass.
constexpr std::uint64_t kFirstHash = 0xcbf29ce484222325;
std::uint64_t next_hash(std::uint64_t hash, char c) {
  return (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}
std::uint64_t prefix_hash(std::string_view prefix) {
  std::uint64_t hash = kFirstHash;
  for (const char c : prefix) hash = next_hash(hash, c);
  return hash;
}
// The bits of the hash of few bytes tell little each.
std::uint32_t mixed(std::uint64_t hash) {
  return static_cast<std::uint32_t>((hash ^ hash >> 29) * 0x9E3779B97F4A7C15 >> 32);
}

constexpr std::size_t kStart = 4;  // bytes of a prefix that tell its Start

std::uint32_t start_of(std::string_view word) {
  std::uint32_t start = 0;
  std::memcpy(&start, word.data(), std::min(word.size(), kStart));
  return start;
}
static_assert(std::endian::native == std::endian::little);

// A wildcard may be written like a word.
std::uint64_t hash_of(std::string_view text, bool wildcard) {
  const std::uint64_t hash = Vocabulary::hash(text);
  return wildcard ? ~hash : hash;
}

std::string_view before_wildcard(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("?*"));
}

}  // namespace

std::uint64_t Vocabulary::hash(std::string_view folded) {
  std::array<char, kReadable> bytes = {};
  if (folded.size() > bytes.size()) return long_hash(folded);
  std::ranges::copy(folded, bytes.begin());
  return hash_in_place({bytes.data(), folded.size()});
}

std::uint64_t Vocabulary::long_hash(std::string_view folded) {
  return XXH3_64bits(folded.data(), folded.size());
}

std::uint32_t Vocabulary::add(std::string_view text, bool wildcard) {
  if (slots_.size() < 2 * (size() + 1)) make_slots(4 * (size() + 64), true);
  const std::uint64_t whole = hash_of(text, wildcard);
  std::size_t at = slot_of(whole);
  for (; slots_[at].id != kNone; at = after(at)) {
    const std::uint32_t id = slots_[at].id;
    if (slots_[at].hash == static_cast<std::uint32_t>(whole) && wildcard_[id] == wildcard &&
        this->text(id) == text)
      return id;
  }
  const auto id = static_cast<std::uint32_t>(begins_.size());
  slots_[at] = {static_cast<std::uint32_t>(whole), id};
  begins_.push_back(static_cast<std::uint32_t>(texts_.size()));
  texts_ += text;
  wildcard_.push_back(wildcard);
  return id;
}

void Vocabulary::make_slots(std::size_t count, bool wildcards) {
  std::vector<Slot>(count).swap(slots_);
  for (std::uint32_t id = 0; id < size(); ++id) {
    if (wildcard_[id] && !wildcards) continue;
    const std::uint64_t whole = hash_of(text(id), wildcard_[id]);
    std::size_t at = slot_of(whole);
    while (slots_[at].id != kNone) at = after(at);
    slots_[at] = {static_cast<std::uint32_t>(whole), id};
  }
}

std::uint32_t Vocabulary::add_word(std::string_view folded) {
  return add(folded, false);
}

std::uint32_t Vocabulary::add_wildcard(std::string_view pattern) {
  return add(pattern, true);
}

void Vocabulary::freeze() {
  texts_.shrink_to_fit();
  begins_.shrink_to_fit();
  const auto words = static_cast<std::size_t>(std::ranges::count(wildcard_, false));
  // At most two in three are taken.
  make_slots(words + words / 2 + 16, false);
  // Sixteen bits a word.
  filter_.assign(words / 4 + 4, 0);
  for (const Slot& slot : slots_) {
    if (slot.id == kNone) continue;
    const std::uint64_t whole = hash(text(slot.id));
    filter_[part_of(whole, filter_.size())] |= std::uint64_t{1} << (whole & 63);
  }
  if (words < size()) freeze_wildcards();
}

void Vocabulary::freeze_wildcards() {
  for (std::uint32_t id = 0; id < size(); ++id) {
    if (wildcard_[id]) wildcards_.push_back(id);
  }
  const auto prefix = [this](std::uint32_t id) { return before_wildcard(text(id)); };
  std::ranges::sort(wildcards_, {}, prefix);
  struct Run {
    std::uint32_t begin;
    std::uint32_t count;
  };
  std::vector<Run> runs;
  for (std::uint32_t i = 0; i < wildcards_.size(); ++i) {
    if (i == 0 || prefix(wildcards_[i]) != prefix(wildcards_[i - 1])) runs.push_back({i, 0});
    ++runs.back().count;
  }
  wildcards_.shrink_to_fit();
  prefixes_.assign(runs.size() + runs.size() / 2 + 2, Prefix{});
  std::size_t starts = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto start = [&](std::size_t run) {
      return start_of(prefix(wildcards_[runs[run].begin]));
    };
    if (i == 0 || start(i) != start(i - 1)) ++starts;
  }
  starts_.assign(2 * starts + 2, Start{});
  const std::size_t bits = std::bit_ceil(std::max<std::size_t>(64, starts * 16));
  start_filter_.assign(bits / 32, 0);
  start_shift_ = 32 - static_cast<std::uint32_t>(std::countr_zero(bits));
  for (const Run& run : runs) add_prefix(prefix(wildcards_[run.begin]), run.begin, run.count);
}

void Vocabulary::add_prefix(std::string_view prefix, std::uint32_t begin, std::uint32_t count) {
  const std::uint32_t hash = mixed(prefix_hash(prefix));
  std::size_t at = slot_of_prefix(hash);
  while (prefixes_[at].count != 0) at = at + 1 == prefixes_.size() ? 0 : at + 1;
  prefixes_[at] = {hash, begin, count};
  const std::uint32_t bytes = start_of(prefix);
  Start& start = starts_[slot_of_start(bytes)];
  start.bytes = bytes;
  start.lengths |= std::uint32_t{1} << std::min<std::size_t>(prefix.size(), kLongest);
  const std::uint32_t bit = start_hash(bytes) >> start_shift_;
  start_filter_[bit / 32] |= std::uint32_t{1} << (bit % 32);
  const std::uint32_t mask = first_bytes(~std::uint32_t{0}, prefix.size());
  const auto place = std::ranges::lower_bound(start_masks_, mask);
  if (place == start_masks_.end() || *place != mask) start_masks_.insert(place, mask);
  longest_ = std::max(longest_, prefix.size());
}

// Where these first bytes stand, or may come to stand.
std::size_t Vocabulary::slot_of_start(std::uint32_t bytes) const {
  std::size_t at = std::uint64_t{start_hash(bytes)} * starts_.size() >> 32;
  while (starts_[at].bytes != 0 && starts_[at].bytes != bytes)
    at = at + 1 == starts_.size() ? 0 : at + 1;
  return at;
}

std::uint32_t Vocabulary::find(std::string_view folded, std::uint64_t hash) const {
  for (std::size_t at = slot_of(hash); slots_[at].id != kNone; at = after(at)) {
    if (slots_[at].hash == static_cast<std::uint32_t>(hash) && text(slots_[at].id) == folded) {
      return slots_[at].id;
    }
  }
  return kNone;
}

void Vocabulary::append_wildcards(const Beginning& beginning, std::string_view folded,
                                  std::vector<std::uint32_t>& out) const {
  std::size_t at = slot_of_prefix(beginning.hash);
  for (; prefixes_[at].count != 0; at = at + 1 == prefixes_.size() ? 0 : at + 1) {
    if (prefixes_[at].hash != beginning.hash) continue;
    for (std::uint32_t i = 0; i < prefixes_[at].count; ++i) {
      const std::uint32_t id = wildcards_[prefixes_[at].begin + i];
      if (matches(text(id), folded)) out.push_back(id);
    }
  }
}

void Vocabulary::find_beginnings(std::string_view folded, std::uint32_t word,
                                 std::vector<Beginning>& out) const {
  const std::uint32_t start = start_of(folded);
  std::uint32_t lengths = 0;
  for (const std::uint32_t mask : start_masks_)
    lengths |= starts_[slot_of_start(start & mask)].lengths;
  if (lengths == 0) return;
  std::uint64_t hash = kFirstHash;
  const std::size_t longest = std::min(folded.size(), longest_);
  for (std::size_t size = 1; size <= longest; ++size) {
    const std::uint32_t left = lengths >> std::min<std::size_t>(size, kLongest);
    if (left == 0) return;
    hash = next_hash(hash, folded[size - 1]);
    if ((left & 1) == 0) continue;
    out.push_back({word, mixed(hash)});
    __builtin_prefetch(&prefixes_[slot_of_prefix(out.back().hash)]);
  }
}

}  // namespace vigie
