#include "pipeline/cli/placed_connectors.h"

#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include "connectors/registry.h"
#include "pipeline/cli/service.h"
#include "pipeline/run/connector_runner.h"
#include "pipeline/run/placement.h"

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTryAgain{10};

struct Placed {
  const ConnectorConfig* entry = nullptr;
  prometheus::Gauge* here = nullptr;
  std::unique_ptr<Placement> placement;  // unless we are alone
  SteadyClock::time_point try_at{};
  std::unique_ptr<ConnectorRunner> runner;
};

}  // namespace

struct PlacedConnectors::Impl {
  Parts parts;
  std::vector<Placed> all;
  std::mutex mutex;      // held while connectors start and stop
  bool stopped = false;  // guarded by mutex

  Result<std::unique_ptr<Connector>> make(const ConnectorConfig& entry) const;
  Result<void> run(Placed& placed);
  static void end(Placed& placed);
  void obey(Placed& placed);
};

Result<std::unique_ptr<Connector>> PlacedConnectors::Impl::make(
    const ConnectorConfig& entry) const {
  const ConnectorKind* kind = find_connector_kind(entry.kind);
  if (kind == nullptr) {
    return fail(Code::Invalid,
                fmt::format("connector {}: unknown kind {}", entry.name, entry.kind));
  }
  ConnectorSettings settings;
  settings.name = entry.name;
  settings.kind = entry.kind;
  settings.options = &entry.options;
  settings.file = parts.config.file.string();
  return kind->make(settings);
}

Result<void> PlacedConnectors::Impl::run(Placed& placed) {
  auto connector = make(*placed.entry);
  if (!connector) return std::unexpected(std::move(connector.error()));
  placed.runner =
      std::make_unique<ConnectorRunner>(std::move(*connector), parts.ingest, parts.registry,
                                        runner_options(parts.config, *placed.entry));
  placed.here->Set(1);
  return {};
}

void PlacedConnectors::Impl::end(Placed& placed) {
  placed.runner.reset();
  placed.here->Set(0);
}

void PlacedConnectors::Impl::obey(Placed& placed) {
  const bool wanted = placed.placement->is_mine();
  if (wanted == (placed.runner != nullptr) || SteadyClock::now() < placed.try_at) return;
  const std::lock_guard lock(mutex);
  if (stopped) return;
  spdlog::info("connector={} {}", placed.entry->name, wanted ? "runs here" : "no longer runs here");
  if (!wanted) return end(placed);
  if (auto running = run(placed); !running) {
    spdlog::error("connector={} error=\"{}\"", placed.entry->name, running.error().message);
    placed.try_at = SteadyClock::now() + kTryAgain;
  }
}

PlacedConnectors::PlacedConnectors(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PlacedConnectors::~PlacedConnectors() {
  stop();
}

Result<std::unique_ptr<PlacedConnectors>> PlacedConnectors::start(const Parts& parts) {
  auto& family = prometheus::BuildGauge()
                     .Name("vigie_connector_placed")
                     .Help("1 on the node that runs the connector")
                     .Register(parts.registry);
  auto impl = std::make_unique<Impl>(parts);
  for (const ConnectorConfig& entry : parts.config.connectors) {
    // Wrong options show now, whoever is to run it.
    if (auto connector = impl->make(entry); !connector) {
      return std::unexpected(std::move(connector.error()));
    }
    Placed& placed = impl->all.emplace_back();
    placed.entry = &entry;
    placed.here = &family.Add({{"connector", entry.name}});
  }
  for (Placed& placed : impl->all) {
    if (!parts.alone) {
      placed.placement =
          std::make_unique<Placement>(parts.log, parts.store, "connector." + placed.entry->name);
      continue;
    }
    if (auto running = impl->run(placed); !running) {
      return std::unexpected(std::move(running.error()));
    }
  }
  return std::unique_ptr<PlacedConnectors>(new PlacedConnectors(std::move(impl)));
}

Result<void> PlacedConnectors::step(std::chrono::milliseconds wait) {
  const auto until = SteadyClock::now() + wait;
  if (!impl_->parts.alone) {
    for (Placed& placed : impl_->all) {
      auto asked = placed.placement->step(wait / static_cast<int>(impl_->all.size()));
      if (!asked) {
        stop();
        return asked;
      }
      impl_->obey(placed);
    }
  }
  std::this_thread::sleep_until(until);
  return {};
}

void PlacedConnectors::stop() {
  const std::lock_guard lock(impl_->mutex);
  impl_->stopped = true;
  for (Placed& placed : impl_->all) {
    if (placed.runner) placed.runner->stop();
  }
}

}  // namespace vigie
