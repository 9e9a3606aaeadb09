#include "pipeline/cli/housekeeping.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "pipeline/cli/cache_store.h"
#include "pipeline/run/ingest.h"
#include "pipeline/run/rule_cost_board.h"
#include "pipeline/run/rules_source.h"
#include "pipeline/run/view.h"
#include "state/store.h"

namespace vigie {
namespace {

constexpr std::chrono::milliseconds kTickAfter{5000};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::uint64_t resident_bytes() {
  std::ifstream stream("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  stream >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

prometheus::Gauge& gauge(prometheus::Registry& registry, const char* metric, const char* help) {
  return prometheus::BuildGauge().Name(metric).Help(help).Register(registry).Add({});
}

}  // namespace

struct Housekeeping::Metrics {
  explicit Metrics(prometheus::Registry& registry)
      : disk(gauge(registry, "vigie_store_disk_bytes", "Bytes of the stores on disk")),
        memory(gauge(registry, "vigie_store_memory_bytes", "Bytes of the stores in memory")),
        resident(gauge(registry, "vigie_process_resident_bytes", "Resident memory")),
        firing(prometheus::BuildGauge()
                   .Name("vigie_alerts_firing")
                   .Help("Alerts that fire now")
                   .Register(registry)),
        rules_info(prometheus::BuildGauge()
                       .Name("vigie_rules_info")
                       .Help("1 for the version of the rule set in force")
                       .Register(registry)),
        reloads(prometheus::BuildCounter()
                    .Name("vigie_rules_reloads_total")
                    .Help("Readings of the rule file that were asked for or found a change")
                    .Register(registry)) {
    for (const char* result : {"changed", "unchanged", "refused"}) {
      reloads.Add({{"result", result}});
    }
  }

  prometheus::Gauge& disk;
  prometheus::Gauge& memory;
  prometheus::Gauge& resident;
  prometheus::Family<prometheus::Gauge>& firing;
  prometheus::Family<prometheus::Gauge>& rules_info;
  prometheus::Family<prometheus::Counter>& reloads;
};

Housekeeping::Housekeeping(const Parts& parts, prometheus::Registry& registry)
    : parts_(parts), metrics_(std::make_unique<Metrics>(registry)) {
  metrics_->rules_info.Add({{"version", parts_.rules.current()->version()}}).Set(1);
}

Housekeeping::~Housekeeping() = default;

std::string Housekeeping::rules_trouble() const {
  const std::lock_guard lock(mutex_);
  return rules_trouble_;
}

void Housekeeping::look_at_rules(bool asked) {
  RulesSource& rules = parts_.rules;
  const std::string before = rules.current()->version();
  auto reloaded = rules.reload(asked);
  if (reloaded && *reloaded == RulesSource::Reload::Unchanged && !asked) return;
  std::string trouble;
  if (!reloaded) {
    trouble = reloaded.error().message;
    // A file that stays bad is told once; one that was put right is forgiven.
    if (trouble == rules_trouble() && !asked) return;
    for (const std::string& line : lines_of(trouble)) {
      spdlog::error("rules result=refused version={} error=\"{}\"", before, line);
    }
    metrics_->reloads.Add({{"result", "refused"}}).Increment();
  } else if (*reloaded == RulesSource::Reload::Changed) {
    const std::string after = rules.current()->version();
    spdlog::info("rules result=changed from={} to={}", before, after);
    for (const std::string& warning : rules.warnings()) spdlog::warn("{}", warning);
    metrics_->reloads.Add({{"result", "changed"}}).Increment();
    metrics_->rules_info.Remove(&metrics_->rules_info.Add({{"version", before}}));
    metrics_->rules_info.Add({{"version", after}}).Set(1);
  } else if (asked) {
    spdlog::info("rules result=unchanged version={}", before);
    metrics_->reloads.Add({{"result", "unchanged"}}).Increment();
  }
  if (reloaded && *reloaded == RulesSource::Reload::Unchanged) return;
  const std::lock_guard lock(mutex_);
  rules_trouble_ = trouble;
}

void Housekeeping::tidy_up() {
  for (const std::string& warning : parts_.costs.warnings(std::chrono::steady_clock::now())) {
    spdlog::warn("{}", warning);
  }
  if (parts_.ticks != nullptr) {
    auto ticked = parts_.ticks->tick(kTickAfter);
    if (!ticked && ticked.error().code != Code::Closed) {
      spdlog::warn("tick error=\"{}\"", ticked.error().message);
    }
  }
  if (!parts_.caches.empty()) drop_set_aside(parts_.caches);
  std::uint64_t disk = parts_.store.disk_bytes();
  std::uint64_t memory = parts_.store.memory_bytes();
  if (parts_.view_store != nullptr) {
    disk += parts_.view_store->disk_bytes();
    memory += parts_.view_store->memory_bytes();
  }
  metrics_->disk.Set(static_cast<double>(disk));
  metrics_->memory.Set(static_cast<double>(memory));
  metrics_->resident.Set(static_cast<double>(resident_bytes()));
  if (parts_.view == nullptr) return;
  for (const AlertBook::Count& count : parts_.view->alerts().counts()) {
    if (count.state != AlertState::Firing) continue;
    metrics_->firing.Add({{"kind", std::string(name(count.kind))}})
        .Set(static_cast<double>(count.alerts));
  }
}

}  // namespace vigie
