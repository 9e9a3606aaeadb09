#include <csignal>
#include <ctime>
#include <memory>
#include <string>

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/service.h"
#include "pipeline/core/clock.h"
#include "pipeline/core/json.h"

namespace vigie {
namespace {

// One JSON object a line. spdlog's patterns do not escape what they are given.
class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    std::string line;
    JsonWriter json(line);
    json.begin_object();
    json.field("time", format_time(std::chrono::floor<std::chrono::milliseconds>(message.time)));
    const auto level = spdlog::level::to_string_view(message.level);
    json.field("level", std::string_view(level.data(), level.size()));
    json.field("line", std::string_view(message.payload.data(), message.payload.size()));
    json.end_object();
    line += '\n';
    out.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

void set_up_logging(const LoggingConfig& logging) {
  auto logger = spdlog::stderr_color_mt("vigie");
  logger->set_level(static_cast<spdlog::level::level_enum>(logging.level));
  if (logging.format == LoggingConfig::Format::Json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  }
  spdlog::set_default_logger(std::move(logger));
}

// Until the service fails, has to be started again, or a signal asks for the end; returns whether
// that was it.
bool serve(Service& service, const sigset_t& signals) {
  while (!service.failure() && !service.needs_restart()) {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int number = sigtimedwait(&signals, nullptr, &second);
    if (number == SIGHUP) service.reload_rules();
    if (number == SIGINT || number == SIGTERM) return true;
  }
  return false;
}

}  // namespace

Exit run(const RunCommand& command) {
  // Blocked before any thread exists, so that only the wait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  auto roles = parse_roles(command.roles);
  if (!roles) {
    report(roles.error());
    return Exit::Usage;
  }
  if (!roles->ingest && !roles->worker && !roles->view) {
    report(Error{Code::Invalid, "--roles: expected ingest, worker or view, with commas"});
    return Exit::Usage;
  }
  auto config = load_config(command.config, process_environment());
  if (!config) return report(config.error());
  const bool embedded = config->log.kind == LogConfig::Kind::Embedded;
  if (embedded && !(roles->ingest && roles->worker && roles->view)) {
    report(Error{Code::Invalid, "--roles: with the embedded log one process has all roles"});
    return Exit::Usage;
  }
  set_up_logging(config->logging);
  config->log.kafka.accept_gap = command.accept_gap;
  for (bool is_first = true;; is_first = false) {
    auto service = Service::start(*config, *roles);
    // What it was given up over may be set aside now.
    if (!service && service.error().code == Code::Corrupt && !embedded && is_first) continue;
    if (!service) return report(service.error());
    spdlog::info("service state=running api=http://{}:{} data={}", config->api.address,
                 (*service)->port(), config->data_dir.string());
    const bool is_asked_to_stop = serve(**service, signals);
    const std::optional<Error> failure = (*service)->failure();
    const bool again = !is_asked_to_stop && (*service)->needs_restart();
    spdlog::info("service state=stopping");
    (*service)->stop();
    if (again) continue;
    if (failure) return report(*failure);
    spdlog::info("service state=stopped");
    return Exit::Good;
  }
}

}  // namespace vigie
