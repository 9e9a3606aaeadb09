#include "pipeline/cli/service.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include "pipeline/cli/author_secret.h"
#include "pipeline/cli/backup.h"
#include "pipeline/cli/cache_store.h"
#include "pipeline/cli/crash_point.h"
#include "pipeline/cli/housekeeping.h"
#include "pipeline/cli/kafka_metrics.h"
#include "pipeline/cli/node_api.h"
#include "pipeline/cli/operations.h"
#include "pipeline/cli/placed_connectors.h"
#include "pipeline/cli/worker_threads.h"
#include "pipeline/core/log_limit.h"
#include "pipeline/log/embedded_log.h"
#include "pipeline/log/kafka_log.h"
#include "pipeline/run/action_desk.h"
#include "pipeline/run/alerting.h"
#include "pipeline/run/erasures.h"
#include "pipeline/run/handover.h"
#include "pipeline/run/ingest.h"
#include "pipeline/run/placement.h"
#include "pipeline/run/rule_cost_board.h"
#include "pipeline/run/rules_source.h"
#include "pipeline/run/timers.h"
#include "pipeline/run/view.h"

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kStationWait{100};
constexpr milliseconds kRestartPause{1000};
constexpr milliseconds kRulesEvery{200};
constexpr milliseconds kHouseEvery{1000};

}  // namespace

struct Service::Impl {
  Config config;
  Roles roles;
  bool embedded = true;
  prometheus::Registry registry;
  std::optional<AuthorKeys> keys;
  // Stream time in microseconds up to which compactions may drop: of `store` that which workers
  // have reached, of `view_store` that which the view has folded, whoever's partitions those are.
  std::atomic<std::int64_t> horizon{0};
  std::atomic<std::int64_t> view_horizon{0};
  std::atomic<bool> stopping{false};
  const AtPoint at_point = crash_points(process_environment());

  std::unique_ptr<RulesSource> rules;
  std::unique_ptr<RuleCostBoard> costs;
  std::unique_ptr<Store> store;       // of the worker; embedded: of everything
  std::unique_ptr<Store> view_store;  // with Kafka: what the view folds
  std::unique_ptr<EventLog> log;
  EmbeddedLog* embedded_log = nullptr;  // `log`, where it is one
  std::unique_ptr<Erasures> erasures;
  std::atomic<bool> save_detectors{false};
  std::unique_ptr<Ingest> ingest;
  std::unique_ptr<ActionDesk> desk;
  std::unique_ptr<View> view;
  std::unique_ptr<Housekeeping> house;
  std::unique_ptr<Operations> operations;
  std::unique_ptr<ApiServer> api;
  std::unique_ptr<PlacedConnectors> connectors;
  std::unique_ptr<WorkerThreads> workers;

  mutable std::mutex mutex;
  std::condition_variable woken;
  std::optional<Error> failed;  // guarded by mutex
  bool reload_asked = false;    // guarded by mutex

  std::vector<std::jthread> threads;

  Store& view_state() { return view_store ? *view_store : *store; }
  void give_up(Error error);
  bool sleep(milliseconds length);

  Result<void> open_stores();
  Result<void> open_log();
  Result<void> open_rules_and_keys();
  Result<void> open_stations();
  Result<void> open_view();
  Result<void> start_api();
  void run_alerting();
  Result<void> start_connectors();
  std::unique_ptr<WorkerThreads> make_workers();
  template <class Open>
  void keep_stepping(std::string_view station, Open open);
  void run_view();
  void keep_house();
  Readiness readiness() const;
  void run_erasures();
};

void Service::Impl::give_up(Error error) {
  spdlog::error("service error=\"{}\"", error.message);
  const std::lock_guard lock(mutex);
  if (!failed) failed = std::move(error);
}

// Returns whether the service still runs.
bool Service::Impl::sleep(milliseconds length) {
  std::unique_lock lock(mutex);
  woken.wait_for(lock, length, [&] { return stopping.load() || reload_asked; });
  return !stopping;
}

Result<void> Service::Impl::open_stores() {
  const auto open = [&](const char* name, const std::atomic<std::int64_t>& until) {
    StoreOptions options = store_options(config, until);
    options.at_point = at_point;
    return embedded ? Store::open(config.data_dir / name, options)
                    : open_cache(config.data_dir, name, options, registry);
  };
  auto opened = open("state", horizon);
  if (!opened) return std::unexpected(std::move(opened.error()));
  store = std::move(*opened);
  if (embedded || !roles.view) return {};
  opened = open("view", view_horizon);
  if (!opened) return std::unexpected(std::move(opened.error()));
  view_store = std::move(*opened);
  return {};
}

Result<void> Service::Impl::open_log() {
  if (!embedded) {
    KafkaOptions options = kafka_options(config.log);
    options.observer = kafka_metrics(registry);
    options.at_point = at_point;
    options.stopping = [this] { return stopping.load(); };
    auto opened = KafkaLog::open(std::move(options));
    if (!opened) return std::unexpected(std::move(opened.error()));
    log = std::move(*opened);
    return check_handover(*log, *keys, config.log.kafka.topic_prefix);
  }
  auto opened = EmbeddedLog::open(embedded_options(config.log), *store);
  if (!opened) return std::unexpected(std::move(opened.error()));
  embedded_log = opened->get();
  log = std::move(*opened);
  return {};
}

Result<void> Service::Impl::start_api() {
  auto parts = api_parts({.config = config,
                          .roles = roles,
                          .keys = *keys,
                          .rules = *rules,
                          .ingest = *ingest,
                          .erasures = *erasures,
                          .view = view.get(),
                          .desk = desk.get(),
                          .registry = registry,
                          .readiness = [this] { return readiness(); }});
  auto started = ApiServer::start(config.api, std::move(parts));
  if (!started) return std::unexpected(std::move(started.error()));
  api = std::move(*started);
  return {};
}

Readiness Service::Impl::readiness() const {
  Readiness out;
  const auto healthy = log->healthy();
  out.checks.emplace_back("log", healthy ? "ok" : healthy.error().message);
  if (roles.worker) {
    out.checks.emplace_back("worker", workers->all_run() ? "ok" : "starting");
  }
  {
    const std::lock_guard lock(mutex);
    out.checks.emplace_back("service", failed ? failed->message : "ok");
  }
  out.checks.emplace_back("disk", operations->disk_check());
  out.ready =
      std::ranges::all_of(out.checks, [](const auto& check) { return check.second == "ok"; });
  // A bad rule file leaves the old set in force, so the service goes on being ready; the check
  // tells of it.
  const std::lock_guard lock(mutex);
  const std::string trouble = house->rules_trouble();
  out.checks.emplace_back("rules", trouble.empty() ? "ok" : "old set kept: " + trouble);
  return out;
}

std::unique_ptr<WorkerThreads> Service::Impl::make_workers() {
  WorkerOptions options;
  options.erasures = erasures->in_book();
  options.costs = costs.get();
  return std::make_unique<WorkerThreads>(
      WorkerThreads::Parts{.config = config,
                           .log = *log,
                           .store = *store,
                           .keys = *keys,
                           .rules = [this] { return rules->current(); },
                           .registry = registry,
                           .options = std::move(options),
                           .holds = [this] { return operations->refuse_intake().has_value(); },
                           .moved =
                               [this](Time stream_time, Time oldest) {
                                 horizon = oldest.time_since_epoch().count();
                                 if (embedded && view) view->advance(stream_time);
                               },
                           .ended = [this](Error error) { give_up(std::move(error)); }});
}

// A station that `open` makes: it returns one, and is asked again after the log has failed.
template <class Open>
void Service::Impl::keep_stepping(std::string_view station, Open open) {
  LogLimit limit;
  while (!stopping) {
    auto made = open();
    Result<void> ended;
    if (!made) ended = std::unexpected(std::move(made.error()));
    while (ended && !stopping) {
      auto stepped = (*made)->step(kStationWait);
      if (!stepped) ended = std::unexpected(std::move(stepped.error()));
      if constexpr (requires { (*made)->save(); }) {
        if (ended && save_detectors.exchange(false)) ended = (*made)->save();
      }
    }
    if (stopping) return;
    if (embedded || ended.error().code != Code::Unavailable) return give_up(ended.error());
    const std::string& why = ended.error().message;
    if (const auto times = limit.times(why, SteadyClock::now())) {
      spdlog::warn("{} error=\"{}\" times={} action=restart", station, why, times);
    }
    sleep(kRestartPause);
  }
}

void Service::Impl::run_view() {
  LogLimit limit;
  while (!stopping) {
    auto stepped = view->step(kStationWait);
    view_horizon = view->as_of().time_since_epoch().count();
    // Where no worker tells how far the stream has come, what the view has folded does.
    if (!roles.worker) horizon = view_horizon.load();
    if (stepped) continue;
    if (embedded || stepped.error().code != Code::Unavailable) return give_up(stepped.error());
    const std::string& why = stepped.error().message;
    if (const auto times = limit.times(why, SteadyClock::now())) {
      spdlog::warn("view error=\"{}\" times={} action=retry", why, times);
    }
    sleep(kRestartPause);
  }
}

void Service::Impl::run_erasures() {
  LogLimit limit;
  while (!stopping) {
    auto stepped = erasures->step();
    if (stepped || stepped.error().code == Code::Closed) {
      std::this_thread::sleep_for(kStationWait);
      continue;
    }
    // What is not done is tried again; the gauge tells of it.
    const std::string& why = stepped.error().message;
    if (const auto times = limit.times(why, SteadyClock::now())) {
      spdlog::warn("erasures error=\"{}\" times={} action=retry", why, times);
    }
    sleep(kRestartPause);
  }
}

void Service::Impl::keep_house() {
  auto tidied = std::chrono::steady_clock::now();
  while (sleep(kRulesEvery)) {
    bool asked = false;
    {
      const std::lock_guard lock(mutex);
      asked = std::exchange(reload_asked, false);
    }
    house->look_at_rules(asked);
    const auto now = std::chrono::steady_clock::now();
    if (now - tidied < kHouseEvery) continue;
    tidied = now;
    house->tidy_up();
  }
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() {
  stop();
}

Result<std::unique_ptr<Service>> Service::start(const Config& config, Roles roles) {
  auto service = std::unique_ptr<Service>(new Service(std::make_unique<Impl>()));
  Impl& self = *service->impl_;
  self.config = config;
  self.roles = roles;
  self.embedded = config.log.kind == LogConfig::Kind::Embedded;
  if (self.embedded && !(roles.ingest && roles.worker && roles.view)) {
    return fail(Code::Invalid, "--roles: with the embedded log one process has all roles");
  }
  // Topics that are refused leave nothing in the data directory.
  const auto second = self.embedded ? &Impl::open_stores : &Impl::open_log;
  const auto third = self.embedded ? &Impl::open_log : &Impl::open_stores;
  for (const auto step : {&Impl::open_rules_and_keys, second, third, &Impl::open_stations,
                          &Impl::open_view, &Impl::start_api}) {
    auto done = (self.*step)();
    if (!done) return std::unexpected(std::move(done.error()));
  }
  if (roles.view) {
    self.threads.emplace_back([&self] { self.run_view(); });
    self.threads.emplace_back([&self] { self.run_alerting(); });
    self.threads.emplace_back([&self] {
      self.keep_stepping("timers", [&self] {
        return Timers::open(*self.log, self.view_state(), *self.view, self.registry,
                            {.shared = !self.embedded});
      });
    });
  }
  if (roles.worker) self.workers->start();
  self.threads.emplace_back([&self] { self.keep_house(); });
  if (roles.worker) self.threads.emplace_back([&self] { self.run_erasures(); });
  if (roles.ingest) {
    auto started = self.start_connectors();
    if (!started) return std::unexpected(std::move(started.error()));
  }
  return service;
}

Result<void> Service::Impl::open_rules_and_keys() {
  auto opened = RulesSource::open(config.rules);
  if (!opened) return std::unexpected(std::move(opened.error()));
  rules = std::move(*opened);
  costs = std::make_unique<RuleCostBoard>([this] { return rules->current(); }, registry);
  for (const std::string& warning : rules->warnings()) spdlog::warn("{}", warning);
  auto secret = author_secret(config);
  if (!secret) return std::unexpected(std::move(secret.error()));
  keys.emplace(*secret);
  return {};
}

Result<void> Service::Impl::open_stations() {
  ingest = std::make_unique<Ingest>(*log, rules.get(), RecordClock{}, registry, costs.get());
  ingest->announce("api");
  auto started = Operations::start(config, *store, view_store.get(), registry);
  if (!started) return std::unexpected(std::move(started.error()));
  operations = std::move(*started);
  ingest->guard([this] { return operations->refuse_intake(); });
  erasures = std::make_unique<Erasures>(
      Erasures::Parts{.log = *log,
                      .embedded = embedded_log,
                      .store = *store,
                      .keys = *keys,
                      .clock = system_clock(),
                      .save_detectors = [this] { save_detectors = true; }},
      registry);
  if (embedded) {
    auto kept = erasures->keep_book(config.data_dir / kErasureBook);
    if (!kept) return std::unexpected(std::move(kept.error()));
  }
  ingest->on_erasure([this](const Mention& mention) {
    erasures->asked(mention.network, mention.author.id, *mention.seen_at);
  });
  return {};
}

// With what looks after it and the stores, and the workers that tell it how far they are.
Result<void> Service::Impl::open_view() {
  if (roles.view) {
    ViewOptions options;
    options.fold_state = !embedded;
    options.texts = config.retention;
    options.clock = system_clock();
    // What people do goes by stream time, so that it stands after what they had seen.
    desk = std::make_unique<ActionDesk>(
        *log, ActionDesk::Options{.clock = [this] { return view->as_of(); }});
    options.on_action = [this](const ActionOutcome& outcome) { desk->passed(outcome); };
    auto opened = View::open(*log, view_state(), registry, std::move(options));
    if (!opened) return std::unexpected(std::move(opened.error()));
    view = std::move(*opened);
  }
  const bool ticks = roles.ingest && std::ranges::none_of(config.connectors, brings_its_time);
  house = std::make_unique<Housekeeping>(
      Housekeeping::Parts{.rules = *rules,
                          .costs = *costs,
                          .store = *store,
                          .view_store = view_store.get(),
                          .ticks = ticks ? ingest.get() : nullptr,
                          .view = view.get(),
                          .caches = embedded ? std::filesystem::path() : config.data_dir},
      registry);
  if (roles.worker) workers = make_workers();
  return {};
}

void Service::Impl::run_alerting() {
  Placement placement(*log, view_state(), "alerts");
  Alerting::Turn turn;
  if (!embedded) {
    turn = [&]() -> Result<bool> {
      if (auto asked = placement.step(milliseconds{0}); !asked) {
        return std::unexpected(std::move(asked.error()));
      }
      return placement.is_mine();
    };
  }
  keep_stepping("alerting", [&] {
    return Alerting::open(*log, view_state(), registry, surge_options(config.alerts.surge), turn);
  });
}

Result<void> Service::Impl::start_connectors() {
  auto started = PlacedConnectors::start({.config = config,
                                          .log = *log,
                                          .store = *store,
                                          .ingest = *ingest,
                                          .registry = registry,
                                          .alone = embedded});
  if (!started) return std::unexpected(std::move(started.error()));
  connectors = std::move(*started);
  threads.emplace_back([this] {
    while (!stopping) {
      auto stepped = connectors->step(kStationWait);
      if (!stepped) return give_up(std::move(stepped.error()));
    }
  });
  return {};
}

void Service::stop() {
  Impl& self = *impl_;
  if (self.connectors) self.connectors->stop();
  if (self.api) self.api->stop();
  {
    const std::lock_guard lock(self.mutex);
    self.stopping = true;
  }
  self.woken.notify_all();
  self.workers.reset();
  self.threads.clear();
  self.connectors.reset();
  self.api.reset();
  self.house.reset();
  self.view.reset();
  self.desk.reset();
  self.ingest.reset();
  self.operations.reset();
  self.erasures.reset();
  self.log.reset();
  needs_restart();  // also where a start was given up over damage
  self.view_store.reset();
  self.store.reset();
}

void Service::reload_rules() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->reload_asked = true;
  }
  impl_->woken.notify_all();
}

std::optional<Error> Service::failure() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->failed;
}

bool Service::needs_restart() {
  bool found = false;
  for (const auto& [name, store] :
       {std::pair{"state", impl_->store.get()}, std::pair{"view", impl_->view_store.get()}}) {
    if (impl_->embedded || store == nullptr) continue;
    found = found || store->is_broken();
    if (!store->is_damaged()) continue;
    auto marked = mark_damaged(impl_->config.data_dir, name);
    if (!marked) impl_->give_up(std::move(marked.error()));
    found = marked.has_value();
  }
  return found;
}

std::uint16_t Service::port() const {
  return impl_->api->port();
}

}  // namespace vigie
