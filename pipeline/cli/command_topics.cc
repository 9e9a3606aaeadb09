// The command around the topics of an installation with Kafka.
#include <algorithm>
#include <chrono>
#include <string>

#include <fmt/format.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/service.h"
#include "pipeline/log/kafka_log.h"

namespace vigie {
namespace {

struct Count {
  std::size_t missing = 0;
  std::size_t changed = 0;
  std::size_t troubled = 0;
};

std::string configs_text(const TopicPlan& plan) {
  std::string text;
  for (const auto& [name, value] : plan.wanted) text += fmt::format(" {}={}", name, value);
  return text;
}

Count print(const std::vector<TopicPlan>& plans) {
  Count count;
  for (const TopicPlan& plan : plans) {
    if (plan.is_missing) {
      ++count.missing;
      fmt::print("create {}: {} partitions,{}\n", plan.name, plan.partitions, configs_text(plan));
      continue;
    }
    if (!plan.changes.empty()) ++count.changed;
    for (const TopicPlan::Change& change : plan.changes) {
      fmt::print("change {}: {} from {} to {}\n", plan.name, change.name, change.found,
                 change.wanted);
    }
    if (!plan.trouble.empty()) {
      ++count.troubled;
      fmt::print("wrong  {}: {}\n", plan.name, plan.trouble);
    }
    if (plan.changes.empty() && plan.trouble.empty()) {
      fmt::print("fits   {}: {} partitions\n", plan.name, plan.partitions);
    }
  }
  fmt::print("{} to create, {} to change, {} to be mended by hand\n", count.missing, count.changed,
             count.troubled);
  return count;
}

Result<KafkaOptions> options_of(const TopicsCommand& command) {
  auto config = load_config(command.config, process_environment());
  if (!config) return std::unexpected(std::move(config.error()));
  if (config->log.kind != LogConfig::Kind::Kafka) {
    return fail(Code::Invalid, fmt::format("{}: log: kind: expected kafka; the embedded log has no "
                                           "topics to make",
                                           command.config));
  }
  return kafka_options(config->log);
}

bool is_to_be_made(const TopicPlan& plan) {
  return plan.trouble.empty() && (plan.is_missing || !plan.changes.empty());
}

}  // namespace

Exit topics_plan(const TopicsCommand& command) {
  const auto options = options_of(command);
  if (!options) return report(options.error());
  const auto plans = plan_topics(*options);
  if (!plans) return report(plans.error());
  const Count count = print(*plans);
  return count.missing + count.changed + count.troubled == 0 ? Exit::Good : Exit::Input;
}

Exit topics_apply(const TopicsCommand& command) {
  const auto options = options_of(command);
  if (!options) return report(options.error());
  auto plans = plan_topics(*options);
  if (!plans) return report(plans.error());
  const auto applied = apply_topics(*options, *plans);
  if (!applied) return report(applied.error());
  // As it is now, not as it was meant to be; a change shows a moment after it is made.
  const auto deadline = std::chrono::steady_clock::now() + options->request_timeout;
  do {
    plans = plan_topics(*options);
    if (!plans) return report(plans.error());
  } while (std::ranges::any_of(*plans, is_to_be_made) &&
           std::chrono::steady_clock::now() < deadline);
  const Count count = print(*plans);
  return count.missing + count.changed + count.troubled == 0 ? Exit::Good : Exit::Input;
}

}  // namespace vigie
