// What a system wrote, summed so that two of them can be compared: how many records, and a sum over
// the decisions that does not depend on their order.
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <simdjson.h>
#include <xxhash.h>

#include "pipeline/core/bytes.h"
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
      visit(text(message->key, message->key_len), text(message->payload, message->len),
            message->partition);
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

using Counts = std::unordered_map<std::string, Measures>;  // last value of each key and partition

// The product's own changelog.
void add_ours(std::string_view key, std::string_view value, std::int32_t, Counts& counts) {
  if (!parse_counter_key(key)) return;
  counts[std::string(key)] = parse_counter_value(value).value_or(Measures{});
}

// The changelog of the Streams application, whose form `Counters.java` tells.
void add_streams(std::string_view key, std::string_view value, std::int32_t partition,
                 Counts& counts) {
  const std::size_t middle = key.find('\0');
  const std::size_t end = key.find('\0', middle + 1);
  if (end == std::string_view::npos) return;
  CounterKey at;
  at.partition = Partition{partition};
  at.series = {static_cast<Dimension>(key[0]), std::string(key.substr(1, middle - 1)),
               std::string(key.substr(middle + 1, end - middle - 1))};
  ByteReader bucket(key.substr(end + 1));
  at.granularity = static_cast<Granularity>(bucket.fixed<std::uint8_t>());
  at.bucket = static_cast<std::int32_t>(bucket.fixed<std::uint32_t>());
  Measures measures{};
  ByteReader bytes(value);
  const auto mask = bytes.fixed<std::uint16_t>();
  for (std::size_t i = 0; i < kMeasures; ++i) {
    if ((mask >> i & 1) != 0) measures[i] = bytes.signed_varint();
  }
  counts[counter_key(at)] = measures;
}

// Each bucket over all partitions, but for what the Streams application does not tell: which author
// is meant, under the product's keyed hash, and how many asked something.
std::string said_of(const CounterKey& key, const Measures& value) {
  Series series = key.series;
  if (series.dimension == Dimension::Author || series.dimension == Dimension::AuthorBrand) {
    series.id.clear();
  }
  if (series.dimension == Dimension::ThemeAuthor) series.other.clear();
  std::string said = fmt::format("{} {} {} {} {}", name(series.dimension), series.id, series.other,
                                 static_cast<char>(key.granularity), key.bucket);
  for (std::size_t i = 0; i < kMeasures; ++i) {
    if (i != static_cast<std::size_t>(Measure::Questions)) said += fmt::format(" {}", value[i]);
  }
  return said;
}

Counts over_partitions(const Counts& counts) {
  Counts sums;
  for (const auto& [key, value] : counts) {
    auto at = parse_counter_key(key);
    if (!at) continue;
    at->partition = Partition{0};
    add_to(sums[counter_key(*at)], value);
  }
  return sums;
}

// Of all buckets, or of the hours of themes alone.
Sums sum_of(const Counts& counts, bool themes_only) {
  Sums sums;
  for (const auto& [key, value] : counts) {
    const auto at = parse_counter_key(key);
    if (!at || is_zero(value)) continue;
    if (themes_only &&
        (at->series.dimension != Dimension::Theme || at->granularity != Granularity::Hour)) {
      continue;
    }
    ++sums.records;
    sums.themes += static_cast<std::uint64_t>(vigie::at(value, Measure::Mentions));
    const std::string said = said_of(*at, value);
    sums.decisions += XXH3_64bits(said.data(), said.size());
  }
  return sums;
}

}  // namespace

// Prints one line of JSON. `--counters` names the changelogs, `--form` whose they are.
int tally(const Arguments& arguments) {
  const std::string bootstrap = arguments.text("bootstrap");
  const std::int32_t partitions = arguments.partitions();
  std::string out = "{";
  const auto add = [&](std::string_view name, const Sums& sums) {
    out += fmt::format(R"({}"{}":[{},{},"{:016x}"])", out.size() > 1 ? "," : "", name, sums.records,
                       sums.themes, sums.decisions);
  };
  simdjson::dom::parser parser;
  for (const std::string topic : {"tagged", "queue.social", "queue.community"}) {
    Sums sums;
    each_record(bootstrap, arguments.text("prefix") + topic, partitions,
                [&](std::string_view, std::string_view value, std::int32_t) {
                  add_decision(parser, value, sums);
                });
    add(topic, sums);
  }
  const std::string form = arguments.text("form");
  const std::string named = arguments.text("counters");
  std::string_view topics = named;
  Counts counts;
  while (!topics.empty()) {
    const std::string topic(topics.substr(0, topics.find(',')));
    topics.remove_prefix(std::min(topics.size(), topic.size() + 1));
    each_record(bootstrap, topic, partitions,
                [&](std::string_view key, std::string_view value, std::int32_t partition) {
                  (form == "vigie" ? add_ours : add_streams)(key, value, partition, counts);
                });
  }
  if (!form.empty()) {
    const Counts sums = over_partitions(counts);
    add("theme hours", sum_of(sums, true));
    if (form != "streams-themes") add("counters", sum_of(sums, false));
  }
  fmt::print("{}}}\n", out);
  return 0;
}

}  // namespace vigie
