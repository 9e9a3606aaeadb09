#include <charconv>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/cli/commands.h"
#include "pipeline/cli/report.h"
#include "pipeline/core/yaml.h"

// Read by jemalloc before main: a few arenas are enough for our threads, and what is freed goes
// back to the system within seconds.
extern "C" const char* const malloc_conf = "narenas:4,background_thread:true,dirty_decay_ms:3000";

namespace {

using namespace vigie;  // NOLINT(google-build-using-namespace): main is not in a namespace

// What was asked for; exactly one of them runs.
struct Commands {
  RunCommand run;
  ReplayCommand replay;
  RulesCommand rules;
  ExplainCommand explain;
  TopCommand top;
  BacktestCommand backtest;
  CountersCommand counters;
  QueueCommand queue;
  TopicsCommand topics;
  ExportCommand moved;
  GenerateCommand generate;
  DoctorCommand doctor;
  BackupCommand backup;
  RestoreCommand restore;
};

// Empty, or why the text is no whole number from 0: CLI11 takes -1 for the largest of all.
std::string check_whole(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size()) return "";
  return fmt::format("expected a whole number from 0 to {}, found \"{}\"", UINT64_MAX, text);
}

// What to say when a word stands where the name of a command is expected.
std::optional<std::string> unknown_command(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string before;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    before += at->get_name() + ' ';
  }
  std::vector<std::string_view> known;
  for (const CLI::App* command : at->get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  const std::vector<std::string> words = at->remaining();
  if (known.empty() || words.empty() || words.front().starts_with('-')) return std::nullopt;
  const std::string_view near = nearest(words.front(), known);
  const std::string hint = near.empty() ? fmt::format("expected one of {}", fmt::join(known, ", "))
                                        : fmt::format("did you mean \"{}\"?", near);
  return fmt::format("unknown command \"{}{}\"; {}", before, words.front(), hint);
}

void add_run(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* run =
      app.add_subcommand("run", "Run the service until SIGTERM; SIGHUP reads the rules again");
  run->add_option("-c,--config", commands.run.config, "Config file")->required();
  run->add_option("--roles", commands.run.roles, "ingest, worker, view, with commas (Kafka only)");
  run->add_flag("--accept-gap", commands.run.accept_gap,
                "Go on where the broker deleted mentions before they were read (Kafka only)");
  run->callback([&] { exit = vigie::run(commands.run); });
}

void add_replay(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* replay =
      app.add_subcommand("replay", "Put a file of mentions through the whole pipeline and count");
  replay->add_option("--rules", commands.replay.rules, "Rule file")->required();
  replay->add_option("-c,--config", commands.replay.config,
                     "Config file whose data directory is used");
  replay->add_option("--input", commands.replay.input, "NDJSON file of mentions, or - for stdin")
      ->required();
  replay->add_option("--out", commands.replay.out, "Directory for one NDJSON file a topic");
  replay->add_flag("--keep", commands.replay.keep, "Nothing expires, however long the input spans");
  replay->callback([&] { exit = vigie::replay(commands.replay); });
}

// What rules cost and change, told by a file of mentions.
void add_rule_trials(CLI::App& rules, Commands& commands, Exit& exit) {
  const char* const input =
      "NDJSON file of mentions, or - for stdin; creates and updates are "
      "matched, each line on its own, other ops are not";
  CLI::App* top = rules.add_subcommand(
      "top",
      "The dearest rules over a file of mentions. Beyond budget is a rule that is a candidate for "
      "more than 5 % of the mentions while less than a tenth of those match, or that takes more "
      "than 10 % of the time and 1 us a mention; judged from 100 mentions on");
  top->add_option("rules,--rules", commands.top.rules, "Rule file")->required();
  top->add_option("--input", commands.top.input, input)->required();
  top->add_option("--n,-n", commands.top.count, "How many")
      ->capture_default_str()
      ->check(check_whole);
  top->add_flag("--json", commands.top.json, "One JSON object");
  top->callback([&] { exit = rules_top(commands.top); });
  CLI::App* backtest = rules.add_subcommand(
      "backtest",
      "What the rules would have done to a file of mentions, and what they would have changed; "
      "author:new is an author's first line. The same input gives the same output");
  backtest->add_option("rules,--rules", commands.backtest.rules, "Rule file, the new one")
      ->required();
  backtest->add_option("--against", commands.backtest.against, "Rule file to compare with");
  backtest->add_option("--input", commands.backtest.input, input)->required();
  backtest->add_flag("--json", commands.backtest.json, "One JSON object");
  backtest->callback([&] { exit = rules_backtest(commands.backtest); });
}

void add_rules(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* rules = app.add_subcommand("rules", "Check, test and try a rule file");
  rules->require_subcommand(1);
  CLI::App* check = rules->add_subcommand("check", "Say everything that is wrong or doubtful");
  check->add_option("rules,--rules", commands.rules.rules, "Rule file")->required();
  check->add_flag("--strict", commands.rules.strict, "Warnings are errors");
  check->add_option("--sample", commands.rules.sample,
                    "NDJSON file of mentions: also warn of each rule that is a candidate for more "
                    "than 5 % of them and matches less than half of those");
  check->callback([&] { exit = rules_check(commands.rules); });
  CLI::App* test = rules->add_subcommand(
      "test", "Run must_match and must_not_match of every rule, and files of cases");
  test->add_option("rules,--rules", commands.rules.rules, "Rule file")->required();
  test->add_option("cases", commands.rules.cases, "Files of cases (.rules)");
  test->callback([&] { exit = rules_test(commands.rules); });
  CLI::App* match = rules->add_subcommand("match", "Tag mentions: NDJSON from stdin to stdout");
  match->add_option("rules,--rules", commands.rules.rules, "Rule file")->required();
  match->callback([&] { exit = rules_match(commands.rules); });
  CLI::App* explain = rules->add_subcommand(
      "explain", "Say which clauses of a rule hold of the mention on stdin, and who gets it");
  explain->add_option("rules,--rules", commands.explain.rules, "Rule file")->required();
  explain->add_option("--rule", commands.explain.rule,
                      "theme:ID, campaign:ID, competitor:ID, route:ID, brand or an id (default: "
                      "what tags the mention)");
  explain->add_flag("--json", commands.explain.json, "One JSON object");
  explain->add_flag("--known-author", commands.explain.known_author,
                    "The author was heard of before");
  explain->callback([&] { exit = rules_explain(commands.explain); });
  add_rule_trials(*rules, commands, exit);
}

void add_data(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* counters = app.add_subcommand(
      "counters",
      "Print counters of a data directory, also while the service runs: the hours of a dimension, "
      "a line a value, or with --window, --step, --measure or --end one series as the API answers "
      "it");
  counters->add_option("-c,--config", commands.counters.config, "Config file")->required();
  counters->add_flag("--dump", commands.counters.dump,
                     "Every value that is not zero, but for the dimensions that reports on members "
                     "are made from: ambassador, ambassador×author, author×brand");
  counters->add_option("--dimension", commands.counters.dimension,
                       "all, network, theme, campaign, queue ...");
  counters->add_option("--id", commands.counters.id, "One series of the dimension");
  counters->add_option("--window", commands.counters.window,
                       "How far back, as in 90m, 24h or 30d (default: 24h)");
  counters->add_option("--step", commands.counters.step, "Length of a point, as in 15m or 1d");
  counters->add_option("--measure", commands.counters.measure,
                       "mentions, own, questions, likes, replies, shares, views, clicks, "
                       "conversions or authors (default: mentions)");
  counters->add_option("--end", commands.counters.end,
                       "When the window ends, RFC 3339 (default: as far as the counts go)");
  counters->callback([&] { exit = vigie::counters(commands.counters); });

  GenerateCommand& options = commands.generate;
  CLI::App* generate =
      app.add_subcommand("generate", "Write a synthetic brand stream, the same for each seed");
  generate->add_option("--seed", options.seed, "Chooses the stream")
      ->capture_default_str()
      ->check(check_whole);
  generate->add_option("--rate", options.rate, "Acts a second of stream time")
      ->capture_default_str();
  generate->add_option("--duration", options.duration, "Length of stream time")
      ->capture_default_str();
  generate->add_option("--start", options.start,
                       "When it begins, RFC 3339 (default: so that it ends now)");
  generate->add_option("--count", options.count, "Ends after this many acts (0: no limit)")
      ->check(check_whole);
  generate->add_option(
      "--ops", options.ops,
      "create,duplicate,update,delete,engagement,hide,unhide or a part (default: all)");
  generate->add_option("--out", options.out, "File, or - for stdout")->capture_default_str();
  generate->add_option("--ledger", options.ledger, "File for what was made, a line an act");
  generate->add_flag("--seen-at", options.seen_at, "Stamp seen_at with the stream time");
  generate->callback([&] { exit = vigie::generate(options); });

  CLI::App* doctor = app.add_subcommand("doctor", "Check config, rules, disk, store and log");
  doctor->add_option("-c,--config", commands.doctor.config, "Config file")->required();
  doctor->add_flag("--recount", commands.doctor.recount,
                   "Also compare every counter with a recount of the ledger; the service may run");
  doctor->callback([&] { exit = vigie::doctor(commands.doctor); });

  CLI::App* connectors = app.add_subcommand("connectors", "What mentions can come from");
  connectors->require_subcommand(1);
  CLI::App* list = connectors->add_subcommand("list", "The kinds of connectors");
  list->callback([&] { exit = connectors_list(); });
}

void add_queue(CLI::App& app, Commands& commands, Exit& exit) {
  QueueCommand& options = commands.queue;
  CLI::App* queue = app.add_subcommand(
      "queue",
      "What waits for an answer, the most pressing first: by priority, then by deadline, then by "
      "age. Reads the data directory, also while the service runs; to claim, answer or resolve an "
      "item use the page or the API of the service (POST /api/v1/items/ID/claim)");
  queue->require_subcommand(0, 1);
  queue->fallthrough();
  queue->add_option("-c,--config", options.config, "Config file")->required();
  queue->add_flag("--json", options.json, "One JSON object a line");
  CLI::App* list = queue->add_subcommand("list", "The items; what `vigie queue` alone does");
  for (CLI::App* command : {queue, list}) {
    command->add_option("--queue", options.queue, "social or community (default: both)")
        ->check(CLI::IsMember({"social", "community"}));
    command->add_flag("--all", options.all, "Also what waits for the other side or is resolved");
    command->add_option("--limit", options.limit, "At most so many of each queue")
        ->capture_default_str()
        ->check(check_whole);
  }
  CLI::App* show = queue->add_subcommand("show", "All that is known of one item");
  show->add_option("id", options.id, "The id of the item, as the list tells it")->required();
  queue->callback([&, queue, show] {
    exit = queue->got_subcommand(show) ? queue_show(options) : queue_list(options);
  });
}

void add_topics(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* topics = app.add_subcommand("topics", "The topics of an installation with Kafka");
  topics->require_subcommand(1);
  topics->fallthrough();
  topics->add_option("-c,--config", commands.topics.config, "Config file")->required();
  CLI::App* plan = topics->add_subcommand(
      "plan",
      "Say what is missing or does not fit, and change nothing; exits with 1 if anything is");
  plan->callback([&] { exit = topics_plan(commands.topics); });
  CLI::App* apply =
      topics->add_subcommand("apply", "Make what is missing and change what does not fit");
  apply->callback([&] { exit = topics_apply(commands.topics); });
}

void add_export(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* move = app.add_subcommand(
      "export",
      "Move an installation from the embedded log to Kafka: its records and all of its state go "
      "into empty topics and are compared with what is there.\n"
      "  1. Write the config the service is to run with: log.kind kafka, another data_dir (empty), "
      "the same author_key.\n"
      "  2. Stop the service.\n"
      "  3. vigie export -c OLD --to NEW; the topics get as many partitions as the embedded log "
      "has. "
      "OLD is only read.\n"
      "  4. vigie run -c NEW. It makes its state from the topics and goes on where the old one "
      "stopped; do not start that again.\n"
      "Until it ends well no service starts over the topics; after a failure delete them and begin "
      "again, or start the old service");
  move->add_option("-c,--config", commands.moved.config,
                   "Config file of the installation with the embedded log; its service is stopped")
      ->required();
  move->add_option("--to", commands.moved.to,
                   "Config file with log.kind kafka, with which the service runs afterwards")
      ->required();
  move->callback([&] { exit = export_to_kafka(commands.moved); });
}

void add_backup(CLI::App& app, Commands& commands, Exit& exit) {
  CLI::App* backup =
      app.add_subcommand("backup", "Save the store of a data directory; the service may run");
  backup->add_option("-c,--config", commands.backup.config, "Config file")->required();
  backup->add_option("--to", commands.backup.to, "Directory of backups; each gets one below it")
      ->required();
  backup->add_option("--keep", commands.backup.keep, "How many whole backups stay, newest first")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  backup->callback([&] { exit = vigie::backup(commands.backup); });
  CLI::App* restore =
      app.add_subcommand("restore", "Put a backup into a data directory; the service is stopped");
  restore->add_option("-c,--config", commands.restore.config, "Config file")->required();
  restore
      ->add_option("--from", commands.restore.from, "A backup, or a directory of them: the newest")
      ->required();
  restore->add_flag("--force", commands.restore.force, "Move the store that is there aside");
  restore->callback([&] { exit = vigie::restore(commands.restore); });
}

int answer(int argc, char** argv) {
  CLI::App app{
      "Vigie listens to social networks for a brand: it tags mentions, routes them to two "
      "queues and counts them exactly.",
      "vigie"};
  app.require_subcommand(1);
  Commands commands;
  auto exit = vigie::Exit::Good;
  add_run(app, commands, exit);
  add_replay(app, commands, exit);
  add_rules(app, commands, exit);
  add_data(app, commands, exit);
  add_queue(app, commands, exit);
  add_topics(app, commands, exit);
  add_export(app, commands, exit);
  add_backup(app, commands, exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const auto unknown = error.get_exit_code() == 0 ? std::nullopt : unknown_command(app);
    if (unknown) {
      say(fmt::format("vigie: {}\nRun with --help for more information.\n", *unknown));
      return static_cast<int>(vigie::Exit::Usage);
    }
    if (app.exit(error) != 0) return static_cast<int>(vigie::Exit::Usage);
  }
  // A command that failed for its surroundings has said so.
  if (exit == Exit::Environment) return static_cast<int>(exit);
  if (auto written = flush_output(); !written) return static_cast<int>(report(written.error()));
  return static_cast<int>(exit);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return answer(argc, argv);
  } catch (const std::exception& error) {
    say("vigie: ");
    say(error.what());
    say("\n");
    return static_cast<int>(vigie::Exit::Environment);
  }
}
