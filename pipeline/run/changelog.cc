#include "pipeline/run/changelog.h"

#include <optional>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/clock.h"
#include "pipeline/run/records.h"
#include "state/author_rows.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/counter_key.h"
#include "state/cut.h"
#include "state/ledger.h"

namespace vigie {
namespace {

constexpr char kRowRecord = '\x02';
constexpr char kRowVersion = '\x01';

// When a message was received, for how long its text is kept.
Time seen_at_of(std::string_view tagged) {
  simdjson::dom::parser parser;
  std::string_view text;
  if (parser.parse(simdjson::padded_string(tagged))["seen_at"].get(text)) return Time{};
  return parse_time(text).value_or(Time{});
}

void put(StoreBatch& batch, Space space, std::string_view key,
         std::optional<std::string_view> value) {
  if (value) {
    batch.put(space, key, *value);
  } else {
    batch.erase(space, key);
  }
}

// Also a tombstone names its author, so that it is found when they are erased. That a message is
// another's now is told by a record of its own.
Result<void> index(std::string_view key, std::string_view value, StoreBatch& batch) {
  const auto row = parse_ledger_key(key);
  if (!row) return fail(Code::Corrupt, "changelog: a key of the ledger is damaged");
  if (row->is_unmatched || row->is_erased) return {};
  const auto record = decode_ledger(value);
  if (!record) return std::unexpected(record.error());
  if (record->author == AuthorKey{}) return {};
  const auto [index_key, index_value] =
      author_index_row(row->partition, record->author, row->message, record->expires);
  batch.put(Space::Authors, index_key, index_value);
  return {};
}

Result<void> fold_ledger(std::string_view key, std::optional<std::string_view> value,
                         StoreBatch& batch) {
  if (key.size() < 2) return fail(Code::Corrupt, "changelog: a key of `ledger` is damaged");
  if (key.front() == kRowRecord) {
    const auto space = static_cast<std::uint8_t>(key[1]);
    if (space >= kSpaces || key.size() < 3 || key[2] != kRowVersion) {
      return fail(Code::Corrupt, "changelog: a row is damaged, or a newer version wrote it");
    }
    put(batch, static_cast<Space>(space), key.substr(2), value);
    return {};
  }
  put(batch, Space::Ledger, key, value);
  return value ? index(key, *value, batch) : Result<void>();
}

Result<void> fold(Topic topic, Partition partition, std::string_view key,
                  std::optional<std::string_view> value, StoreBatch& batch) {
  switch (topic) {
    case Topic::Ledger:
      return fold_ledger(key, value, batch);
    case Topic::Counters:
    case Topic::CountersLong:
      if (is_cut_key(key)) return {};
      if (tells_author_set(key)) return fold_author_set(key, value, batch);
      if (!parse_counter_key(key)) {
        return fail(Code::Corrupt, fmt::format("changelog: a record of `{}` is damaged, or a newer "
                                               "version wrote it",
                                               info(topic).name));
      }
      put(batch, Space::Counters, key, value);
      return {};
    case Topic::Tagged: {
      const std::string row = latest_key(Topic::Tagged, key);
      if (!value) {
        batch.erase(Space::Latest, row);
        return {};
      }
      const std::int64_t stamp = seen_at_of(*value).time_since_epoch().count();
      batch.put(Space::Latest, row, latest_value(partition, stamp, *value));
      return {};
    }
    default:
      return {};
  }
}

// Whom somebody hid or erased is told by `authors`, which is folded on its own and stays.
Result<void> wipe(Partition partition, const Store& store, StoreBatch& batch) {
  const auto erase = [&](Space space, const std::string& prefix) {
    batch.erase_range(space, prefix, prefix_end(prefix));
  };
  erase(Space::Ledger, ledger_of(partition));
  erase(Space::Counters, counters_of(partition));
  for (const std::string& prefix : author_rows_of(partition)) erase(Space::Authors, prefix);
  const std::string texts = latest_key(Topic::Tagged, "");
  return store.scan(Space::Latest, texts, prefix_end(texts),
                    [&](std::string_view key, std::string_view value) {
                      if (latest_partition(value) == partition) batch.erase(Space::Latest, key);
                      return true;
                    });
}

}  // namespace

std::shared_ptr<const Changelog> worker_changelog() {
  auto changelog = std::make_shared<Changelog>();
  changelog->topics = {Topic::Ledger, Topic::Counters, Topic::CountersLong, Topic::Tagged};
  changelog->fold = fold;
  changelog->wipe = wipe;
  return changelog;
}

std::optional<Partition> partition_of_authors_record(std::string_view key) {
  const bool is_row =
      key.size() > 2 && key.front() == kRowRecord && key[1] == static_cast<char>(Space::Authors);
  if (!is_row) return std::nullopt;
  return partition_of_author_row(key.substr(2));
}

Result<void> fold_authors(const LogRecord& record, StoreBatch& batch) {
  if (record.key.empty() || record.key.front() != kRowRecord) {
    fold_first_seen(record, batch);
    return {};
  }
  if (!partition_of_authors_record(record.key) || record.key[2] != kRowVersion) {
    return fail(Code::Corrupt, "authors: a row is damaged, or a newer version wrote it");
  }
  put(batch, Space::Authors, record.key.substr(2), record.value);
  return {};
}

Result<void> wipe_authors(Store& store) {
  StoreBatch batch;
  for (const std::string& prefix : {first_seen_rows(), hidden_rows(), erased_rows()}) {
    batch.erase_range(Space::Authors, prefix, prefix_end(prefix));
  }
  return store.write(batch, Durability::Buffered);
}

std::vector<Record> author_records(const EventLog& log, std::span<const Authors::Row> rows) {
  std::vector<Record> records;
  for (const Authors::Row& row : rows) {
    if (is_first_seen(row.key) || (is_author_index(row.key) && row.bytes)) continue;
    Record& record = records.emplace_back();
    record.key = {kRowRecord, static_cast<char>(Space::Authors)};
    record.key += row.key;
    record.value = row.bytes;
    // The ledger forgets after weeks; that somebody is hidden or erased stays.
    record.topic = is_author_index(row.key) ? Topic::Ledger : Topic::Authors;
    record.partition = record.topic == Topic::Ledger ? partition_of_author_row(row.key)
                                                     : partition_for(log, record.topic, record.key);
  }
  return records;
}

}  // namespace vigie
