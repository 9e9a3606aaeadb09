#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
  // The longest window a detector looks at: minutes are told this far back from the cut before.
  static constexpr Minute kMinutes = 60;

  Partition partition{};
  // The last minute that is over. Every minute after the partition's cut before, up to this one,
  // is.
  Minute minute = 0;
  // Values that are not told are zero, instead of as before: the first cut after a worker starts.
  bool whole = false;
  std::vector<Value> values;
  std::vector<Authors> authors;
};

// As records of `counters`. The first cut after a start tells everything, so a cut may take several
// records, each far below what a log takes: they follow one another, and all but the last say that
// more follows.
struct CutRecord {
  std::string key;  // unique for each part of each cut
  std::string json;
};
std::vector<CutRecord> cut_records(const Cut& cut);
bool is_cut_key(std::string_view key);
// The same record without an author, who has been erased; nothing when it does not name them.
std::optional<std::string> cut_without(std::string_view json, std::uint64_t author);

struct CutPart {
  Cut cut;
  bool more = false;
};
Result<CutPart> parse_cut_part(std::string_view json);

// Puts the parts of one partition's cuts together.
class CutJoiner {
 public:
  // The whole cut, once its last part is there.
  std::optional<Cut> add(CutPart part);
  bool waits() const { return !begun_.empty(); }

 private:
  std::map<Partition, Cut> begun_;
};

// Whether a dimension's series can raise an alert.
constexpr bool raises_alerts(Dimension dimension) {
  return dimension == Dimension::Brand || dimension == Dimension::Competitor ||
         dimension == Dimension::Theme || dimension == Dimension::Campaign;
}

}  // namespace vigie
