#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vigie {

// What a command answers to the shell.
enum class Exit : std::uint8_t {
  Good = 0,
  Input = 1,          // what was given is at fault
  Usage = 2,          // how it was called is
  Environment = 3,    // disk, broker, port or stored bytes are
  Interrupted = 130,  // a signal ended it before it was done
};

struct RunCommand {
  std::string config;
  std::string roles = "ingest,worker,view";
  bool accept_gap = false;  // goes on where the broker deleted what was not read yet
};
// Runs the service until SIGINT or SIGTERM; SIGHUP reads the rules again.
Exit run(const RunCommand& command);

struct ReplayCommand {
  std::string rules;
  std::string config;
  std::string input;
  std::string out;
  bool keep = false;
};
Exit replay(const ReplayCommand& command);

struct RulesCommand {
  std::string rules;
  bool strict = false;
  bool spans = true;
  std::vector<std::string> cases;  // of rules_test: files of cases
  std::string sample;              // file of mentions that costs are told by; empty: none
};
Exit rules_check(const RulesCommand& command);
Exit rules_test(const RulesCommand& command);
Exit rules_match(const RulesCommand& command);

struct ExplainCommand {
  std::string rules;
  std::string rule;  // a label or id; empty: all that tag the mention
  bool json = false;
  bool known_author = false;  // else the author is taken for one nobody heard of before
};
// Explains the mention on the standard input.
Exit rules_explain(const ExplainCommand& command);

struct TopCommand {
  std::string rules;
  std::string input;
  std::size_t count = 10;
  bool json = false;
};
// The dearest rules over a file of mentions.
Exit rules_top(const TopCommand& command);

struct BacktestCommand {
  std::string rules;
  std::string against;  // empty: nothing to compare with
  std::string input;
  bool json = false;
};
// What the rules do to a file of mentions, and what they change.
Exit rules_backtest(const BacktestCommand& command);

struct CountersCommand {
  std::string config;
  bool dump = false;
  std::string dimension = "all";
  std::string id;
  // Any of these asks for one series over a window, as the API does; empty: the default.
  std::string window;
  std::string step;
  std::string measure;
  std::string end;
};
Exit counters(const CountersCommand& command);

struct QueueCommand {
  std::string config;
  std::string queue;  // "social" or "community"; empty: both
  std::string id;     // of queue_show
  std::size_t limit = 50;
  bool all = false;  // also what is waiting or resolved
  bool json = false;
};
// The items of a data directory, as they stand in its store.
Exit queue_list(const QueueCommand& command);
Exit queue_show(const QueueCommand& command);

struct GenerateCommand {
  std::uint64_t seed = 1;
  double rate = 50;
  std::string duration = "1h";
  std::string start;  // RFC 3339; empty: so that it ends now
  std::uint64_t count = 0;
  std::string ops;
  std::string out = "-";
  std::string ledger;
  bool seen_at = false;
};
Exit generate(const GenerateCommand& command);

struct DoctorCommand {
  std::string config;
  bool recount = false;  // also compares the counters with the ledger
};
Exit doctor(const DoctorCommand& command);

struct TopicsCommand {
  std::string config;
};
// What the topics of a config need to fit, and making them so. Good: nothing was to be done, or all
// of it is; Input: something is.
Exit topics_plan(const TopicsCommand& command);
Exit topics_apply(const TopicsCommand& command);

struct ExportCommand {
  std::string config;
  std::string to;
};
// Moves a data directory with the embedded log to Kafka.
Exit export_to_kafka(const ExportCommand& command);

struct BackupCommand {
  std::string config;
  std::string to;
  std::size_t keep = 7;
};
// Saves the store, also of a running service, and removes all but the newest.
Exit backup(const BackupCommand& command);

struct RestoreCommand {
  std::string config;
  std::string from;  // a backup, or a directory of them: the newest
  bool force = false;
};
Exit restore(const RestoreCommand& command);

// The table of connector kinds.
Exit connectors_list();

}  // namespace vigie
