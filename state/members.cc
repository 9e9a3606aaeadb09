#include "state/members.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

namespace vigie {
namespace {

Result<std::int64_t> mentions_in(const CounterReader& counters, const SeriesView& series,
                                 Hour first, Hour last) {
  const auto buckets = counters.series(series, Granularity::Hour, first, last);
  if (!buckets) return std::unexpected(buckets.error());
  std::int64_t sum = 0;
  for (const CounterReader::Bucket& bucket : *buckets) sum += at(bucket.value, Measure::Mentions);
  return sum;
}

// The hours in which the author did something, so that not every hour of every theme is asked for.
Result<void> add_themes(const CounterReader& counters, const std::string& author,
                        std::span<const std::string> themes, const std::vector<Hour>& hours,
                        AuthorSummary& out) {
  for (const std::string& theme : themes) {
    AuthorSummary::Theme sum{theme};
    const SeriesView series(Dimension::ThemeAuthor, theme, author);
    for (const Hour hour : hours) {
      const auto buckets = counters.series(series, Granularity::Hour, hour, hour);
      if (!buckets) return std::unexpected(buckets.error());
      for (const CounterReader::Bucket& bucket : *buckets) add_to(sum.total, bucket.value);
    }
    if (!is_zero(sum.total)) out.themes.push_back(std::move(sum));
  }
  return {};
}

struct KeyHash {
  // The keys are hashes already.
  std::size_t operator()(const AuthorKey& key) const { return author_in_sets(key); }
};

// A bit for each span in which they wrote.
using SpansByAuthor = std::unordered_map<AuthorKey, std::uint8_t, KeyHash>;

Result<SpansByAuthor> writers(const CounterReader& counters, std::span<const Hour> edges) {
  SpansByAuthor found;
  Result<void> wrong;
  auto visited = counters.each_hour(
      Dimension::Author, "", edges.front(), edges.back() - 1,
      [&](const CounterKey& key, const Measures& measures) {
        if (at(measures, Measure::Mentions) <= 0) return true;
        const auto author = parse_author_key(key.series.id);
        if (!author) {
          wrong = fail(Code::Corrupt, "counters: an author's key is damaged");
          return false;
        }
        const auto after = std::ranges::upper_bound(edges, key.bucket);
        const auto span = static_cast<unsigned>(after - edges.begin() - 1);
        found[*author] = static_cast<std::uint8_t>(found[*author] | 1U << span);
        if (found.size() <= kMostMembers) return true;
        wrong = fail(Code::Invalid,
                     fmt::format("more than {} members; ask for fewer weeks", kMostMembers));
        return false;
      });
  if (!visited) return std::unexpected(std::move(visited.error()));
  if (!wrong) return std::unexpected(std::move(wrong.error()));
  return found;
}

}  // namespace

Result<AuthorSummary> author_summary(const CounterReader& counters,
                                     const FirstSeenReader& first_seen, const AuthorKey& author,
                                     std::span<const std::string> themes, Hour first, Hour last) {
  AuthorSummary out;
  const auto seen = first_seen.of(std::span(&author, 1));
  if (!seen) return std::unexpected(seen.error());
  out.first_seen = seen->front();
  const std::string name = hex(author);
  const auto buckets = counters.series({Dimension::Author, name}, Granularity::Hour, first, last);
  if (!buckets) return std::unexpected(buckets.error());
  const auto oldest = last - static_cast<Hour>(kRankedHoursKept.count());
  std::vector<Hour> recent;
  for (const CounterReader::Bucket& bucket : *buckets) {
    add_to(out.total, bucket.value);
    if (at(bucket.value, Measure::Mentions) > 0 || at(bucket.value, Measure::Own) > 0) {
      out.last_hour = bucket.bucket;
    }
    if (bucket.bucket > oldest) recent.push_back(bucket.bucket);
  }
  if (themes.size() * recent.size() > kMostThemeHours) {
    return fail(Code::Invalid,
                "window: the author wrote in too many hours for so many themes; "
                "expected a shorter one");
  }
  auto added = add_themes(counters, name, themes, recent, out);
  if (!added) return std::unexpected(std::move(added.error()));
  return out;
}

Result<std::vector<MemberSpan>> members_by_span(const CounterReader& counters,
                                                const FirstSeenReader& first_seen,
                                                std::span<const Hour> edges) {
  std::vector<MemberSpan> spans;
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) spans.push_back({edges[i], edges[i + 1]});
  if (spans.empty()) return spans;
  const auto found = writers(counters, edges);
  if (!found) return std::unexpected(found.error());

  constexpr std::size_t kAtOnce = 4096;
  std::vector<AuthorKey> authors;
  std::vector<std::uint8_t> wrote;
  const auto count = [&]() -> Result<void> {
    const auto seen = first_seen.of(authors);
    if (!seen) return std::unexpected(seen.error());
    for (std::size_t i = 0; i < authors.size(); ++i) {
      for (std::size_t span = 0; span < spans.size(); ++span) {
        if ((wrote[i] >> span & 1) == 0) continue;
        ++spans[span].members;
        const bool is_new = (*seen)[i] && hour_of(*(*seen)[i]) >= spans[span].begin;
        if (is_new) ++spans[span].newcomers;
      }
    }
    authors.clear();
    wrote.clear();
    return {};
  };
  for (const auto& [author, bits] : *found) {
    authors.push_back(author);
    wrote.push_back(bits);
    if (authors.size() < kAtOnce) continue;
    if (auto counted = count(); !counted) return std::unexpected(std::move(counted.error()));
  }
  if (auto counted = count(); !counted) return std::unexpected(std::move(counted.error()));
  return spans;
}

Result<AmbassadorSummary> ambassador_summary(const CounterReader& counters,
                                             std::string_view ambassador, std::string_view brand,
                                             Hour first, Hour last, Time end, std::size_t& budget) {
  AmbassadorSummary out;
  const auto messages =
      counters.series({Dimension::Ambassador, ambassador}, Granularity::Hour, first, last);
  if (!messages) return std::unexpected(messages.error());
  for (const CounterReader::Bucket& bucket : *messages) {
    const std::int64_t by = at(bucket.value, Measure::Own);
    const std::int64_t about = at(bucket.value, Measure::Mentions);
    out.by += by;
    out.about += about;
    const std::chrono::duration<double> age = end - start_of_hour(bucket.bucket);
    const double halvings = std::max(0.0, age / std::chrono::duration<double>(kActivityHalfLife));
    out.activity += static_cast<double>(by + about) * std::exp2(-halvings);
  }

  std::map<std::string, Hour> first_answers;
  bool too_many = false;
  auto visited = counters.each_hour(Dimension::AmbassadorAuthor, ambassador, first, last,
                                    [&](const CounterKey& key, const Measures& measures) {
                                      const std::int64_t answers = at(measures, Measure::Own);
                                      if (answers <= 0) return true;
                                      out.answers += answers;
                                      const auto [known, added] =
                                          first_answers.try_emplace(key.series.other, key.bucket);
                                      known->second = std::min(known->second, key.bucket);
                                      too_many = first_answers.size() > budget;
                                      return !too_many;
                                    });
  if (!visited) return std::unexpected(std::move(visited.error()));
  if (too_many) {
    return fail(Code::Invalid,
                fmt::format("ambassadors answered more than {} authors; ask for a shorter window",
                            kMostAnswered));
  }
  budget -= first_answers.size();
  constexpr double kDigits = 1e6;
  out.activity = std::round(out.activity * kDigits) / kDigits;
  constexpr auto kHours = static_cast<Hour>(kNurtured.count());
  for (const auto& [author, answered] : first_answers) {
    const SeriesView series(Dimension::AuthorBrand, author, brand);
    const auto before = mentions_in(counters, series, answered - kHours, answered - 1);
    if (!before) return std::unexpected(before.error());
    const Hour until = std::min(answered + kHours, hour_of(end));
    const auto after = mentions_in(counters, series, answered + 1, until);
    if (!after) return std::unexpected(after.error());
    ++out.answered;
    out.before += *before;
    out.after += *after;
    if (*after > *before) ++out.nurtured;
    if (until < answered + kHours) ++out.pending;
  }
  return out;
}

}  // namespace vigie
