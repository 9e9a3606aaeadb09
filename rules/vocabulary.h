#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace vigie {

// The words and wildcards that the queries of a rule set use, each with a number. Words that no
// query uses die at one bit of a table.
class Vocabulary {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Of a word's folded form; what find() takes beside it. The second is the same, of a word behind
  // which kReadable bytes may be read.
  static constexpr std::size_t kReadable = 16;
  static std::uint64_t hash(std::string_view folded);
  static std::uint64_t hash_in_place(std::string_view folded) {
    const std::size_t size = folded.size();
    if (size > kReadable) return long_hash(folded);
    return short_hash(load(folded.data()) & kBytes[size][0],
                      load(folded.data() + 8) & kBytes[size][1], size);
  }

  // The number of a folded word, of a wildcard (folded; `?` is one code point, a `*` at the end any
  // continuation). Equal ones get equal numbers.
  std::uint32_t add_word(std::string_view folded);
  std::uint32_t add_wildcard(std::string_view pattern);

  // After the last add.
  void freeze();

  // Words and wildcards together; their numbers are below it.
  std::size_t size() const { return begins_.size(); }
  std::string_view text(std::uint32_t id) const {
    const std::size_t end = id + 1 < begins_.size() ? begins_[id + 1] : texts_.size();
    return std::string_view(texts_).substr(begins_[id], end - begins_[id]);
  }
  bool is_wildcard(std::uint32_t id) const { return wildcard_[id]; }
  bool has_wildcards() const { return !prefixes_.empty(); }

  // After freeze(). Whether a word of this hash may be known; false is certain.
  bool may_hold(std::uint64_t hash) const {
    return (filter_[part_of(hash, filter_.size())] >> (hash & 63) & 1) != 0;
  }
  std::uint32_t find(std::string_view folded, std::uint64_t hash) const;

  // The tables of many rules do not fit the caches. Who looks many words up fetches for all of them
  // what the next step reads: the filter, of what may be held the slot, of what has a likely number
  // the place of its text, then the text.
  void prefetch_filter(std::uint64_t hash) const {
    __builtin_prefetch(&filter_[part_of(hash, filter_.size())]);
  }
  void prefetch_slot(std::uint64_t hash) const { __builtin_prefetch(&slots_[slot_of(hash)]); }
  // The number that find() compares first, or kNone where it has none to compare.
  std::uint32_t likely(std::uint64_t hash) const {
    std::size_t at = slot_of(hash);
    while (slots_[at].id != kNone && slots_[at].hash != static_cast<std::uint32_t>(hash))
      at = after(at);
    return slots_[at].id;
  }
  void prefetch_place(std::uint32_t id) const { __builtin_prefetch(&begins_[id]); }
  void prefetch_text(std::uint32_t id) const { __builtin_prefetch(&texts_[begins_[id]]); }

  // Whether some wildcard may begin as the word does; false is certain. kReadable bytes behind the
  // word may be read.
  bool may_begin(std::string_view folded) const {
    std::uint32_t start = 0;
    std::memcpy(&start, folded.data(), sizeof(start));
    start = first_bytes(start, folded.size());
    std::uint32_t found = 0;
    for (const std::uint32_t mask : start_masks_) {
      const std::uint32_t bit = start_hash(start & mask) >> start_shift_;
      found |= start_filter_[bit / 32] >> (bit % 32);
    }
    return (found & 1) != 0;
  }
  // The first bytes of a word that are what stands before the `?` or `*` of some wildcard, by a
  // hash.
  struct Beginning {
    std::uint32_t word = 0;  // whatever the caller calls it
    std::uint32_t hash = 0;
  };
  // Appends the beginnings of the word, and fetches into the cache what append_wildcards() reads.
  void find_beginnings(std::string_view folded, std::uint32_t word,
                       std::vector<Beginning>& out) const;
  // Appends the wildcards with this beginning that match the word.
  void append_wildcards(const Beginning& beginning, std::string_view folded,
                        std::vector<std::uint32_t>& out) const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = kNone;
  };
  // What stands before the first `?` or `*` of a wildcard, and the wildcards that begin so: a run
  // of `wildcards_`.
  struct Prefix {
    std::uint32_t hash = 0;
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
  };
  static constexpr std::uint32_t kLongest = 31;
  __extension__ using Wide = unsigned __int128;

  // The bytes of a word as two numbers, the rest of them 0. One multiplication for any length: the
  // lengths of words follow no pattern that a processor could foresee.
  static std::uint64_t short_hash(std::uint64_t low, std::uint64_t high, std::size_t size) {
    constexpr std::uint64_t kLow = 0x9E3779B97F4A7C15;
    constexpr std::uint64_t kHigh = 0xC2B2AE3D27D4EB4F;
    const Wide product = Wide{low ^ kLow} * ((high ^ kHigh) + (std::uint64_t{size} << 56));
    const auto halves =
        static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    return (halves ^ halves >> 32) * kLow;
  }
  static std::uint64_t long_hash(std::string_view folded);
  static std::uint64_t load(const char* at) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof(bytes));
    return bytes;
  }
  // By the size of a word: its bytes among the first eight and the eight behind.
  static constexpr std::array<std::array<std::uint64_t, 2>, kReadable + 1> kBytes = [] {
    std::array<std::array<std::uint64_t, 2>, kReadable + 1> masks = {};
    for (std::size_t size = 1; size < masks.size(); ++size) {
      masks[size] = masks[size - 1];
      masks[size][(size - 1) / 8] = masks[size][(size - 1) / 8] << 8 | 0xFF;
    }
    return masks;
  }();

  // Up to `size` of the first bytes of a word, of which none is 0.
  static std::uint32_t first_bytes(std::uint32_t start, std::size_t size) {
    return size >= 4 ? start : start & ((std::uint32_t{1} << (8 * size)) - 1);
  }
  static std::uint32_t start_hash(std::uint32_t bytes) { return bytes * 0x9E3779B1U; }

  // The upper half of the hash, spread over however many places there are.
  static std::size_t part_of(std::uint64_t hash, std::size_t places) {
    return (hash >> 32) * places >> 32;
  }
  std::size_t slot_of(std::uint64_t hash) const { return part_of(hash, slots_.size()); }
  std::size_t after(std::size_t slot) const { return slot + 1 == slots_.size() ? 0 : slot + 1; }

  std::uint32_t add(std::string_view text, bool wildcard);
  void make_slots(std::size_t count, bool wildcards);
  void freeze_wildcards();
  std::size_t slot_of_start(std::uint32_t bytes) const;
  std::size_t slot_of_prefix(std::uint32_t hash) const {
    return std::uint64_t{hash} * prefixes_.size() >> 32;
  }
  void add_prefix(std::string_view prefix, std::uint32_t begin, std::uint32_t count);

  std::string texts_;                  // one after the other
  std::vector<std::uint32_t> begins_;  // by number: where its text begins
  std::vector<bool> wildcard_;
  // A table with open addressing. Until frozen it holds wildcards, too, and grows; after, words.
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> filter_;

  std::vector<std::uint32_t> wildcards_;
  std::vector<Prefix> prefixes_;  // a table with open addressing; `count` 0 is free
  // The first bytes of prefixes, up to four, and which lengths of prefixes in bytes begin so: bit
  // kLongest is that length and all beyond. A table with open addressing; bytes of 0 are free.
  struct Start {
    std::uint32_t bytes = 0;
    std::uint32_t lengths = 0;
  };
  std::vector<Start> starts_;
  std::vector<std::uint32_t> start_filter_;  // bits by a hash of the same bytes
  std::uint32_t start_shift_ = 0;            // leaves a bit of it
  std::vector<std::uint32_t>
      start_masks_;  // the bytes of a word that some Start has, shortest first
  std::size_t longest_ = 0;
};

}  // namespace vigie
