#include "rules/atoms.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include <re2/filtered_re2.h>
#include <unicode/uchar.h>

#include "rules/characters.h"

namespace vigie {
namespace {

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

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
  out.clear();
  const char* end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte < 0x80) {
      out += static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
      ++at;
      continue;
    }
    const Decoded next = decode(at, end);
    const auto folded = static_cast<char32_t>(
        u_foldCase(static_cast<UChar32>(next.code_point), U_FOLD_CASE_DEFAULT));
    if (folded == next.code_point && folded != kReplacement) {
      out.append(at, next.size);
    } else {
      append_utf8(out, folded);
    }
    at += next.size;
  }
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
  const auto [found, added] = ids_.try_emplace(atom, static_cast<std::uint32_t>(texts_.size()));
  if (added) texts_.push_back(atom);
  return found->second;
}

void Atoms::freeze() {
  std::unordered_map<std::string, std::uint32_t>().swap(ids_);
  texts_.shrink_to_fit();
  // The window of an atom is the one that the fewest atoms share.
  std::unordered_map<std::uint32_t, std::uint32_t> uses;
  for (const std::string& text : texts_) {
    for (std::size_t at = 0; at + 4 <= text.size(); ++at) ++uses[bytes_at(text, at, 4)];
  }
  std::vector<Window> threes;
  std::vector<Window> fours;
  for (std::uint32_t atom = 0; atom < texts_.size(); ++atom) {
    const std::string& text = texts_[atom];
    if (text.size() == kShortest) {
      threes.push_back({bytes_at(text, 0, 3), atom, 0});
      continue;
    }
    std::size_t best = 0;
    for (std::size_t at = 1; at + 4 <= text.size(); ++at) {
      if (uses[bytes_at(text, at, 4)] < uses[bytes_at(text, best, 4)]) best = at;
    }
    fours.push_back({bytes_at(text, best, 4), atom, static_cast<std::uint32_t>(best)});
  }
  threes_ = make_table(std::move(threes));
  fours_ = make_table(std::move(fours));
}

Atoms::Table Atoms::make_table(std::vector<Window> windows) {
  Table table;
  const std::size_t slots =
      std::clamp<std::size_t>(std::bit_ceil(windows.size() * 16), 64, 1 << 18);
  table.shift = 32 - static_cast<std::uint32_t>(std::countr_zero(slots));
  const auto slot = [&](const Window& window) { return hash(window.bytes) >> table.shift; };
  std::ranges::sort(windows, [&](const Window& a, const Window& b) {
    return std::tuple(slot(a), a.bytes, a.atom) < std::tuple(slot(b), b.bytes, b.atom);
  });
  table.windows = std::move(windows);
  if (table.windows.empty()) return table;
  table.filter.resize(slots / 64);
  table.begins.resize(slots + 1);
  for (const Window& window : table.windows) {
    table.filter[slot(window) >> 6] |= std::uint64_t{1} << (slot(window) & 63);
    ++table.begins[slot(window) + 1];
  }
  for (std::size_t i = 1; i < table.begins.size(); ++i) table.begins[i] += table.begins[i - 1];
  return table;
}

}  // namespace vigie
