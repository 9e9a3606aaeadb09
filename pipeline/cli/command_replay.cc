#include <csignal>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include "connectors/replay/replay.h"
#include "pipeline/cli/commands.h"
#include "pipeline/cli/config.h"
#include "pipeline/cli/report.h"
#include "pipeline/core/json.h"
#include "pipeline/run/replay.h"
#include "pipeline/run/rules_source.h"

namespace vigie {
namespace {

// Holds back the signals that ask for an end, so that a run takes them between two batches and ends
// as it does on an error. Made before any other thread, which would take them instead. A signal
// that nobody took ends the process when the object goes.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
      struct sigaction action{};
      sigaction(number, nullptr, &action);
      // Whoever started us wants it ignored: nohup, or a shell's job in the background.
      if (action.sa_handler != SIG_IGN) sigaddset(&held_, number);
    }
    pthread_sigmask(SIG_BLOCK, &held_, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  // Whether one has come since the last call.
  bool take() const {
    constexpr timespec kNow{};
    return sigtimedwait(&held_, nullptr, &kNow) > 0;
  }

 private:
  sigset_t held_{};
  sigset_t before_{};
};

// A directory that goes with the object.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vigie-replay-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string summary_json(const ReplaySummary& summary, const RuleSet& rules) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.field("records", static_cast<std::int64_t>(summary.records));
  json.field("dead_letters", static_cast<std::int64_t>(summary.dead_letters));
  json.field("rules", rules.version());
  json.field("stream_time", format_time(summary.stream_time));
  json.key("outputs").begin_object();
  for (const auto& [topic, count] : summary.outputs) {
    json.field(topic, static_cast<std::int64_t>(count));
  }
  json.end_object().key("open_items").begin_object();
  json.field("social", static_cast<std::int64_t>(summary.social_items));
  json.field("community", static_cast<std::int64_t>(summary.community_items));
  json.end_object().end_object();
  return out;
}

}  // namespace

Exit replay(const ReplayCommand& command) {
  ReplayRun run;
  std::optional<Config> config;
  if (!command.config.empty()) {
    auto loaded = load_config(command.config, process_environment());
    if (!loaded) return report(loaded.error());
    config = std::move(*loaded);
    run.detect_lang = config->detect_lang;
    run.texts = config->retention;
    // A config names the state to build on, so its authors keep their keys.
    if (config->author_key) run.author_secret = *config->author_key;
  }
  auto rules = RulesSource::open(command.rules);
  if (!rules) return report(rules.error());
  run.rules = (*rules)->current();
  for (const std::string& warning : (*rules)->warnings()) say(warning + "\n");

  const HeldSignals signals;
  const ScratchDirectory scratch;
  run.state = config ? config->data_dir / "replay" : scratch.path();
  if (run.state.empty()) {
    return report(Error{Code::Unavailable, "cannot make a temporary directory"});
  }
  if (!command.out.empty()) run.out = command.out;
  run.keep = command.keep;
  run.interrupted = [&] { return signals.take(); };
  ReplayOptions options;
  options.path = command.input;
  options.keep_seen_at = true;
  run.input = std::make_unique<Replay>(std::move(options));
  Progress progress("mentions", 0);
  run.progress = [&](std::uint64_t done) { progress.at(done); };
  const std::shared_ptr<const RuleSet> set = run.rules;
  auto summary = run_replay(std::move(run));
  if (!summary) {
    const Exit exit = report(summary.error());
    return summary.error().code == Code::Closed ? Exit::Interrupted : exit;
  }
  fmt::print("{}\n", summary_json(*summary, *set));
  return Exit::Good;
}

}  // namespace vigie
