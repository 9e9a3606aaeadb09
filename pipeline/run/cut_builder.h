#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/cut.h"
#include "state/store.h"

namespace vigie {

// Where the last minute that was cut stands in Space::Meta, which is a row of `CutBuilder::row`.
std::string cut_state_key(Partition partition);
std::optional<Minute> parse_cut_state(std::string_view value);

// The cuts of one partition: which minute is due, and what has changed since the last one. A minute
// is cut ten seconds after its end, by record time. One thread.
class CutBuilder {
 public:
  explicit CutBuilder(Partition partition) : partition_(partition) {}

  // Goes on where the store says that the last cut was. The first cut after it tells everything
  // that is kept at `stream_time`, since what changed before is not known. Corrupt when stored
  // bytes are damaged.
  Result<void> load(const Store& store, const Authors& authors, Time stream_time);

  // A partition's minutes begin with its first record.
  void begin(Time seen_at);
  // The minute that is over before a record of this time, if it was not cut yet.
  std::optional<Minute> due(Time seen_at) const;
  // The last minute that was cut, or the one before the first record.
  std::optional<Minute> last() const { return last_; }

  void changed(const CounterBatch::Change& change);
  void changed(const Authors::SetChange& change);

  // The records of the cut of `minute`, which becomes true with the batch that `state` is of.
  std::vector<CutRecord> take(Minute minute, StoreBatch& state);
  // Keeps where the minutes began when that is not in the store yet: also without a first cut a
  // restart judges them.
  void keep_begin(StoreBatch& state);
  // The row that says so, for the changelog; none before the first record.
  std::optional<std::pair<std::string, std::string>> row() const;

 private:
  Result<void> load_counters(const Store& store, Dimension dimension, Time stream_time);
  void keep(Minute minute, StoreBatch& state);

  Partition partition_;
  std::optional<Minute> last_;
  bool is_stored_ = true;
  bool is_whole_ = true;  // the next cut tells everything
  std::map<std::string, Cut::Value> values_;
  std::map<std::string, Cut::Authors> authors_;
};

}  // namespace vigie
