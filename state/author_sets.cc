// Space::Authors, beside what authors.cc keeps there, with the encodings of bytes.h:
//   key    = 0x01 's' partition:u16 dimension:u8 id:text hour:u32   ; hour with its sign bit turned
//   exact  = 0x02 0x00 count:varint (author:u64 messages:varint)*
//   sketch = 0x02 0x01 count:varint author:u64* hyperloglog         ; the authors it names
// Of before there were sketches, read and no longer written:
//   exact  = 0x01 0x00 count:varint (author:u64 messages:varint)*
//   named  = 0x01 0x01 count:varint (author:u64 messages:varint)*   ; a sketch of those it names
#include "state/author_sets.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

constexpr char kKeyVersion = '\x01';
constexpr char kValueVersion = '\x02';
constexpr char kVersionWithoutSketches = '\x01';
constexpr char kSets = 's';

std::string series_prefix(Partition partition, const Series& series) {
  std::string key = author_sets_of(partition);
  key += static_cast<char>(series.dimension);
  put_text(key, series.id);
  return key;
}

void put_hour(std::string& key, Hour hour) {
  put_fixed(key, static_cast<std::uint32_t>(hour) ^ 0x80000000U);
}

Error damaged() {
  return {Code::Corrupt, "authors: a stored set is damaged"};
}

}  // namespace

bool AuthorSet::count(std::uint64_t author, std::int64_t delta) {
  if (sketch_) return delta > 0 && sketch_->add(author);
  const auto [found, added] = messages_.try_emplace(author, 0);
  found->second += delta;
  if (found->second <= 0) {
    messages_.erase(found);
    return !added;
  }
  if (messages_.size() > kExact) {
    sketch_ = std::make_unique<HyperLogLog>();
    for (const auto& [one, messages] : messages_) sketch_->add(one);
    messages_.erase(std::next(messages_.begin(), kNamed), messages_.end());
  }
  return true;
}

AuthorCount AuthorSet::size() const {
  if (sketch_) return {sketch_->estimate(), true};
  return {static_cast<std::int64_t>(messages_.size()), false};
}

std::vector<std::uint64_t> AuthorSet::named() const {
  std::vector<std::uint64_t> out;
  for (const auto& [author, messages] : messages_) {
    if (out.size() == kNamed) break;
    out.push_back(author);
  }
  return out;
}

bool AuthorSet::agrees_with(const std::map<std::uint64_t, std::int64_t>& messages) const {
  if (!sketch_) return messages == messages_;
  HyperLogLog with = *sketch_;
  bool is_covered = true;
  for (const auto& [author, count] : messages) is_covered = !with.add(author) && is_covered;
  return is_covered;
}

std::string AuthorSet::encode() const {
  std::string out{kValueVersion, static_cast<char>(sketch_ ? 1 : 0)};
  put_varint(out, messages_.size());
  for (const auto& [author, messages] : messages_) {
    put_fixed(out, author);
    if (!sketch_) put_varint(out, static_cast<std::uint64_t>(messages));
  }
  if (sketch_) sketch_->encode(out);
  return out;
}

std::optional<AuthorSet> AuthorSet::decode(std::string_view bytes) {
  ByteReader in(bytes);
  AuthorSet set;
  const char version = in.fixed<char>();
  if (version != kValueVersion && version != kVersionWithoutSketches) return std::nullopt;
  const auto form = in.fixed<std::uint8_t>();
  if (form > 1) return std::nullopt;
  const std::uint64_t count = in.varint();
  if (count > kExact) return std::nullopt;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto author = in.fixed<std::uint64_t>();
    const bool has_messages = form == 0 || version == kVersionWithoutSketches;
    const std::uint64_t messages = has_messages ? in.varint() : 1;
    set.messages_[author] = static_cast<std::int64_t>(messages);
  }
  if (form == 1 && version == kVersionWithoutSketches) {
    set.sketch_ = std::make_unique<HyperLogLog>();
    for (const auto& [author, messages] : set.messages_) set.sketch_->add(author);
  } else if (form == 1) {
    auto sketch = HyperLogLog::decode(in);
    if (!sketch) return std::nullopt;
    set.sketch_ = std::make_unique<HyperLogLog>(*sketch);
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return set;
}

void AuthorUnion::add(const AuthorSet& set) {
  if (!sketch_ && !set.sketch_) {
    std::vector<std::uint64_t> both;
    both.reserve(authors_.size() + set.messages_.size());
    std::vector<std::uint64_t> added;
    added.reserve(set.messages_.size());
    for (const auto& [author, messages] : set.messages_) added.push_back(author);
    std::ranges::set_union(authors_, added, std::back_inserter(both));
    authors_ = std::move(both);
    if (authors_.size() <= AuthorSet::kExact) return;
  }
  if (!sketch_) {
    sketch_ = std::make_unique<HyperLogLog>();
    for (const std::uint64_t author : authors_) sketch_->add(author);
  }
  if (set.sketch_) {
    sketch_->merge(*set.sketch_);
  } else {
    for (const auto& [author, messages] : set.messages_) sketch_->add(author);
  }
}

AuthorCount AuthorUnion::size() const {
  if (sketch_) return {sketch_->estimate(), true};
  return {static_cast<std::int64_t>(authors_.size()), false};
}

std::string author_sets_of(Partition partition) {
  std::string key{kKeyVersion, kSets};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

std::string author_set_key(Partition partition, const Series& series, Hour hour) {
  std::string key = series_prefix(partition, series);
  put_hour(key, hour);
  return key;
}

std::optional<AuthorSetKey> parse_author_set_key(std::string_view key) {
  ByteReader in(key);
  AuthorSetKey out;
  if (in.fixed<char>() != kKeyVersion || in.fixed<char>() != kSets) return std::nullopt;
  out.partition = Partition{in.fixed<std::uint16_t>()};
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange)
  out.series.dimension = static_cast<Dimension>(in.fixed<std::uint8_t>());
  out.series.id = in.text();
  out.hour = static_cast<Hour>(in.fixed<std::uint32_t>() ^ 0x80000000U);
  if (!in.ok() || !in.at_end() || !counts_authors(out.series.dimension)) return std::nullopt;
  return out;
}

AuthorSetReader::AuthorSetReader(const Store& store, std::int32_t partitions)
    : store_(store), partitions_(partitions) {}

Result<void> AuthorSetReader::series(
    const Series& series, Hour first, Hour last,
    const std::function<void(Hour, const AuthorSet&)>& visit) const {
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    const std::string begin = author_set_key(Partition{partition}, series, first);
    const std::string end = author_set_key(Partition{partition}, series, last) + '\0';
    bool is_whole = true;
    auto scanned =
        store_.scan(Space::Authors, begin, end, [&](std::string_view key, std::string_view value) {
          const auto parsed = parse_author_set_key(key);
          const auto set = AuthorSet::decode(value);
          is_whole = parsed && set;
          if (is_whole) visit(parsed->hour, *set);
          return is_whole;
        });
    if (!scanned) return scanned;
    if (!is_whole) return std::unexpected(damaged());
  }
  return {};
}

Result<void> AuthorSetReader::dump(
    std::optional<Time> stream_time,
    const std::function<void(const Series&, Hour, AuthorCount)>& visit) const {
  // Only the keys are held: sets are large.
  using Line = std::tuple<std::string_view, std::string, Hour, Dimension>;
  std::map<Line, std::vector<std::string>> lines;
  bool is_whole = true;
  const std::string begin{kKeyVersion, kSets};
  auto scanned = store_.scan(
      Space::Authors, begin, prefix_end(begin), [&](std::string_view key, std::string_view) {
        auto parsed = parse_author_set_key(key);
        is_whole = parsed.has_value();
        if (!is_whole) return false;
        if (stream_time && hour_is_frozen(parsed->hour, *stream_time)) {
          return true;
        }
        const Dimension dimension = parsed->series.dimension;
        lines[{name(dimension), std::move(parsed->series.id), parsed->hour, dimension}]
            .emplace_back(key);
        return true;
      });
  if (!scanned) return scanned;
  for (const auto& [line, keys] : lines) {
    AuthorUnion together;
    for (const std::string& key : keys) {
      const auto value = store_.get(Space::Authors, key);
      if (!value) return std::unexpected(value.error());
      if (!*value) continue;
      const auto set = AuthorSet::decode(**value);
      is_whole = is_whole && set;
      if (set) together.add(*set);
    }
    const auto& [dimension_name, id, hour, dimension] = line;
    visit({dimension, id}, hour, together.size());
  }
  if (!is_whole) return std::unexpected(damaged());
  return {};
}

}  // namespace vigie
