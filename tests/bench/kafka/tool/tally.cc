// What a system wrote, summed so that two of them can be compared: how many records, and a sum over
// the decisions that does not depend on their order.
#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>
#include <xxhash.h>

#include "pipeline/core/clock.h"
#include "state/counter_key.h"
#include "tests/bench/kafka/tool/client.h"
#include "tests/bench/kafka/tool/tool.h"

namespace vigie {
namespace {

struct Sums {
  std::uint64_t records = 0;
  std::uint64_t themes = 0;
  std::uint64_t decisions = 0;
};

std::string_view text(const void* bytes, std::size_t size) {
  return {static_cast<const char*>(bytes), size};
}

// Calls `visit` for every committed record of a topic.
template <class Visit>
void each_record(const std::string& bootstrap, const std::string& topic, std::int32_t partitions,
                 const Visit& visit) {
  const Client from = reader(bootstrap, "bench-tally");
  auto ends = ends_of(from.get(), topic, partitions);
  const Places places(rd_kafka_topic_partition_list_new(static_cast<int>(ends.size())));
  for (const auto& [partition, end] : ends) {
    rd_kafka_topic_partition_list_add(places.get(), topic.c_str(), partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
  }
  if (rd_kafka_assign(from.get(), places.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) std::exit(1);
  while (!ends.empty()) {
    const Polled message(rd_kafka_consumer_poll(from.get(), 10'000));
    if (message == nullptr) break;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      ends.erase(message->partition);
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      visit(text(message->key, message->key_len), text(message->payload, message->len));
    }
  }
  rd_kafka_consumer_close(from.get());
}

// A record with a mention and what was decided about it.
void add_decision(simdjson::dom::parser& parser, std::string_view value, Sums& sums) {
  ++sums.records;
  std::string_view network;
  std::string_view id;
  std::string_view queue;
  simdjson::dom::array themes;
  const auto document = parser.parse(value.data(), value.size());
  if (document["network"].get(network) || document["id"].get(id) || document["queue"].get(queue) ||
      document["themes"].get(themes)) {
    return;
  }
  std::vector<std::string_view> names;
  for (const auto theme : themes) names.emplace_back(theme.get_string().value());
  std::ranges::sort(names);
  std::string said = fmt::format("{}/{} {}", network, id, queue);
  for (const std::string_view name : names) said.append(" ").append(name);
  sums.themes += names.size();
  sums.decisions += XXH3_64bits(said.data(), said.size());
}

using Counts = std::map<std::pair<std::string, std::string>, std::int64_t>;  // last value of each

Sums sum_of(const Counts& counts) {
  std::map<std::string, std::int64_t> over_partitions;
  for (const auto& [key, value] : counts) over_partitions[key.first] += value;
  Sums sums;
  for (const auto& [key, value] : over_partitions) {
    if (value == 0) continue;
    ++sums.records;
    sums.themes += static_cast<std::uint64_t>(value);
    const std::string said = fmt::format("{} {}", key, value);
    sums.decisions += XXH3_64bits(said.data(), said.size());
  }
  return sums;
}

// `mentions` of themes by the hour, from the product's own changelog.
Sums vigie_counters(const std::string& bootstrap, const std::string& topic,
                    std::int32_t partitions) {
  Counts counts;
  each_record(bootstrap, topic, partitions, [&](std::string_view key, std::string_view value) {
    const auto at = parse_counter_key(key);
    if (!at || at->series.dimension != Dimension::Theme || at->granularity != Granularity::Hour)
      return;
    const auto measures = parse_counter_value(value);
    counts[{fmt::format("{} {}", at->series.id, at->bucket),
            std::to_string(number(at->partition))}] =
        measures ? vigie::at(*measures, Measure::Mentions) : 0;
  });
  return sum_of(counts);
}

// The same from the changelog of the Streams application: `partition theme hour` -> longs, the
// first of which is `mentions`.
Sums streams_counters(const std::string& bootstrap, const std::string& topic,
                      std::int32_t partitions) {
  Counts counts;
  each_record(bootstrap, topic, partitions, [&](std::string_view key, std::string_view value) {
    const std::size_t space = key.find(' ');
    if (space == std::string_view::npos || value.size() < 8) return;
    std::int64_t mentions = 0;
    for (std::size_t i = 0; i < 8; ++i)
      mentions = mentions << 8 | static_cast<unsigned char>(value[i]);
    counts[{std::string(key.substr(space + 1)), std::string(key.substr(0, space))}] = mentions;
  });
  return sum_of(counts);
}

}  // namespace

// Prints one line of JSON. `--counters` names the changelog, `--form` whose it is.
int tally(const Arguments& arguments) {
  const std::string bootstrap = arguments.text("bootstrap");
  std::string out = "{";
  const auto add = [&](std::string_view name, const Sums& sums) {
    out += fmt::format(R"({}"{}":[{},{},"{:016x}"])", out.size() > 1 ? "," : "", name, sums.records,
                       sums.themes, sums.decisions);
  };
  simdjson::dom::parser parser;
  for (const std::string topic : {"tagged", "queue.social", "queue.community"}) {
    Sums sums;
    each_record(
        bootstrap, arguments.text("prefix") + topic, arguments.partitions(),
        [&](std::string_view, std::string_view value) { add_decision(parser, value, sums); });
    add(topic, sums);
  }
  const std::string counters = arguments.text("counters");
  if (!counters.empty()) {
    add("counters", arguments.text("form") == "streams"
                        ? streams_counters(bootstrap, counters, arguments.partitions())
                        : vigie_counters(bootstrap, counters, arguments.partitions()));
  }
  fmt::print("{}}}\n", out);
  return 0;
}

}  // namespace vigie
