// The detector's memory as bytes. Integers are varints, signed ones folded
// (`pipeline/core/bytes.h`).
//   state     = version(byte 1) started(0|1) signed(since) signed(next)
//               count partition* count series*
//   partition = seen(0|1) signed(last) signed(applied) count cut*
//   cut       = signed(minute) whole(0|1) count value* count authors*
//   value     = name granularity('m'|'h') signed(bucket) signed(mentions)
//   authors   = name signed(hour) count fixed64*
//   series    = name part{partitions} votes signed(voted) signed(cool_until) signed(shift_until)
//               count { signed(first) signed(last) } firing(0|1) [ text(alert as JSON)
//               signed(start) signed(last loud) ]
//   part      = buckets(minutes) buckets(hours) count { signed(hour) count fixed64* }
//   buckets   = count { signed(bucket) signed(mentions) }       ascending
//   name      = dimension(byte) text(id)
// Which series are active follows from their minutes and alerts.
#include "pipeline/alerts/surge_state.h"

namespace vigie {
namespace {

constexpr std::uint64_t kVersion = 1;

// A count that no more bytes follow for is damage, found before anything is made for it.
bool read_count(ByteReader& in, std::uint64_t& count) {
  count = in.varint();
  return in.ok() && count <= in.rest().size();
}

bool read_bool(ByteReader& in, bool& out) {
  const std::uint64_t value = in.varint();
  out = value == 1;
  return in.ok() && value <= 1;
}

template <class T>
bool read_number(ByteReader& in, T& out) {
  const std::int64_t value = in.signed_varint();
  out = static_cast<T>(value);
  return in.ok() && static_cast<std::int64_t>(out) == value;
}

// Minutes and hours are 32-bit numbers; one more and one less are used as bounds.
bool read_minute(ByteReader& in, std::int64_t& out) {
  out = in.signed_varint();
  constexpr std::int64_t kLimit = std::int64_t{1} << 33;
  return in.ok() && out > -kLimit && out < kLimit;
}

void put_name(std::string& out, const Series& series) {
  put_varint(out, static_cast<std::uint64_t>(series.dimension));
  put_text(out, series.id);
}

bool read_name(ByteReader& in, Series& series) {
  const std::uint64_t dimension = in.varint();
  series.id = in.text();
  if (!in.ok() || dimension > 255) return false;
  // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): asked in the next line
  series.dimension = static_cast<Dimension>(dimension);
  return raises_alerts(series.dimension);
}

void put_authors(std::string& out, const std::vector<std::uint64_t>& authors) {
  put_varint(out, authors.size());
  for (const std::uint64_t author : authors) put_fixed(out, author);
}

bool read_authors(ByteReader& in, std::vector<std::uint64_t>& authors) {
  std::uint64_t count = 0;
  if (!read_count(in, count)) return false;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    authors.push_back(in.fixed<std::uint64_t>());
  }
  return in.ok();
}

void put_cut(std::string& out, const Cut& cut) {
  put_signed(out, cut.minute);
  put_varint(out, cut.whole ? 1 : 0);
  put_varint(out, cut.values.size());
  for (const Cut::Value& value : cut.values) {
    put_name(out, value.series);
    put_varint(out, static_cast<std::uint64_t>(value.granularity));
    put_signed(out, value.bucket);
    put_signed(out, value.mentions);
  }
  put_varint(out, cut.authors.size());
  for (const Cut::Authors& authors : cut.authors) {
    put_name(out, authors.series);
    put_signed(out, authors.hour);
    put_authors(out, authors.authors);
  }
}

bool read_cut(ByteReader& in, Cut& cut) {
  std::uint64_t count = 0;
  if (!read_number(in, cut.minute) || !read_bool(in, cut.whole) || !read_count(in, count)) {
    return false;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    Cut::Value& value = cut.values.emplace_back();
    if (!read_name(in, value.series)) return false;
    const std::uint64_t granularity = in.varint();
    if (granularity != 'm' && granularity != 'h') return false;
    value.granularity = static_cast<Granularity>(granularity);
    if (!read_number(in, value.bucket) || !read_number(in, value.mentions)) return false;
  }
  if (!read_count(in, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    Cut::Authors& authors = cut.authors.emplace_back();
    if (!read_name(in, authors.series) || !read_number(in, authors.hour) ||
        !read_authors(in, authors.authors)) {
      return false;
    }
  }
  return true;
}

void put_part(std::string& out, const SurgeSeries::Part& part) {
  part.minutes.save(out);
  part.hours.save(out);
  put_varint(out, part.authors.size());
  for (const auto& [hour, authors] : part.authors) {
    put_signed(out, hour);
    put_authors(out, authors);
  }
}

bool read_part(ByteReader& in, SurgeSeries::Part& part) {
  std::uint64_t count = 0;
  if (!part.minutes.load(in) || !part.hours.load(in) || !read_count(in, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    Hour hour = 0;
    if (!read_number(in, hour) || !read_authors(in, part.authors[hour])) return false;
  }
  return true;
}

void put_series(std::string& out, const SurgeSeries& series) {
  for (const SurgeSeries::Part& part : series.parts) put_part(out, part);
  put_varint(out, series.votes);
  put_signed(out, series.voted);
  put_signed(out, series.cool_until);
  put_signed(out, series.shift_until);
  put_varint(out, series.left_out.size());
  for (const auto& [first, last] : series.left_out) {
    put_signed(out, first);
    put_signed(out, last);
  }
  put_varint(out, series.firing ? 1 : 0);
  if (!series.firing) return;
  std::string alert;
  append_json(alert, series.firing->alert);
  put_text(out, alert);
  put_signed(out, series.firing->start);
  put_signed(out, series.firing->last_loud);
}

bool read_firing(ByteReader& in, SurgeSeries& series) {
  bool firing = false;
  if (!read_bool(in, firing)) return false;
  if (!firing) return true;
  auto alert = parse_alert(in.text());
  if (!alert) return false;
  series.firing.emplace();
  series.firing->alert = std::move(*alert);
  return read_minute(in, series.firing->start) && read_minute(in, series.firing->last_loud);
}

bool read_series(ByteReader& in, SurgeSeries& series) {
  for (SurgeSeries::Part& part : series.parts) {
    if (!read_part(in, part)) return false;
  }
  const std::uint64_t votes = in.varint();
  std::uint64_t count = 0;
  if (votes > 7 || !read_minute(in, series.voted) || !read_minute(in, series.cool_until) ||
      !read_minute(in, series.shift_until) || !read_count(in, count)) {
    return false;
  }
  series.votes = static_cast<std::uint8_t>(votes);
  for (std::uint64_t i = 0; i < count; ++i) {
    auto& [first, last] = series.left_out.emplace_back();
    if (!read_number(in, first) || !read_number(in, last)) return false;
  }
  return read_firing(in, series);
}

}  // namespace

void SurgeBuckets::save(std::string& out) const {
  put_varint(out, values_.size());
  for (const auto& [bucket, mentions] : values_) {
    put_signed(out, bucket);
    put_signed(out, mentions);
  }
}

bool SurgeBuckets::load(ByteReader& in) {
  std::uint64_t count = 0;
  if (!read_count(in, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::int32_t bucket = 0;
    std::int64_t mentions = 0;
    if (!read_number(in, bucket) || !read_number(in, mentions) || mentions <= 0) return false;
    if (!values_.empty() && values_.back().first >= bucket) return false;
    values_.emplace_back(bucket, mentions);
  }
  return true;
}

std::string SurgeState::save() const {
  std::string out;
  put_varint(out, kVersion);
  put_varint(out, started_ ? 1 : 0);
  put_signed(out, since_);
  put_signed(out, next_);
  put_varint(out, partitions_.size());
  for (const Source& source : partitions_) {
    put_varint(out, source.seen ? 1 : 0);
    put_signed(out, source.last);
    put_signed(out, source.applied);
    put_varint(out, source.pending.size());
    for (const Cut& cut : source.pending) put_cut(out, cut);
  }
  put_varint(out, series_.size());
  for (const auto& [name, series] : series_) {
    put_name(out, name);
    put_series(out, series);
  }
  return out;
}

bool SurgeState::load_partitions(ByteReader& in) {
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    Source& source = partitions_[p];
    std::uint64_t count = 0;
    if (!read_bool(in, source.seen) || !read_minute(in, source.last) ||
        !read_minute(in, source.applied) || !read_count(in, count)) {
      return false;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      Cut& cut = source.pending.emplace_back();
      cut.partition = Partition{static_cast<std::int32_t>(p)};
      if (!read_cut(in, cut)) return false;
    }
  }
  return true;
}

bool SurgeState::load_series(ByteReader& in) {
  std::uint64_t count = 0;
  if (!read_count(in, count)) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    Series series;
    if (!read_name(in, series)) return false;
    const auto [at, made] = series_.try_emplace(series);
    if (!made) return false;
    at->second.parts.resize(partitions_.size());
    if (!read_series(in, at->second)) return false;
    bool used = at->second.firing.has_value();
    for (const auto& part : at->second.parts) used = used || !part.minutes.empty();
    if (used) active_.emplace(series, &at->second);
  }
  return in.ok() && in.at_end();
}

Result<void> SurgeState::load(std::string_view bytes) {
  ByteReader in(bytes);
  const auto damaged = [] {
    return fail(Code::Corrupt, "alerts: the detector's state is damaged");
  };
  if (in.varint() != kVersion || !in.ok()) {
    return fail(Code::Corrupt, "alerts: the detector's state is not of format 1");
  }
  std::uint64_t partitions = 0;
  if (!read_bool(in, started_) || !read_minute(in, since_) || !read_minute(in, next_) ||
      !read_count(in, partitions)) {
    return damaged();
  }
  if (partitions != partitions_.size()) {
    return fail(Code::Invalid, "alerts: the detector's state is of " + std::to_string(partitions) +
                                   " partitions, there are " + std::to_string(partitions_.size()));
  }
  if (!load_partitions(in) || !load_series(in)) return damaged();
  return {};
}

}  // namespace vigie
