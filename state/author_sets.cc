// Space::Authors, beside what authors.cc keeps there, with the encodings of bytes.h:
//   key    = 0x01 's' partition:u16 dimension:u8 id:text hour:u32   ; hour with its sign bit turned
//   exact  = 0x02 0x00 count:varint (author:u64 messages:varint)*
//   sketch = 0x02 0x01 count:varint author:u64* hyperloglog         ; the authors it names
//   change = (author:u64 messages:varint)*                          ; merged into an exact set
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
constexpr std::size_t kAuthorBytes = sizeof(std::uint64_t);

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

std::vector<AuthorSet::Member>::iterator AuthorSet::place(std::uint64_t author) {
  return std::ranges::lower_bound(members_, author, {}, &Member::author);
}

bool AuthorSet::count(std::uint64_t author, std::int64_t delta) {
  if (sketch_) return delta > 0 && sketch_->add(author);
  auto at = place(author);
  const bool is_known = at != members_.end() && at->author == author;
  if (!is_known) {
    if (delta <= 0) return false;
    members_.insert(at, {author, delta});
  } else if (at->messages + delta <= 0) {
    members_.erase(at);
  } else {
    at->messages += delta;
  }
  if (members_.size() > kExact) {
    sketch_ = std::make_unique<HyperLogLog>();
    for (const Member& member : members_) sketch_->add(member.author);
    members_.resize(kNamed);
    members_.shrink_to_fit();
  }
  return true;
}

bool AuthorSet::forget(std::uint64_t author) {
  const auto at = place(author);
  if (at == members_.end() || at->author != author) return false;
  members_.erase(at);
  return true;
}

std::int64_t AuthorSet::messages_of(std::uint64_t author) const {
  const auto at = std::ranges::lower_bound(members_, author, {}, &Member::author);
  return at != members_.end() && at->author == author ? at->messages : 0;
}

std::vector<std::uint64_t> AuthorSet::known() const {
  std::vector<std::uint64_t> out;
  out.reserve(members_.size());
  for (const Member& member : members_) out.push_back(member.author);
  return out;
}

void AuthorSet::put(std::uint64_t author, std::int64_t messages) {
  if (sketch_) return;
  const auto at = place(author);
  const bool is_known = at != members_.end() && at->author == author;
  if (messages <= 0) {
    if (is_known) members_.erase(at);
  } else if (is_known) {
    at->messages = messages;
  } else {
    members_.insert(at, {author, messages});
  }
}

AuthorCount AuthorSet::size() const {
  if (sketch_) return {sketch_->estimate(), true};
  return {static_cast<std::int64_t>(members_.size()), false};
}

std::vector<std::uint64_t> AuthorSet::named() const {
  std::vector<std::uint64_t> out = known();
  if (out.size() > kNamed) out.resize(kNamed);
  return out;
}

bool AuthorSet::agrees_with(const std::map<std::uint64_t, std::int64_t>& messages) const {
  if (!sketch_) {
    return std::ranges::equal(messages, members_, [](const auto& one, const Member& other) {
      return one.first == other.author && one.second == other.messages;
    });
  }
  HyperLogLog with = *sketch_;
  bool is_covered = true;
  for (const auto& [author, count] : messages) is_covered = !with.add(author) && is_covered;
  return is_covered;
}

std::string AuthorSet::encode() const {
  std::string out{kValueVersion, static_cast<char>(sketch_ ? 1 : 0)};
  put_varint(out, members_.size());
  for (const Member& member : members_) {
    put_fixed(out, member.author);
    if (!sketch_) put_varint(out, static_cast<std::uint64_t>(member.messages));
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
  // More than kExact, where changes were merged that a compacted log brought out of step.
  if (count > bytes.size() / kAuthorBytes) return std::nullopt;
  set.members_.reserve(count);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto author = in.fixed<std::uint64_t>();
    const bool has_messages = form == 0 || version == kVersionWithoutSketches;
    const std::uint64_t messages = has_messages ? in.varint() : 1;
    if (!set.members_.empty() && set.members_.back().author >= author) return std::nullopt;
    set.members_.push_back({author, static_cast<std::int64_t>(messages)});
  }
  if (form == 1 && version == kVersionWithoutSketches) {
    set.sketch_ = std::make_unique<HyperLogLog>();
    for (const Member& member : set.members_) set.sketch_->add(member.author);
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
    both.reserve(authors_.size() + set.members_.size());
    std::ranges::set_union(authors_, set.known(), std::back_inserter(both));
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
    for (const AuthorSet::Member& member : set.members_) sketch_->add(member.author);
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

AuthorSetRecord whole_set_record(std::string_view set_key, const AuthorSet& set) {
  AuthorSetRecord record{kAuthorSetRecord + std::string(set_key), std::nullopt};
  if (set.is_sketch()) record.value = set.encode();
  return record;
}

AuthorSetRecord author_record(std::string_view set_key, std::uint64_t author,
                              std::int64_t messages) {
  AuthorSetRecord record{kAuthorRecord + std::string(set_key), std::nullopt};
  put_fixed(record.key, author);
  if (messages > 0) put_varint(record.value.emplace(), static_cast<std::uint64_t>(messages));
  return record;
}

std::vector<AuthorSetRecord> records_of(std::string_view set_key, const AuthorSet& set) {
  if (set.is_sketch()) return {whole_set_record(set_key, set)};
  std::vector<AuthorSetRecord> records;
  for (const std::uint64_t author : set.known()) {
    records.push_back(author_record(set_key, author, set.messages_of(author)));
  }
  return records;
}

Result<void> fold_author_set(std::string_view key, std::optional<std::string_view> value,
                             StoreBatch& batch) {
  const auto damaged_record = [] {
    return fail(Code::Corrupt, "authors: a record of a set is damaged");
  };
  const bool is_whole = key.starts_with(kAuthorSetRecord);
  const std::size_t around = is_whole ? 1 : 1 + kAuthorBytes;
  if (!tells_author_set(key) || key.size() <= around) return damaged_record();
  const std::string_view set_key = key.substr(1, key.size() - around);
  if (!parse_author_set_key(set_key)) return damaged_record();
  if (is_whole && !value) {
    batch.erase(Space::Authors, set_key);
    return {};
  }
  if (is_whole) {
    const auto set = AuthorSet::decode(*value);
    if (!set || !set->is_sketch()) {
      return fail(Code::Corrupt,
                  "authors: the record of a whole set is damaged, or an earlier version wrote it; "
                  "begin with another topic_prefix");
    }
    batch.put(Space::Authors, set_key, *value);
    return {};
  }
  const std::string_view messages = value.value_or(std::string_view("\0", 1));
  ByteReader in(messages);
  in.varint();
  if (!in.ok() || !in.at_end()) return damaged_record();
  const std::string change = std::string(key.substr(key.size() - kAuthorBytes)).append(messages);
  batch.merge(Space::Authors, set_key, change);
  return {};
}

std::optional<std::string> with_author_changes(std::optional<std::string_view> stored,
                                               std::span<const std::string_view> changes) {
  auto set = stored ? AuthorSet::decode(*stored) : AuthorSet();
  if (!set) return std::nullopt;
  if (set->is_sketch()) return std::string(*stored);
  for (const std::string_view change : changes) {
    ByteReader in(change);
    while (in.ok() && !in.at_end()) {
      const auto author = in.fixed<std::uint64_t>();
      const std::uint64_t messages = in.varint();
      if (!in.ok()) return std::nullopt;
      set->put(author, static_cast<std::int64_t>(messages));
    }
  }
  return set->encode();
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
    const AuthorCount count = together.size();
    if (count.authors > 0) visit({dimension, id}, hour, count);
  }
  if (!is_whole) return std::unexpected(damaged());
  return {};
}

}  // namespace vigie
