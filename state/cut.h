#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/counters.h"

namespace vigie {

// What a worker tells the detectors when one of its partitions has passed the end of a minute:
// every series that can raise an alert (brand, competitor, theme, campaign) whose buckets changed
// since the cut before, with their values as of this cut. A detector that folds the cuts of all
// partitions in order knows every value exactly as it stood at each minute, whatever was committed
// since.
struct Cut {
  struct Value {
    Series series;
    Granularity granularity = Granularity::Minute;
    std::int32_t bucket = 0;
    std::int64_t mentions = 0;  // absolute, of this partition
  };
  // Who wrote in an hour, by the first eight bytes of their author keys; at most kAuthors of them.
  struct Authors {
    Series series;
    Hour hour = 0;
    std::vector<std::uint64_t> authors;
  };
  static constexpr std::size_t kAuthors = 64;

  Partition partition{};
  // The last minute that is over. Every minute after the partition's cut before, up to this one,
  // is.
  Minute minute = 0;
  // Values that are not told are zero, instead of as before: the first cut after a worker starts.
  bool whole = false;
  std::vector<Value> values;
  std::vector<Authors> authors;
};

// As a record of `counters`: its key, unique for each cut, and its JSON.
std::string cut_key(Partition partition, Minute minute);
bool is_cut_key(std::string_view key);
void append_json(std::string& out, const Cut& cut);
Result<Cut> parse_cut(std::string_view json);

// Whether a dimension's series can raise an alert.
constexpr bool raises_alerts(Dimension dimension) {
  return dimension == Dimension::Brand || dimension == Dimension::Competitor ||
         dimension == Dimension::Theme || dimension == Dimension::Campaign;
}

}  // namespace vigie
