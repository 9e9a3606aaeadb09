#include "pipeline/log/kafka_topics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

namespace vigie {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using Configs = std::map<std::string, std::string>;

// Values hold at most 512 KiB of a mention plus what the worker adds to it.
constexpr std::int64_t kLargestRecord = 1'000'000;
// Readers take a store that was away for 20 h to have missed none.
constexpr milliseconds kTombstonesStay = std::chrono::hours{24};

struct Release {
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_ConfigResource_t* resource) const {
    rd_kafka_ConfigResource_destroy(resource);
  }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

struct Found {
  std::int32_t partitions = 0;
  bool ready = true;  // each partition has a leader
};
using FoundTopics = std::map<Topic, Found>;

std::chrono::hours retention_of(const KafkaOptions& options, const TopicInfo& topic) {
  return topic.topic == Topic::Mentions ? options.mentions_retention : topic.retention;
}

std::string policy_of(const TopicInfo& topic) {
  if (!topic.compacted) return "delete";
  return topic.retention.count() == 0 ? "compact" : "compact,delete";
}

Configs configs_of(const KafkaOptions& options, const TopicInfo& topic) {
  const auto retention = retention_of(options, topic);
  Configs out = {
      {"cleanup.policy", policy_of(topic)},
      {"retention.bytes", "-1"},
      // Only closed segments are dropped or compacted: an open one must not outlive its retention
      // by much.
      {"segment.ms", fmt::to_string(milliseconds(std::chrono::hours{6}).count())},
      {"max.message.bytes", "1048588"},
  };
  out["retention.ms"] =
      retention.count() == 0 ? "-1" : fmt::to_string(milliseconds(retention).count());
  if (topic.compacted) {
    out["min.cleanable.dirty.ratio"] = "0.3";
    out["max.compaction.lag.ms"] = out["segment.ms"];
    out["min.compaction.lag.ms"] = "60000";
    out["delete.retention.ms"] = fmt::to_string(kTombstonesStay.count());
  }
  if (options.replication_factor >= 3) out["min.insync.replicas"] = "2";
  return out;
}

Result<FoundTopics> find_topics(rd_kafka_t* handle, const KafkaOptions& options) {
  const rd_kafka_metadata_t* raw = nullptr;
  const auto error = rd_kafka_metadata(handle, 1, nullptr, &raw,
                                       static_cast<int>(options.request_timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(kafka_error(fmt::format("no answer from {}", options.bootstrap), error));
  }
  const Owned<const rd_kafka_metadata_t> metadata(raw);
  FoundTopics found;
  for (const TopicInfo& topic : all_topics()) {
    const std::string name = kafka_topic(options, topic.topic);
    const std::span all(metadata->topics, static_cast<std::size_t>(metadata->topic_cnt));
    const auto at = std::ranges::find_if(all, [&](const auto& t) { return name == t.topic; });
    if (at == all.end() || at->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) continue;
    if (at->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        at->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
      return std::unexpected(kafka_error(fmt::format("topic {}", name), at->err));
    }
    Found state{at->partition_cnt, at->partition_cnt > 0};
    for (int i = 0; i < at->partition_cnt; ++i) state.ready &= at->partitions[i].leader >= 0;
    found[topic.topic] = state;
  }
  return found;
}

Owned<rd_kafka_AdminOptions_t> admin_options(rd_kafka_t* handle, rd_kafka_admin_op_t operation,
                                             milliseconds timeout) {
  Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(handle, operation));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(timeout.count()),
                                            nullptr, 0);
  return options;
}

Result<Owned<rd_kafka_event_t>> wait_for(rd_kafka_queue_t* queue, std::string_view what,
                                         milliseconds timeout) {
  // The request has its own time limit; the extra second lets its answer arrive.
  Owned<rd_kafka_event_t> event(
      rd_kafka_queue_poll(queue, static_cast<int>(timeout.count()) + 1000));
  if (event == nullptr) {
    return fail(Code::Unavailable, fmt::format("kafka: {}: no answer", what));
  }
  if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(kafka_error(what, error));
  }
  return event;
}

Result<void> create_topics(rd_kafka_t* handle, const KafkaOptions& options,
                           const std::vector<TopicInfo>& missing, std::int32_t partitions) {
  std::vector<Owned<rd_kafka_NewTopic_t>> owned;
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const TopicInfo& topic : missing) {
    const std::string name = kafka_topic(options, topic.topic);
    const int replicas = options.replication_factor == 0 ? -1 : options.replication_factor;
    std::array<char, 256> reason{};
    owned.emplace_back(
        rd_kafka_NewTopic_new(name.c_str(), partitions, replicas, reason.data(), reason.size()));
    if (owned.back() == nullptr) {
      return fail(Code::Invalid, fmt::format("kafka: topic {}: {}", name, reason.data()));
    }
    for (const auto& [key, value] : configs_of(options, topic)) {
      rd_kafka_NewTopic_set_config(owned.back().get(), key.c_str(), value.c_str());
    }
    raw.push_back(owned.back().get());
  }
  const auto admin = admin_options(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS, options.request_timeout);
  const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(handle));
  rd_kafka_CreateTopics(handle, raw.data(), raw.size(), admin.get(), queue.get());
  auto event = wait_for(queue.get(), "creating the topics", options.request_timeout);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto error = rd_kafka_topic_result_error(results[i]);
    // Another node was faster: what it made is checked like anything else.
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    const char* text = rd_kafka_topic_result_error_string(results[i]);
    Error out = kafka_error(
        fmt::format("creating topic {}", rd_kafka_topic_result_name(results[i])), error);
    if (error == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR) out.code = Code::Invalid;
    if (text != nullptr) out.message += fmt::format(": {}", text);
    return std::unexpected(out);
  }
  return {};
}

Result<FoundTopics> wait_until_ready(rd_kafka_t* handle, const KafkaOptions& options) {
  const auto deadline = SteadyClock::now() + options.request_timeout;
  while (true) {
    auto found = find_topics(handle, options);
    if (!found) return found;
    const bool ready =
        found->size() == all_topics().size() &&
        std::ranges::all_of(*found, [](const auto& entry) { return entry.second.ready; });
    if (ready) return found;
    if (SteadyClock::now() > deadline) {
      return fail(Code::Unavailable, "kafka: the topics have no leader yet");
    }
    // There is no event for "a leader was elected".
    std::this_thread::sleep_for(milliseconds{50});
  }
}

std::optional<std::int64_t> number_in(const Configs& configs, const std::string& name) {
  const auto at = configs.find(name);
  if (at == configs.end()) return std::nullopt;
  std::int64_t value = 0;
  const auto& text = at->second;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

std::set<std::string> words_of(std::string_view list) {
  std::set<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view word = list.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    out.emplace(word);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return out;
}

Result<void> wrong(const std::string& topic, const std::string& name, const std::string& found,
                   const std::string& expected) {
  return fail(Code::Invalid,
              fmt::format("kafka: topic {}: {} is {}, expected {}; mend it with `kafka-configs.sh "
                          "--alter --entity-type topics --entity-name {} --add-config {}=[{}]`",
                          topic, name, found, expected, topic, name, expected));
}

// What has to change for a topic to fit.
std::vector<TopicPlan::Change> differences(const KafkaOptions& options, const TopicInfo& topic,
                                           const Configs& configs) {
  std::vector<TopicPlan::Change> out;
  const Configs wanted = configs_of(options, topic);
  const auto change = [&](const std::string& name, std::string found) {
    out.push_back({name, std::move(found), wanted.at(name)});
  };
  const auto policy = configs.find("cleanup.policy");
  const std::string found_policy = policy == configs.end() ? "unknown" : policy->second;
  if (words_of(found_policy) != words_of(policy_of(topic))) change("cleanup.policy", found_policy);
  const auto largest = number_in(configs, "max.message.bytes");
  if (largest && *largest < kLargestRecord) change("max.message.bytes", fmt::to_string(*largest));
  const milliseconds needed = retention_of(options, topic);
  const auto kept = number_in(configs, "retention.ms");
  // For ever is wanted, or more is kept than asked for: nothing is lost by either.
  const bool short_lived = kept && *kept >= 0 && (needed.count() == 0 || *kept < needed.count());
  if (short_lived) change("retention.ms", fmt::to_string(*kept));
  // What is only compacted is not dropped by size.
  const auto bytes = number_in(configs, "retention.bytes");
  const bool is_limited = bytes && *bytes >= 0 && policy_of(topic) != "compact";
  if (is_limited) change("retention.bytes", fmt::to_string(*bytes));
  const auto tombstones = number_in(configs, "delete.retention.ms");
  const bool is_forgetful = tombstones && *tombstones < kTombstonesStay.count();
  if (topic.compacted && is_forgetful) {
    change("delete.retention.ms", fmt::to_string(*tombstones));
  }
  return out;
}

Result<void> check_configs(const KafkaOptions& options, const TopicInfo& topic,
                           const Configs& configs) {
  const std::string name = kafka_topic(options, topic.topic);
  const auto changes = differences(options, topic, configs);
  if (!changes.empty()) {
    return wrong(name, changes.front().name, changes.front().found, changes.front().wanted);
  }
  const milliseconds needed = retention_of(options, topic);
  const auto kept = number_in(configs, "retention.ms");
  // Erased text stays longer than promised.
  if (needed.count() != 0 && kept && *kept != needed.count()) {
    spdlog::warn("kafka topic={} retention_ms={} expected_ms={}: kept longer than configured", name,
                 *kept, needed.count());
  }
  return {};
}

// Those of the topics that are there.
Result<std::map<std::string, Configs>> read_configs(rd_kafka_t* handle, const KafkaOptions& options,
                                                    const FoundTopics& found, bool only_set) {
  std::map<std::string, Configs> read;
  if (found.empty()) return read;
  std::vector<Owned<rd_kafka_ConfigResource_t>> owned;
  std::vector<rd_kafka_ConfigResource_t*> raw;
  for (const auto& [topic, state] : found) {
    owned.emplace_back(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, kafka_topic(options, topic).c_str()));
    raw.push_back(owned.back().get());
  }
  const auto admin =
      admin_options(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, options.request_timeout);
  const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(handle));
  rd_kafka_DescribeConfigs(handle, raw.data(), raw.size(), admin.get(), queue.get());
  auto event = wait_for(queue.get(), "reading the topics' configuration", options.request_timeout);
  if (!event) return std::unexpected(event.error());

  std::size_t count = 0;
  const auto* resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* name = rd_kafka_ConfigResource_name(resources[i]);
    if (const auto error = rd_kafka_ConfigResource_error(resources[i])) {
      return std::unexpected(
          kafka_error(fmt::format("reading the configuration of topic {}", name), error));
    }
    std::size_t entries = 0;
    const auto* entry = rd_kafka_ConfigResource_configs(resources[i], &entries);
    for (std::size_t k = 0; k < entries; ++k) {
      const bool set =
          rd_kafka_ConfigEntry_source(entry[k]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
      if (only_set && !set) continue;
      const char* value = rd_kafka_ConfigEntry_value(entry[k]);
      read[name][rd_kafka_ConfigEntry_name(entry[k])] = value == nullptr ? "" : value;
    }
  }
  return read;
}

Result<void> check_all_configs(rd_kafka_t* handle, const KafkaOptions& options,
                               const FoundTopics& found) {
  auto read = read_configs(handle, options, found, false);
  if (!read) return std::unexpected(read.error());
  for (const TopicInfo& topic : all_topics()) {
    if (!found.contains(topic.topic)) continue;
    auto checked = check_configs(options, topic, (*read)[kafka_topic(options, topic.topic)]);
    if (!checked) return checked;
  }
  return {};
}

// Empty where a topic has as many partitions as `mentions`, or need not.
std::string partition_trouble(const KafkaOptions& options, const TopicInfo& topic,
                              std::int32_t partitions, std::int32_t mentions) {
  if (!topic.with_mentions || partitions == mentions) return "";
  const std::string name = kafka_topic(options, topic.topic);
  const std::string mend =
      partitions < mentions
          ? fmt::format("`kafka-topics.sh --alter --topic {} --partitions {}`", name, mentions)
          : fmt::format("giving {} {} partitions, or a new topic_prefix",
                        kafka_topic(options, Topic::Mentions), partitions);
  return fmt::format("topic {} has {} partitions, expected {} as {} has; mend it with {}", name,
                     partitions, mentions, kafka_topic(options, Topic::Mentions), mend);
}

Result<void> check_partitions(const KafkaOptions& options, const FoundTopics& found) {
  if (!found.contains(Topic::Mentions)) return {};
  const std::int32_t mentions = found.at(Topic::Mentions).partitions;
  for (const TopicInfo& topic : all_topics()) {
    if (!found.contains(topic.topic)) continue;
    const std::string trouble =
        partition_trouble(options, topic, found.at(topic.topic).partitions, mentions);
    if (!trouble.empty()) return fail(Code::Invalid, "kafka: " + trouble);
  }
  return {};
}

// Replaces everything that is set for a topic, so what is set already goes with it.
Result<void> alter_configs(rd_kafka_t* handle, const KafkaOptions& options,
                           const std::vector<TopicPlan>& plans, const FoundTopics& found) {
  auto set = read_configs(handle, options, found, true);
  if (!set) return std::unexpected(set.error());
  for (const TopicPlan& plan : plans) {
    if (plan.changes.empty()) continue;
    Configs configs = (*set)[plan.name];
    for (const TopicPlan::Change& change : plan.changes) configs[change.name] = change.wanted;
    const Owned<rd_kafka_ConfigResource_t> resource(
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, plan.name.c_str()));
    for (const auto& [name, value] : configs) {
      rd_kafka_ConfigResource_set_config(resource.get(), name.c_str(), value.c_str());
    }
    rd_kafka_ConfigResource_t* raw = resource.get();
    const auto admin =
        admin_options(handle, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, options.request_timeout);
    const Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(handle));
    rd_kafka_AlterConfigs(handle, &raw, 1, admin.get(), queue.get());
    auto event =
        wait_for(queue.get(), fmt::format("changing topic {}", plan.name), options.request_timeout);
    if (!event) return std::unexpected(event.error());
    std::size_t count = 0;
    const auto* results = rd_kafka_AlterConfigs_result_resources(
        rd_kafka_event_AlterConfigs_result(event->get()), &count);
    for (std::size_t i = 0; i < count; ++i) {
      if (const auto error = rd_kafka_ConfigResource_error(results[i])) {
        return std::unexpected(kafka_error(fmt::format("changing topic {}", plan.name), error));
      }
    }
  }
  return {};
}

}  // namespace

Result<std::map<Topic, std::int32_t>> prepare_topics(rd_kafka_t* handle,
                                                     const KafkaOptions& options) {
  auto found = find_topics(handle, options);
  if (!found) return std::unexpected(found.error());
  std::vector<TopicInfo> missing;
  for (const TopicInfo& topic : all_topics()) {
    if (!found->contains(topic.topic)) missing.push_back(topic);
  }
  if (!missing.empty() && options.create_topics) {
    const auto mentions = found->find(Topic::Mentions);
    const std::int32_t partitions =
        mentions == found->end() ? options.partitions : mentions->second.partitions;
    auto created = create_topics(handle, options, missing, partitions);
    if (!created) return std::unexpected(created.error());
  }
  if (missing.empty() || options.create_topics) found = wait_until_ready(handle, options);
  if (!found) return std::unexpected(found.error());
  if (auto fits = check_partitions(options, *found); !fits) return std::unexpected(fits.error());
  auto fits = check_all_configs(handle, options, *found);
  if (!fits) return std::unexpected(fits.error());
  if (!missing.empty() && !options.create_topics) {
    std::vector<std::string> names;
    names.reserve(missing.size());
    for (const TopicInfo& topic : missing) names.push_back(kafka_topic(options, topic.topic));
    return fail(Code::NotFound, fmt::format("kafka: no topic {}", fmt::join(names, ", ")));
  }
  std::map<Topic, std::int32_t> partitions;
  for (const auto& [topic, state] : *found) partitions[topic] = state.partitions;
  return partitions;
}

Result<std::vector<TopicPlan>> plan_topics(rd_kafka_t* handle, const KafkaOptions& options) {
  const auto found = find_topics(handle, options);
  if (!found) return std::unexpected(found.error());
  auto configs = read_configs(handle, options, *found, false);
  if (!configs) return std::unexpected(configs.error());
  const auto mentions = found->find(Topic::Mentions);
  const std::int32_t partitions =
      mentions == found->end() ? options.partitions : mentions->second.partitions;
  std::vector<TopicPlan> plans;
  for (const TopicInfo& topic : all_topics()) {
    TopicPlan& plan = plans.emplace_back();
    plan.name = kafka_topic(options, topic.topic);
    const auto at = found->find(topic.topic);
    plan.is_missing = at == found->end();
    plan.partitions = plan.is_missing ? partitions : at->second.partitions;
    plan.wanted = configs_of(options, topic);
    if (plan.is_missing) continue;
    plan.changes = differences(options, topic, (*configs)[plan.name]);
    plan.trouble = partition_trouble(options, topic, plan.partitions, partitions);
  }
  return plans;
}

Result<void> apply_topics(rd_kafka_t* handle, const KafkaOptions& options,
                          const std::vector<TopicPlan>& plans) {
  std::vector<TopicInfo> missing;
  std::int32_t partitions = options.partitions;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!plans[i].is_missing) continue;
    missing.push_back(all_topics()[i]);
    partitions = plans[i].partitions;
  }
  if (!missing.empty()) {
    auto created = create_topics(handle, options, missing, partitions);
    if (!created) return created;
  }
  const auto found = wait_until_ready(handle, options);
  if (!found) return std::unexpected(found.error());
  return alter_configs(handle, options, plans, *found);
}

}  // namespace vigie
