#include "rules/vocabulary.h"

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL  // words are short: the call would cost as much as the hash
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
// The low bits of the hash of few bytes tell little.
std::size_t mixed(std::uint64_t hash) {
  return static_cast<std::size_t>(hash ^ (hash >> 29) ^ (hash >> 43));
}
constexpr std::size_t kLengthSlots = 2048;
constexpr std::size_t kStart = 4;  // bytes of a prefix that choose its slot

std::string_view before_wildcard(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("?*"));
}

}  // namespace

std::uint64_t Vocabulary::hash(std::string_view folded) {
  return XXH3_64bits(folded.data(), folded.size());
}

std::uint32_t Vocabulary::add(std::string_view text, bool wildcard) {
  std::string key;
  if (wildcard) key += '\0';
  key += text;
  const auto [found, added] =
      ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(begins_.size()));
  if (added) {
    begins_.push_back(static_cast<std::uint32_t>(texts_.size()));
    texts_ += text;
    wildcard_.push_back(wildcard);
  }
  return found->second;
}

std::uint32_t Vocabulary::add_word(std::string_view folded) {
  return add(folded, false);
}

std::uint32_t Vocabulary::add_wildcard(std::string_view pattern) {
  return add(pattern, true);
}

void Vocabulary::freeze() {
  // Gives its memory back, which clear() would not.
  std::unordered_map<std::string, std::uint32_t>().swap(ids_);
  texts_.shrink_to_fit();
  begins_.shrink_to_fit();
  const auto words = static_cast<std::size_t>(std::ranges::count(wildcard_, false));
  // At most two in three are taken.
  slots_.assign(words + words / 2 + 16, Slot{});
  filter_.assign(std::bit_ceil(std::max<std::size_t>(4, words / 4)), 0);
  filter_mask_ = filter_.size() - 1;
  for (std::uint32_t id = 0; id < size(); ++id) {
    if (wildcard_[id]) continue;
    const std::uint64_t whole = hash(text(id));
    filter_[(whole >> 6) & filter_mask_] |= std::uint64_t{1} << (whole & 63);
    std::size_t at = slot_of(whole);
    while (slots_[at].id != kNone) at = after(at);
    slots_[at] = {static_cast<std::uint32_t>(whole), id};
  }
  if (words < size()) freeze_wildcards();
}

void Vocabulary::freeze_wildcards() {
  for (std::uint32_t id = 0; id < size(); ++id) {
    if (wildcard_[id]) wildcards_.push_back(id);
  }
  const auto prefix = [this](std::uint32_t id) { return before_wildcard(text(id)); };
  std::ranges::sort(wildcards_, {}, prefix);
  prefixes_.assign(std::bit_ceil(wildcards_.size() * 2), Prefix{});
  lengths_.assign(kStart * kLengthSlots, 0);
  const std::size_t mask = prefixes_.size() - 1;
  for (std::uint32_t begin = 0; begin < wildcards_.size();) {
    std::uint32_t end = begin;
    const std::string_view here = prefix(wildcards_[begin]);
    while (end < wildcards_.size() && prefix(wildcards_[end]) == here) ++end;
    const std::uint64_t whole = prefix_hash(here);
    std::size_t at = mixed(whole) & mask;
    while (prefixes_[at].count != 0) at = (at + 1) & mask;
    prefixes_[at] = {whole, begin, end - begin};
    const std::string_view start = here.substr(0, kStart);
    const std::size_t bucket = mixed(prefix_hash(start)) % kLengthSlots;
    lengths_[(start.size() - 1) * kLengthSlots + bucket] |= std::uint64_t{1}
                                                            << std::min(here.size(), kLongest);
    longest_ = std::max(longest_, here.size());
    begin = end;
  }
}

std::uint32_t Vocabulary::find(std::string_view folded, std::uint64_t hash) const {
  for (std::size_t at = slot_of(hash); slots_[at].id != kNone; at = after(at)) {
    if (slots_[at].hash == static_cast<std::uint32_t>(hash) && text(slots_[at].id) == folded) {
      return slots_[at].id;
    }
  }
  return kNone;
}

void Vocabulary::append_wildcards(std::uint64_t hash, std::string_view folded,
                                  std::vector<std::uint32_t>& out) const {
  const std::size_t mask = prefixes_.size() - 1;
  for (std::size_t at = mixed(hash) & mask; prefixes_[at].count != 0; at = (at + 1) & mask) {
    if (prefixes_[at].hash != hash) continue;
    for (std::uint32_t i = 0; i < prefixes_[at].count; ++i) {
      const std::uint32_t id = wildcards_[prefixes_[at].begin + i];
      if (matches(text(id), folded)) out.push_back(id);
    }
  }
}

void Vocabulary::find_wildcards(std::string_view folded, std::vector<std::uint32_t>& out) const {
  if (prefixes_.empty() || folded.empty()) return;
  std::uint64_t hash = kFirstHash;
  std::uint64_t lengths = 0;
  const std::size_t start = std::min(folded.size(), kStart);
  std::uint64_t start_hash = kFirstHash;
  for (std::size_t i = 0; i < start; ++i) {
    start_hash = next_hash(start_hash, folded[i]);
    lengths |= lengths_[i * kLengthSlots + mixed(start_hash) % kLengthSlots];
  }
  if (lengths == 0) return;
  const std::size_t longest = std::min(folded.size(), longest_);
  for (std::size_t size = 1; size <= longest; ++size) {
    const std::uint64_t left = lengths >> std::min(size, kLongest);
    if (left == 0) return;
    hash = next_hash(hash, folded[size - 1]);
    if ((left & 1) != 0) append_wildcards(hash, folded, out);
  }
}

}  // namespace vigie
