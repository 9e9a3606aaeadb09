#include "state/count_dump.h"

#include <string>
#include <tuple>
#include <vector>

namespace vigie {
namespace {

struct AuthorsOfHour {
  Series series;
  Hour hour = 0;
  AuthorCount count;
};

}  // namespace

Result<void> dump_counts(const CounterReader& counters, const AuthorSetReader& authors,
                         std::optional<Time> stream_time,
                         const std::function<void(const CountLine&)>& visit) {
  std::vector<AuthorsOfHour> sets;
  auto read = authors.dump(stream_time, [&](const Series& series, Hour hour, AuthorCount count) {
    if (count.authors > 0) sets.push_back({series, hour, count});
  });
  if (!read) return read;
  auto next = sets.cbegin();
  const auto tell = [&] {
    visit({next->series.dimension, next->series.id, kAuthorsMeasure, next->hour,
           next->count.authors, next->count.estimate});
    ++next;
  };
  read = counters.dump(stream_time, [&](Dimension dimension, std::string_view id, Measure measure,
                                        Hour hour, std::int64_t value) {
    const std::string_view measure_name = name(measure);
    while (next != sets.cend() &&
           std::tuple(name(next->series.dimension), std::string_view(next->series.id),
                      kAuthorsMeasure) < std::tuple(name(dimension), id, measure_name)) {
      tell();
    }
    visit({dimension, id, measure_name, hour, value, false});
  });
  if (!read) return read;
  while (next != sets.cend()) tell();
  return {};
}

}  // namespace vigie
