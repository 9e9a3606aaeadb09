#include "rules/atoms.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <re2/filtered_re2.h>

#include "rules/characters.h"
#include "rules/lanes.h"

namespace vigie {
namespace {

char* put_utf8(char* out, char32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    *out++ = static_cast<char>(c);
  } else if (c < 0x800) {
    *out++ = static_cast<char>(0xC0 | c >> 6);
    *out++ = tail(0);
  } else if (c < 0x10000) {
    *out++ = static_cast<char>(0xE0 | c >> 12);
    *out++ = tail(6);
    *out++ = tail(0);
  } else {
    *out++ = static_cast<char>(0xF0 | c >> 18);
    *out++ = tail(12);
    *out++ = tail(6);
    *out++ = tail(0);
  }
  return out;
}

bool is_beyond_ascii(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

// Between the letters with case of other blocks: Han, Kana, Hangul and what stands beside them.
bool is_caseless(char32_t c) {
  return (c >= 0x2E80 && c < 0xA640) || (c >= 0xAC00 && c < 0xD800);
}

// The code points of two bytes with their case folded.
class CasePairs {
 public:
  CasePairs() {
    for (std::size_t c = 0x80; c < pairs_.size(); ++c) {
      const CharacterPage& page = Characters::page(static_cast<char32_t>(c));
      Pair& pair = pairs_[c];
      std::array<char, 4> folded = {};
      pair.size = static_cast<std::uint8_t>(put_utf8(folded.data(), page.case_folded[c & 0xFF]) -
                                            folded.data());
      std::copy_n(folded.begin(), pair.folded.size(), pair.folded.begin());
    }
  }

  // Writes the code point at `at`, which is beyond ASCII, and moves on to the next one.
  char* fold(const char*& at, const char* end, char* to) const {
    const auto lead = static_cast<unsigned char>(*at);
    if (lead >= 0xC2 && lead < 0xE0 && end - at >= 2 && (at[1] & 0xC0) == 0x80) {
      const Pair& pair =
          pairs_[static_cast<std::size_t>(lead & 0x1F) << 6 | static_cast<unsigned>(at[1] & 0x3F)];
      std::memcpy(to, pair.folded.data(), pair.folded.size());
      at += 2;
      return to + pair.size;
    }
    const Decoded next = decode(at, end);
    at += next.size;
    if (is_caseless(next.code_point)) {
      std::memcpy(to, at - 3, 3);
      return to + 3;
    }
    return put_utf8(to, Characters::page(next.code_point).case_folded[next.code_point & 0xFF]);
  }

 private:
  struct Pair {
    std::array<char, 3> folded = {};
    std::uint8_t size = 0;
  };
  std::array<Pair, 0x800> pairs_;
};

constexpr std::size_t kMostToChooseFrom = 200;

// Windows are compared as they are loaded.
static_assert(std::endian::native == std::endian::little);

std::uint32_t bytes_at(std::string_view text, std::size_t at, std::uint32_t size) {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, text.data() + at, size);
  return bytes;
}

}  // namespace

void Atoms::fold_case(std::string_view text, std::string& out) {
  static const CasePairs kPairs;
  const char* const end = text.data() + text.size();
  const auto fold = [&](char* const begin, std::size_t) {
    char* to = begin;
    for (const char* at = text.data(); at < end;) {
      if (end - at >= static_cast<std::ptrdiff_t>(Lane::kSize)) {
        const Lane lane = Lane::load(at);
        lower_case(lane).store(to);
        const int plain = std::countr_zero(lane.high_bits() | 1U << Lane::kSize);
        at += plain;
        to += plain;
        if (plain == static_cast<int>(Lane::kSize)) continue;
      } else if (!is_beyond_ascii(*at)) {
        *to++ = static_cast<char>(*at >= 'A' && *at <= 'Z' ? *at | 0x20 : *at);
        ++at;
        continue;
      }
      while (at < end && is_beyond_ascii(*at)) to = kPairs.fold(at, end, to);
    }
    return static_cast<std::size_t>(to - begin);
  };
  // A byte that is no part of a code point becomes three.
  out.resize_and_overwrite(3 * text.size() + Lane::kSize, fold);
}

// RE2 itself knows what a regex needs, as a tree over strings that it does not show. A set of these
// strings is needed when the regex may not match with all others there: taken away one by one, the
// most frequent (shortest) first, as long as that holds.
std::vector<std::string> Atoms::needed_by(std::string_view pattern, bool ignore_case) {
  re2::FilteredRE2 filter(static_cast<int>(kShortest));
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(!ignore_case);
  int id = 0;
  const auto added = filter.Add(re2::StringPiece(pattern.data(), pattern.size()), options, &id);
  if (added != re2::RE2::NoError) return {};
  std::vector<std::string> atoms;
  filter.Compile(&atoms);
  if (atoms.empty()) return {};
  const auto may_match = [&](const std::vector<int>& there) {
    std::vector<int> potentials;
    filter.AllPotentials(there, &potentials);
    return !potentials.empty();
  };
  if (may_match({})) return {};
  const auto folded_all = [&](const std::vector<std::string>& list) {
    std::vector<std::string> out;
    for (const std::string& atom : list) {
      fold_case(atom, out.emplace_back());
      if (out.back().size() < kShortest) return std::vector<std::string>();
    }
    return out;
  };
  // Choosing among very many would cost the square of their number.
  if (atoms.size() > kMostToChooseFrom) return folded_all(atoms);
  std::vector<int> order(atoms.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const auto text = [&](int i) -> const std::string& { return atoms[static_cast<std::size_t>(i)]; };
  std::ranges::sort(order, [&](int a, int b) {
    return std::pair(text(a).size(), std::string_view(text(a))) <
           std::pair(text(b).size(), std::string_view(text(b)));
  });
  std::vector<int> others;
  std::vector<std::string> needed;
  for (const int i : order) {
    others.push_back(i);
    if (!may_match(others)) continue;
    others.pop_back();
    needed.push_back(text(i));
  }
  return folded_all(needed);
}

std::uint32_t Atoms::add(const std::string& atom) {
  const auto [found, added] = ids_.try_emplace(atom, static_cast<std::uint32_t>(begins_.size()));
  if (added) {
    begins_.push_back(static_cast<std::uint32_t>(texts_.size()));
    texts_ += atom;
  }
  return found->second;
}

void Atoms::freeze() {
  std::unordered_map<std::string, std::uint32_t>().swap(ids_);
  texts_.shrink_to_fit();
  begins_.shrink_to_fit();
  // The window of an atom is the one that the fewest atoms share.
  std::unordered_map<std::uint32_t, std::uint32_t> uses;
  for (std::uint32_t atom = 0; atom < size(); ++atom) {
    for (std::size_t at = 0; at + 4 <= text(atom).size(); ++at) ++uses[bytes_at(text(atom), at, 4)];
  }
  std::vector<Window> threes;
  std::vector<Window> fours;
  for (std::uint32_t atom = 0; atom < size(); ++atom) {
    const std::string_view whole = text(atom);
    if (whole.size() == kShortest) {
      threes.push_back({bytes_at(whole, 0, 3), atom, 0});
      continue;
    }
    std::size_t best = 0;
    for (std::size_t at = 1; at + 4 <= whole.size(); ++at) {
      if (uses[bytes_at(whole, at, 4)] < uses[bytes_at(whole, best, 4)]) best = at;
    }
    fours.push_back({bytes_at(whole, best, 4), atom, static_cast<std::uint32_t>(best)});
  }
  threes_ = make_table(std::move(threes), 3);
  fours_ = make_table(std::move(fours), 4);
}

Atoms::Table Atoms::make_table(std::vector<Window> windows, std::uint32_t size) {
  Table table;
  table.keep = size == 4 ? 0xFFFFFFFFU : 0xFFFFFFU;
  const std::size_t bits = std::clamp<std::size_t>(std::bit_ceil(windows.size() * 16), 64, 1 << 18);
  table.shift = 32 - static_cast<std::uint32_t>(std::countr_zero(bits));
  const auto bit = [&](const Window& window) { return hash(window.bytes) >> table.shift; };
  std::ranges::sort(windows, [&](const Window& a, const Window& b) {
    return std::tuple(bit(a), a.bytes, a.atom) < std::tuple(bit(b), b.bytes, b.atom);
  });
  windows.shrink_to_fit();
  table.windows = std::move(windows);
  if (table.windows.empty()) return table;
  table.filter.resize(bits / 32);
  table.begins.resize(bits / kBits + 1);
  for (const Window& window : table.windows) {
    table.filter[bit(window) >> 5] |= std::uint32_t{1} << (bit(window) & 31);
    ++table.begins[bit(window) / kBits + 1];
  }
  for (std::size_t i = 1; i < table.begins.size(); ++i) table.begins[i] += table.begins[i - 1];
  return table;
}

std::size_t Atoms::Table::find_places_from(std::size_t begin, std::size_t count,
                                           std::string_view folded, std::uint32_t* out) const {
  const std::uint32_t size = keep == 0xFFFFFFFFU ? 4 : 3;
  const auto look = [&](std::size_t at, std::uint32_t bytes) {
    out[count] = static_cast<std::uint32_t>(at);
    count += may_begin(bytes & keep) ? 1 : 0;
  };
  // Eight bytes at a time hold four windows and what is beyond them.
  for (; begin + 8 <= folded.size(); begin += 4) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, folded.data() + begin, 8);
    for (std::size_t i = 0; i < 4; ++i)
      look(begin + i, static_cast<std::uint32_t>(eight >> (8 * i)));
  }
  for (; begin + size <= folded.size(); ++begin) look(begin, bytes_at(folded, begin, size));
  return count;
}

#ifdef __x86_64__

namespace {

// By a set of eight bits: the numbers of those that are set, a byte each, from the lowest on.
constexpr std::array<std::uint64_t, 256> kNumbersOfBits = [] {
  std::array<std::uint64_t, 256> table = {};
  for (std::size_t bits = 0; bits < table.size(); ++bits) {
    unsigned shift = 0;
    for (std::uint64_t bit = 0; bit < 8; ++bit) {
      if ((bits >> bit & 1) == 0) continue;
      table[bits] |= bit << shift;
      shift += 8;
    }
  }
  return table;
}();

}  // namespace

[[gnu::target("avx2,popcnt")]] void Atoms::Table::find_places_by_eight(std::size_t& begin,
                                                                       std::size_t& count,
                                                                       std::string_view folded,
                                                                       std::uint32_t* out) const {
  const __m256i shuffle = _mm256_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6,  //
                                           4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10);
  const __m256i kept = _mm256_set1_epi32(static_cast<int>(keep));
  const __m256i factor = _mm256_set1_epi32(static_cast<int>(hash(1)));
  const __m128i shifted = _mm_cvtsi32_si128(static_cast<int>(shift));
  const __m256i thirty_one = _mm256_set1_epi32(31);
  std::size_t at = begin;
  std::size_t found = count;
  for (; at + 16 <= folded.size(); at += 8) {
    __m128i sixteen;
    std::memcpy(&sixteen, folded.data() + at, 16);
    const __m256i bytes =
        _mm256_and_si256(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(sixteen), shuffle), kept);
    const __m256i bit = _mm256_srl_epi32(_mm256_mullo_epi32(bytes, factor), shifted);
    const __m256i words = _mm256_i32gather_epi32(reinterpret_cast<const int*>(filter.data()),
                                                 _mm256_srli_epi32(bit, 5), 4);
    // The bit asked for becomes the sign.
    const __m256i signs = _mm256_sllv_epi32(words, _mm256_andnot_si256(bit, thirty_one));
    const auto there = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(signs)));
    // All eight are written, and those that are none overwritten: which places there are follows no
    // pattern that a processor could foresee.
    const __m256i places = _mm256_add_epi32(
        _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(kNumbersOfBits[there]))),
        _mm256_set1_epi32(static_cast<int>(at)));
    std::memcpy(out + found, &places, sizeof(places));
    found += static_cast<std::size_t>(std::popcount(there));
  }
  begin = at;
  count = found;
}

std::size_t Atoms::Table::find_places(std::string_view folded, std::uint32_t* out) const {
  static const bool kByEight =
      __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  std::size_t begin = 0;
  std::size_t count = 0;
  if (kByEight) find_places_by_eight(begin, count, folded, out);
  return find_places_from(begin, count, folded, out);
}

#else

std::size_t Atoms::Table::find_places(std::string_view folded, std::uint32_t* out) const {
  return find_places_from(0, 0, folded, out);
}

#endif

}  // namespace vigie
