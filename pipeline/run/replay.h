#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "connectors/connector.h"
#include "pipeline/alerts/surge.h"
#include "pipeline/core/error.h"
#include "pipeline/core/ids.h"
#include "pipeline/log/text_retention.h"
#include "rules/rule_set.h"
#include "state/count_dump.h"

namespace vigie {

struct ReplayRun {
  std::shared_ptr<const RuleSet> rules;
  std::unique_ptr<Connector> input;
  std::filesystem::path state;               // directory of the run's own store
  std::optional<std::filesystem::path> out;  // one NDJSON file a topic goes here
  std::array<std::uint8_t, 32> author_secret{};
  bool keep = false;  // nothing expires
  bool detect_lang = true;
  SurgeOptions surge;
  TextRetention texts;
  // Told now and then how many records were read.
  std::function<void(std::uint64_t)> progress;
  // Asked before each batch; true ends the run with Closed.
  std::function<bool()> interrupted;
};

struct ReplaySummary {
  std::uint64_t records = 0;
  std::uint64_t dead_letters = 0;
  std::map<std::string, std::uint64_t> outputs;  // records by topic name
  std::size_t social_items = 0;
  std::size_t community_items = 0;
  Time stream_time{};
};

// One line of a counter dump, without its end: {"dimension","id","measure","hour","value"}, and
// "estimate":true where it is one.
void append_count(std::string& out, const CountLine& count);

// The whole pipeline over an input that ends: one partition, one worker, input order, no ticks, one
// thread. The same input and rules give the same bytes.
Result<ReplaySummary> run_replay(ReplayRun run);

}  // namespace vigie
