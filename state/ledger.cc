// A record, the value of a message in Space::Ledger (ledger_rows.cc):
// record := flags:varint state:u8 kind:u8 version:signed content:u64 event_minute:signed
// expires:signed
//           network conversation brand rules:text queue route priority:text author:16 bytes
//           lists, each count:varint text*: competitors themes campaigns hashtags links
//           country city ambassador conversion:text
//           [ambassadors, a list, answered:text of 0 or 16 bytes]   (there if bit 11 of flags is)
//           snapshot := mask:varint [seen_at:signed] value:signed*   (bit 7 of mask: seen_at is
//           there) journal  := count:varint (minute:signed as difference to the one before,
//           mask:varint, delta:signed*)*
#include "state/ledger.h"

#include <algorithm>

#include "pipeline/core/bytes.h"

namespace vigie {
namespace {

constexpr char kVersion = '\x01';
constexpr unsigned kSnapshotTime = 1U << 7;
constexpr std::uint64_t kAmbassadors = 1U << 11;

// The booleans of a record, in the order of their bits in `flags`.
template <class Record, class Visit>
void each_flag(Record& record, Visit visit) {
  visit(record.kept);
  visit(record.late);
  visit(record.hidden);
  visit(record.hidden_author);
  visit(record.question);
  visit(record.own);
  visit(record.reply);
  visit(record.author_new);
  visit(record.by_ambassador);
  visit(record.of_members);
  visit(record.once_kept);
}

// The texts of a record, in stored order.
template <class Record, class Visit>
void each_text(Record& record, Visit visit) {
  visit(record.network);
  visit(record.conversation);
  visit(record.brand);
  visit(record.rules);
  visit(record.queue);
  visit(record.route);
  visit(record.priority);
}

template <class Record, class Visit>
void each_late_text(Record& record, Visit visit) {
  visit(record.country);
  visit(record.city);
  visit(record.ambassador);
  visit(record.conversion);
}

template <class Record, class Visit>
void each_list(Record& record, Visit visit) {
  visit(record.competitors);
  visit(record.themes);
  visit(record.campaigns);
  visit(record.hashtags);
  visit(record.links);
}

std::string_view text_of(const KeyedHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

template <class Get>
void put_masked(std::string& bytes, unsigned extra, Get get) {
  unsigned mask = extra;
  for (std::size_t i = 0; i < kEngagementCounts; ++i) {
    if (get(i)) mask |= 1U << i;
  }
  put_varint(bytes, mask);
}

std::int64_t week_of(std::int64_t day) {
  // 1970-01-01 is a Thursday; ISO weeks begin on Monday.
  return day + 3 >= 0 ? (day + 3) / 7 : -((-(day + 3) + 6) / 7);
}

std::int64_t day_of(Hour hour) {
  return hour >= 0 ? hour / 24 : -((-hour + 23) / 24);
}

// Makes room for one more entry: the oldest two that share the finest span become one, at the later
// minute.
void merge_oldest(std::vector<JournalEntry>& journal) {
  const auto hour = [](const JournalEntry& entry) -> std::int64_t {
    return hour_of_minute(entry.minute);
  };
  const auto day = [](const JournalEntry& entry) -> std::int64_t {
    return day_of(hour_of_minute(entry.minute));
  };
  const auto week = [&](const JournalEntry& entry) -> std::int64_t { return week_of(day(entry)); };
  const auto all = [](const JournalEntry&) -> std::int64_t { return 0; };
  const auto merge_by = [&](const auto& span_of) {
    for (std::size_t i = 0; i + 1 < journal.size(); ++i) {
      if (span_of(journal[i]) != span_of(journal[i + 1])) continue;
      for (std::size_t k = 0; k < kEngagementCounts; ++k) {
        journal[i + 1].deltas[k] += journal[i].deltas[k];
      }
      journal.erase(journal.begin() + static_cast<std::ptrdiff_t>(i));
      return true;
    }
    return false;
  };
  if (merge_by(hour) || merge_by(day) || merge_by(week)) return;
  merge_by(all);
}

}  // namespace

bool unmatched_expired(Minute event_minute, Time stream_time) {
  return start_of_minute(event_minute + 1) + kUnmatchedKept <= stream_time;
}

bool is_counted_as_mention(Kind kind) {
  return kind != Kind::Click && kind != Kind::Conversion && kind != Kind::Reaction;
}

std::string encode(const LedgerRecord& record) {
  std::string bytes(1, kVersion);
  std::uint64_t flags = 0;
  unsigned bit = 0;
  each_flag(record, [&](bool flag) { flags |= static_cast<std::uint64_t>(flag) << bit++; });
  const bool ambassadors = !record.ambassadors.empty() || record.answered;
  put_varint(bytes, ambassadors ? flags | kAmbassadors : flags);
  bytes += static_cast<char>(record.state);
  bytes += static_cast<char>(record.kind);
  put_signed(bytes, record.version);
  put_fixed(bytes, record.content);
  put_signed(bytes, record.event_minute);
  put_signed(bytes, record.expires);
  each_text(record, [&](const std::string& text) { put_text(bytes, text); });
  bytes.append(reinterpret_cast<const char*>(record.author.data()), record.author.size());
  const auto put_list = [&](const std::vector<std::string>& list) {
    put_varint(bytes, list.size());
    for (const std::string& text : list) put_text(bytes, text);
  };
  each_list(record, put_list);
  each_late_text(record, [&](const std::string& text) { put_text(bytes, text); });
  if (ambassadors) {
    put_list(record.ambassadors);
    put_text(bytes, record.answered ? text_of(*record.answered) : std::string_view());
  }
  put_masked(bytes, record.snapshot_at ? kSnapshotTime : 0,
             [&](std::size_t i) { return record.snapshot[i].has_value(); });
  if (record.snapshot_at) put_signed(bytes, record.snapshot_at->time_since_epoch().count());
  for (const auto& count : record.snapshot) {
    if (count) put_signed(bytes, *count);
  }
  put_varint(bytes, record.journal.size());
  Minute before = record.event_minute;
  for (const JournalEntry& entry : record.journal) {
    put_signed(bytes, std::int64_t{entry.minute} - before);
    before = entry.minute;
    put_masked(bytes, 0, [&](std::size_t i) { return entry.deltas[i] != 0; });
    for (const std::int64_t delta : entry.deltas) {
      if (delta != 0) put_signed(bytes, delta);
    }
  }
  return bytes;
}

Result<LedgerRecord> decode_ledger(std::string_view value) {
  ByteReader bytes(value);
  LedgerRecord record;
  if (bytes.fixed<char>() != kVersion) {
    return fail(Code::Corrupt, "ledger: a record has an unknown format version");
  }
  const std::uint64_t all_flags = bytes.varint();
  std::uint64_t flags = all_flags;
  each_flag(record, [&](bool& flag) {
    flag = (flags & 1) != 0;
    flags >>= 1;
  });
  record.state = static_cast<LedgerRecord::State>(bytes.fixed<std::uint8_t>());
  record.kind = static_cast<Kind>(bytes.fixed<std::uint8_t>());
  record.version = bytes.signed_varint();
  record.content = bytes.fixed<std::uint64_t>();
  record.event_minute = static_cast<Minute>(bytes.signed_varint());
  record.expires = static_cast<Minute>(bytes.signed_varint());
  each_text(record, [&](std::string& text) { text = bytes.text(); });
  for (std::uint8_t& byte : record.author) byte = bytes.fixed<std::uint8_t>();
  const auto read_list = [&](std::vector<std::string>& list) {
    const std::uint64_t count = bytes.varint();
    for (std::uint64_t i = 0; i < count && bytes.ok(); ++i) list.emplace_back(bytes.text());
  };
  each_list(record, read_list);
  each_late_text(record, [&](std::string& text) { text = bytes.text(); });
  if ((all_flags & kAmbassadors) != 0) {
    read_list(record.ambassadors);
    const std::string_view answered = bytes.text();
    if (answered.size() == std::tuple_size_v<KeyedHash>) {
      std::ranges::copy(answered, record.answered.emplace().begin());
    }
  }
  const std::uint64_t mask = bytes.varint();
  if ((mask & kSnapshotTime) != 0) {
    record.snapshot_at = Time{std::chrono::microseconds{bytes.signed_varint()}};
  }
  for (std::size_t i = 0; i < kEngagementCounts; ++i) {
    if ((mask >> i & 1) != 0) record.snapshot[i] = bytes.signed_varint();
  }
  const std::uint64_t entries = bytes.varint();
  std::int64_t before = record.event_minute;
  for (std::uint64_t n = 0; n < entries && bytes.ok(); ++n) {
    JournalEntry& entry = record.journal.emplace_back();
    before += bytes.signed_varint();
    entry.minute = static_cast<Minute>(before);
    const std::uint64_t deltas = bytes.varint();
    for (std::size_t i = 0; i < kEngagementCounts; ++i) {
      if ((deltas >> i & 1) != 0) entry.deltas[i] = bytes.signed_varint();
    }
  }
  const bool in_range =
      record.state <= LedgerRecord::State::Awaited && record.kind <= Kind::Conversion;
  if (!bytes.ok() || !bytes.at_end() || !in_range) {
    return fail(Code::Corrupt, "ledger: a stored record is damaged");
  }
  return record;
}

bool take_snapshot(LedgerRecord& record, const Engagement& engagement, Time seen_at,
                   std::optional<Time> stream_time) {
  const std::array<std::optional<std::int64_t>, kEngagementCounts> counts = {
      engagement.likes, engagement.replies, engagement.shares, engagement.views, engagement.clicks};
  const bool told =
      std::ranges::any_of(counts, [](const auto& count) { return count.has_value(); });
  if (!told || (record.snapshot_at && seen_at < *record.snapshot_at)) return false;
  record.snapshot_at = seen_at;
  EngagementCounts deltas{};
  bool moved = false;
  for (std::size_t i = 0; i < kEngagementCounts; ++i) {
    if (!counts[i]) continue;
    deltas[i] = *counts[i] - record.snapshot[i].value_or(0);
    record.snapshot[i] = counts[i];
    moved = moved || deltas[i] != 0;
  }
  if (!moved) return true;
  std::vector<JournalEntry>& journal = record.journal;
  if (stream_time) {
    std::erase_if(journal, [&](const JournalEntry& entry) {
      return hour_is_frozen(hour_of_minute(entry.minute), *stream_time);
    });
  }
  const Minute minute = minute_of(seen_at);
  const auto at = std::ranges::find(journal, minute, &JournalEntry::minute);
  if (at != journal.end()) {
    for (std::size_t i = 0; i < kEngagementCounts; ++i) at->deltas[i] += deltas[i];
    return true;
  }
  if (journal.size() == kJournalEntries) merge_oldest(journal);
  const auto place = std::ranges::upper_bound(journal, minute, {}, &JournalEntry::minute);
  journal.insert(place, JournalEntry{minute, deltas});
  return true;
}

}  // namespace vigie
