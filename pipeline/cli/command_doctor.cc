#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/cli/cache_store.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/control.h"
#include "pipeline/cli/operations.h"
#include "pipeline/cli/report.h"
#include "pipeline/cli/service.h"
#include "pipeline/log/kafka_log.h"
#include "pipeline/run/handover.h"
#include "pipeline/run/rules_source.h"
#include "state/store.h"

namespace vigie {
namespace {

// Below this the store will soon have no room for its own compactions.
constexpr std::uintmax_t kLittleDisk = std::uintmax_t{2} << 30;

// Prints one finding a line and keeps the worst.
class Findings {
 public:
  void good(std::string_view what, std::string_view detail) { line("ok", what, detail); }
  void warn(std::string_view what, std::string_view detail) { line("warn", what, detail); }
  void bad(std::string_view what, const Error& error) {
    line("FAIL", what, error.message);
    const bool input = error.code == Code::Invalid || error.code == Code::NotFound;
    const Exit exit = input ? Exit::Input : Exit::Environment;
    if (worst_ == Exit::Good || exit == Exit::Environment) worst_ = exit;
  }
  Exit worst() const { return worst_; }

 private:
  static void line(std::string_view mark, std::string_view what, std::string_view detail) {
    fmt::print("{:<5} {:<8} {}\n", mark, what, detail);
  }
  Exit worst_ = Exit::Good;
};

void check_rules(const Config& config, Findings& findings) {
  auto rules = RulesSource::open(config.rules);
  if (!rules) return findings.bad("rules", rules.error());
  for (const std::string& warning : (*rules)->warnings()) findings.warn("rules", warning);
  findings.good("rules", fmt::format("{} rules, version {}", (*rules)->current()->rules().size(),
                                     (*rules)->current()->version()));
}

void check_disk(const Config& config, Findings& findings) {
  std::error_code failed;
  std::filesystem::path place = config.data_dir;
  while (!place.empty() && !std::filesystem::exists(place, failed)) {
    if (place == place.parent_path()) break;
    place = place.parent_path();
  }
  if (place.empty()) place = ".";
  const auto space = std::filesystem::space(place, failed);
  if (failed) {
    return findings.bad(
        "disk", Error{Code::Unavailable, fmt::format("{}: {}", place.string(), failed.message())});
  }
  const std::string detail = fmt::format("{}: {:.1f} GiB free", place.string(),
                                         static_cast<double>(space.available) / (1 << 30));
  if (space.available < kLittleDisk) return findings.warn("disk", detail);
  findings.good("disk", detail);
}

// Whose files change while it is read would find some gone: a service looks at its own.
void ask_for_checksums(const Config& config, Findings& findings) {
  std::vector<std::string> lines;
  auto exit = ask_service(config.data_dir, "verify",
                          [&](std::string_view line) { lines.emplace_back(line); });
  if (!exit) return findings.bad("store", exit.error());
  for (const std::string& line : lines) {
    if (*exit == Exit::Good) {
      findings.good("store", line);
    } else {
      findings.bad("store", Error{Code::Corrupt, line});
    }
  }
}

void check_store(const Config& config, Findings& findings) {
  if (store_is_held(config.data_dir / "state")) return ask_for_checksums(config, findings);
  for (const char* name : {"state", "view"}) {
    const auto directory = config.data_dir / name;
    std::error_code failed;
    if (!std::filesystem::exists(directory, failed)) {
      if (std::string_view(name) == "state") findings.good("store", "not made yet");
      continue;
    }
    StoreOptions options;
    options.read_only = true;
    if (config.log.kind == LogConfig::Kind::Kafka) options.way_out = kCacheWayOut;
    auto store = Store::open(directory, options);
    if (!store) {
      findings.bad("store", store.error());
      continue;
    }
    auto verified = verify_store(**store, directory);
    if (!verified) {
      findings.bad("store", verified.error());
      continue;
    }
    findings.good("store", *verified);
  }
}

// By the service where one runs, else here.
void check_counts(const Config& config, Findings& findings) {
  const auto state = config.data_dir / "state";
  std::error_code failed;
  if (!std::filesystem::exists(state, failed)) return;
  std::string last;
  const auto say = [&](std::string_view line) {
    if (!last.empty()) fmt::print("{:<5} {:<8} {}\n", "FAIL", "recount", last);
    last = line;
  };
  Result<Exit> exit = Exit::Good;
  if (store_is_held(state)) {
    exit = ask_service(config.data_dir, "recount", say);
  } else {
    StoreOptions options;
    options.read_only = true;
    auto store = Store::open(state, options);
    if (!store) return findings.bad("recount", store.error());
    auto done = tell_recount(**store, {}, say);
    if (!done) return findings.bad("recount", done.error());
    exit = done->differences == 0 ? Exit::Good : Exit::Input;
  }
  if (!exit) return findings.bad("recount", exit.error());
  if (*exit == Exit::Good) return findings.good("recount", last);
  findings.bad("recount", Error{*exit == Exit::Input ? Code::Invalid : Code::Unavailable, last});
}

void check_log(const Config& config, Findings& findings) {
  if (config.log.kind == LogConfig::Kind::Embedded) {
    return findings.good("log", fmt::format("embedded, {} partitions", config.log.partitions));
  }
  KafkaOptions options = kafka_options(config.log);
  options.create_topics = false;
  auto log = KafkaLog::open(std::move(options));
  // As with a store that was never opened, the first run makes them.
  if (!log && log.error().code == Code::NotFound) {
    return findings.warn("log", log.error().message + "; `vigie run` makes them");
  }
  if (!log) return findings.bad("log", log.error());
  const auto whole = check_whole(**log, config.log.kafka.topic_prefix);
  if (!whole) return findings.bad("log", whole.error());
  findings.good("log",
                fmt::format("Kafka at {}: topics fit, {} partitions", config.log.kafka.bootstrap,
                            (*log)->partitions(Topic::Mentions)));
}

}  // namespace

Exit doctor(const DoctorCommand& command) {
  Findings findings;
  auto config = load_config(command.config, process_environment());
  if (!config) {
    findings.bad("config", config.error());
    return findings.worst();
  }
  findings.good("config", command.config);
  check_rules(*config, findings);
  check_disk(*config, findings);
  check_store(*config, findings);
  check_log(*config, findings);
  if (command.recount) check_counts(*config, findings);
  return findings.worst();
}

}  // namespace vigie
