#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/core/mention.h"
#include "pipeline/log/event_log.h"
#include "pipeline/log/text_retention.h"
#include "pipeline/run/erasure.h"
#include "pipeline/run/work_calendar.h"
#include "rules/rule_set.h"
#include "state/authors.h"
#include "state/counters.h"
#include "state/ledger.h"

namespace vigie {

// What became of the records of a batch, for metrics.
struct ApplyCounts {
  std::map<Op, std::uint64_t> ops;
  std::uint64_t duplicates = 0;
  std::uint64_t stale = 0;
  std::uint64_t late = 0;
  std::uint64_t clamped = 0;
  std::uint64_t uncounted = 0;  // hashtags, links and places beyond what one message may bring
  std::uint64_t ignored = 0;    // ops on what is deleted, engagement of what is unknown
  std::map<std::string, std::uint64_t> tags;                            // "theme:delivery"
  std::map<std::pair<std::string, std::string>, std::uint64_t> routed;  // queue, priority
};

struct ApplyOptions {
  // Nothing expires, however far stream time moves on.
  bool keep = false;
  // The log does not keep its state in `store`: the changelog goes out as records, and `tagged` is
  // kept in the store for hiding and unhiding, which rewrite it.
  bool log_is_remote = false;
  // Texts that are past it are gone, whether the store still has them or not.
  TextRetention texts{};
};

// Does to the state of one partition what each record asks for, exactly once for each message and
// version, and collects what goes out. One worker's; `store`, `authors`, `keys` and `log` outlive
// it.
//
// Records are given in log order between `begin` and `finish`. An author-wide op needs what was
// applied before it in the store: it is given alone.
class Apply {
 public:
  Apply(Partition partition, const Store& store, Authors& authors, const AuthorKeys& keys,
        const EventLog& log, ApplyOptions options);

  Result<void> load();

  // Reads ahead for the keys of the coming records.
  Result<void> begin(std::span<const std::string> keys);
  Result<void> record(const Mention& mention, const RuleSet& rules, Matcher& matcher);

  // Erases authors of which a store from before their erasure does not know: one a batch, given
  // alone, as if the op came again.
  Result<void> erase_again(const Authors::Missing& missing);

  // The counters that changed since the last time, as they stand in the middle of a batch.
  Result<std::vector<CounterBatch::Change>> count() { return counters_.changes(); }

  // The batch's state changes go into `effects.state`, its records behind `effects.outputs`.
  // Counters that changed since count() are returned for the cut.
  Result<std::vector<CounterBatch::Change>> finish(Effects& effects);

  // What `finish` gave is committed.
  void settled() { counters_.settled(); }

  Time stream_time() const { return stream_time_; }
  ApplyCounts take_counts();

 private:
  std::optional<Time> expiry() const;
  Result<void> create_or_update(const Mention& mention, const std::string& key, Time seen_at,
                                const RuleSet& rules, Matcher& matcher);
  Result<void> judge(const Mention& mention, const std::string& key, Time seen_at,
                     const LedgerRecord* old, const UnmatchedRow* row, const RuleSet& rules,
                     Matcher& matcher);
  Result<LedgerRecord> judged_record(const Mention& mention, Time seen_at, const LedgerRecord* old,
                                     const UnmatchedRow* row, const RuleSet& rules,
                                     const Verdict& verdict, const AuthorKey& author);
  void take_engagement(const Mention& mention, const std::string& key, Time seen_at,
                       const LedgerRecord& old);
  void keep_on(const std::string& key, LedgerRecord& record);
  void remove(const Mention& mention, const std::string& key, Time seen_at);
  Result<void> set_hidden(const Mention& mention, const std::string& key, Time seen_at, bool hidden,
                          const RuleSet& rules);
  Result<void> author_wide(const Mention& mention, Time seen_at, const RuleSet& rules);
  Result<void> erase_author(const AuthorKey& author, Time asked_at);
  Result<void> forget_brand_hours(const AuthorKey& author, Erasure& erasure);
  void erase_message(const std::string& key, const AuthorKey& author, Time asked_at,
                     Erasure& erasure);
  void leave_queues(const std::string& key, const LedgerRecord& old, Time asked_at,
                    Erasure& erasure);
  Result<bool> is_erased(const Mention& mention, const std::string& key, Time seen_at);
  void note_again(const Mention& mention, const std::string& key);
  Result<std::vector<CounterBatch::Change>> flush_counters(StoreBatch& state);
  void note_erasures(std::span<const CounterBatch::Change> counters,
                     std::span<const Ledger::Change> rows, StoreBatch& state);
  Result<void> change_visibility(const std::string& key, const LedgerRecord& old,
                                 const LedgerRecord& record, Time seen_at, const RuleSet& rules);
  void replace(const std::string& key, const LedgerRecord* old, LedgerRecord record);
  void emit_tagged(const std::string& key, const Mention& mention, const LedgerRecord& record);
  void emit_conversation(const std::string& key, const Mention& mention, const LedgerRecord* old,
                         const LedgerRecord& record, Time seen_at, const RuleSet& rules);
  void emit_withdraw(const std::string& key, const LedgerRecord& old, Time seen_at, bool erased);
  Result<std::optional<std::string>> tagged_value(const std::string& key) const;
  void keep_tagged(const Record& record, StoreBatch& batch) const;
  void output(Topic topic, std::string key, std::optional<std::string> value);

  const Partition partition_;
  const Store& store_;
  Authors& authors_;
  const AuthorKeys& keys_;
  const EventLog& log_;
  const ApplyOptions options_;
  Ledger ledger_;
  CounterBatch counters_;
  Time stream_time_{};
  bool stream_moved_ = false;
  Time erased_until_{};                                       // no author's erasure reaches further
  std::map<AuthorKey, Erasure> erasures_;                     // of this batch
  std::vector<std::string> forgotten_counters_;               // of authors erased in this batch
  std::vector<std::pair<std::string, std::string>> settled_;  // rows of Meta, of this batch
  std::uint64_t next_erasure_ = 0;
  std::vector<Record> outputs_;
  std::map<std::string, std::size_t> tagged_in_batch_;  // key -> index into outputs_
  ApplyCounts counts_;
  WorkCalendar calendar_;
};

}  // namespace vigie
