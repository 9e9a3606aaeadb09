#include "rules/vocabulary.h"

#include <algorithm>
#include <bit>

#include <xxhash.h>

namespace vigie {
namespace {

std::uint64_t hash_of(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

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

}  // namespace

std::size_t Vocabulary::bucket(std::string_view text) {
  const std::size_t first = static_cast<unsigned char>(text[0]);
  const std::size_t second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0;
  return first | second << 8;
}

std::uint32_t Vocabulary::add_word(std::string_view folded) {
  const auto [found, added] =
      ids_.try_emplace(std::string(folded), static_cast<std::uint32_t>(texts_.size()));
  if (added) {
    texts_.emplace_back(folded);
    wildcard_.push_back(false);
  }
  return found->second;
}

std::uint32_t Vocabulary::add_wildcard(std::string_view pattern) {
  const auto [found, added] = ids_.try_emplace(std::string(1, '\0') + std::string(pattern),
                                               static_cast<std::uint32_t>(texts_.size()));
  if (added) {
    texts_.emplace_back(pattern);
    wildcard_.push_back(true);
  }
  return found->second;
}

void Vocabulary::freeze() {
  ids_.clear();
  slots_.assign(std::bit_ceil(std::max<std::size_t>(16, texts_.size() * 4)), Slot{});
  const std::size_t mask = slots_.size() - 1;
  for (std::uint32_t id = 0; id < texts_.size(); ++id) {
    const std::string_view text = texts_[id];
    if (!wildcard_[id]) {
      const std::uint64_t hash = hash_of(text);
      std::size_t at = hash & mask;
      while (slots_[at].id != kNone) at = (at + 1) & mask;
      slots_[at] = {hash, id};
      continue;
    }
    if (lengths_.empty()) lengths_.resize(65536);
    const std::string_view prefix = text.substr(0, text.find_first_of("?*"));
    prefixes_[hash_of(prefix)].push_back(id);
    const std::uint64_t bit = std::uint64_t{1} << std::min<std::size_t>(prefix.size(), 63);
    if (prefix.size() >= 63) long_lengths_.push_back(prefix.size());
    // A prefix of one byte stands before any second byte, also before none.
    for (std::size_t second = 0; prefix.size() == 1 && second < 256; ++second) {
      lengths_[bucket(prefix) | second << 8] |= bit;
    }
    lengths_[bucket(prefix)] |= bit;
  }
  std::ranges::sort(long_lengths_);
  const auto [first, last] = std::ranges::unique(long_lengths_);
  long_lengths_.erase(first, last);
}

std::uint32_t Vocabulary::find(std::string_view folded) const {
  if (slots_.empty()) return kNone;
  const std::uint64_t hash = hash_of(folded);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at].id != kNone; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && texts_[slots_[at].id] == folded) return slots_[at].id;
  }
  return kNone;
}

void Vocabulary::find_wildcards(std::string_view folded, std::vector<std::uint32_t>& out) const {
  if (lengths_.empty() || folded.empty()) return;
  std::uint64_t lengths = lengths_[bucket(folded)];
  const auto probe = [&](std::size_t length) {
    if (length > folded.size()) return;
    const auto found = prefixes_.find(hash_of(folded.substr(0, length)));
    if (found == prefixes_.end()) return;
    for (const std::uint32_t id : found->second) {
      if (matches(texts_[id], folded)) out.push_back(id);
    }
  };
  for (; lengths != 0; lengths &= lengths - 1) {
    const auto length = static_cast<std::size_t>(std::countr_zero(lengths));
    if (length < 63) {
      probe(length);
    } else {
      for (const std::size_t each : long_lengths_) probe(each);
    }
  }
}

}  // namespace vigie
