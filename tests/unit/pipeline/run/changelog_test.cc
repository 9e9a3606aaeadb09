// What a worker tells a log that does not keep its state gives all of that state back.
#include "pipeline/run/changelog.h"

#include <map>
#include <random>

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "pipeline/run/ingest.h"
#include "pipeline/run/worker.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "tests/fakes/acme.h"
#include "tests/fakes/scratch_log.h"
#include "tests/fakes/scratch_store.h"
#include "tests/unit/pipeline/run/apply_ops.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Partition kPartition{0};

using Rows = std::map<std::pair<Space, std::string>, std::string>;

// What there is of a partition's state, but for what the changelog leaves to others: when authors
// were first seen, and what is the log's own.
Rows rows_of(const Store& store) {
  Rows rows;
  for (const Space space : {Space::Ledger, Space::Counters, Space::Authors, Space::Latest}) {
    const auto scanned =
        store.scan(space, "", "", [&](std::string_view key, std::string_view value) {
          if (space == Space::Authors && is_first_seen(key)) return true;
          // A text's stamp is when it was written, or, folded, when the message was received.
          rows[{space, std::string(key)}] =
              space == Space::Latest ? value.substr(kLatestHead) : value;
          return true;
        });
    EXPECT_TRUE(scanned);
  }
  return rows;
}

// Rows that only one of both has, or has otherwise, as text.
std::vector<std::string> differences(const Rows& a, const Rows& b) {
  std::vector<std::string> out;
  const auto tell = [&](const Rows& one, const Rows& other, std::string_view side) {
    for (const auto& [row, value] : one) {
      const auto found = other.find(row);
      if (found != other.end() && found->second == value) continue;
      std::string text = fmt::format("{} {} ", side, std::to_underlying(row.first));
      for (const std::string& bytes : {row.second, std::string(" = "), value}) {
        for (const char c : bytes) {
          text += c >= ' ' && c <= '~' ? std::string(1, c)
                                       : fmt::format("\\{:02x}", static_cast<unsigned char>(c));
        }
      }
      out.push_back(std::move(text));
    }
  };
  tell(a, b, "worker");
  tell(b, a, "changelog");
  return out;
}

class ChangelogTest : public ::testing::Test {
 protected:
  ChangelogTest() : authors_(log_.store()), apply_(make()) { EXPECT_TRUE(apply_.load()); }

  Apply make() {
    ApplyOptions options;
    options.log_is_remote = true;
    return Apply(kPartition, log_.store(), authors_, keys_, *log_, options);
  }

  // One batch, and what a worker tells of it.
  void give(const Mention& mention) {
    const std::vector<std::string> keys = {key_of(mention)};
    ASSERT_TRUE(apply_.begin(keys));
    ASSERT_TRUE(apply_.record(mention, *rules_, matcher_));
    Effects effects;
    ASSERT_TRUE(apply_.finish(effects));
    auto sets = authors_.flush_sets(effects.state);
    ASSERT_TRUE(sets);
    for (Authors::SetChange& change : *sets) {
      for (AuthorSetRecord& told : change.records) {
        Record record;
        record.topic = Topic::Counters;
        record.key = std::move(told.key);
        record.value = std::move(told.value);
        effects.outputs.push_back(std::move(record));
      }
    }
    for (Record& record : author_records(*log_, authors_.flush_rows(effects.state))) {
      effects.outputs.push_back(std::move(record));
    }
    for (const Record& record : effects.outputs) told_.push_back(record);
    // The log of this test does not keep `tagged` beside the worker.
    ASSERT_TRUE(log_.store().write(effects.state, Durability::Buffered));
    apply_.settled();
    authors_.settled();
  }

  Rows folded() {
    const auto changelog = worker_changelog();
    StoreBatch batch;
    for (const Record& record : told_) {
      if (record.topic == Topic::Authors) {
        const LogRecord read{record.partition, 0, record.key, record.value};
        EXPECT_TRUE(fold_authors(read, batch));
      }
      if (std::ranges::find(changelog->topics, record.topic) == changelog->topics.end()) continue;
      EXPECT_TRUE(changelog->fold(record.topic, record.partition, record.key, record.value, batch));
    }
    EXPECT_TRUE(other_->write(batch, Durability::Buffered));
    return rows_of(*other_);
  }

  ScratchLog log_;
  ScratchStore other_;
  AuthorKeys keys_{{}};
  std::shared_ptr<const RuleSet> rules_ = acme_rules();
  Matcher matcher_;
  Authors authors_;
  Apply apply_;
  std::vector<Record> told_;
};

TEST_F(ChangelogTest, GivesTheRowsOfEveryOpBack) {
  give(by(acme_mention("1", "acme is late", kNow), "fan"));
  give(by(acme_mention("2", "acme is late", kNow), "other"));
  give(by(acme_mention("3", "love acme", kNow), "third"));
  give(acme_mention("4", "nothing of ours", kNow));
  give(by(update("2", "acme is late, still", 2, kNow + seconds{1}), "somebody else"));
  give(likes("1", 4, kNow + seconds{2}));
  give(acme_op(Op::Delete, "3", kNow + seconds{3}));
  give(acme_op(Op::Hide, "1", kNow + seconds{4}));
  give(acme_author_op(Op::HideAuthor, "fan", kNow + seconds{5}));
  give(acme_author_op(Op::EraseAuthor, "third", kNow + seconds{6}));

  const Rows rows = rows_of(log_.store());
  ASSERT_GT(rows.size(), 20U);
  EXPECT_EQ(differences(rows, folded()), std::vector<std::string>());
}

TEST_F(ChangelogTest, OfManyRandomOpsGivesTheSameRows) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 40; ++i) {
      const std::string id = fmt::format("{}", random() % 12);
      const std::string who = fmt::format("a{}", random() % 4);
      const Time now = kNow + seconds{i};
      switch (random() % 7) {
        case 0:
          give(acme_op(Op::Delete, id, now));
          break;
        case 1:
          give(acme_op(random() % 2 == 0 ? Op::Hide : Op::Unhide, id, now));
          break;
        case 2:
          give(acme_author_op(random() % 2 == 0 ? Op::HideAuthor : Op::UnhideAuthor, who, now));
          break;
        case 3:
          give(likes(id, random() % 9, now));
          break;
        default:
          give(by(update(id, random() % 3 == 0 ? "quiet" : "acme is late", i, now), who));
      }
    }
  }

  EXPECT_EQ(differences(rows_of(log_.store()), folded()), std::vector<std::string>());
}

TEST_F(ChangelogTest, WipesAllOfAPartitionAndNothingElse) {
  give(by(acme_mention("1", "acme is late", kNow), "fan"));
  StoreBatch beside;
  beside.put(Space::Ledger, std::string("\x01\0\x01mx/1", 7), "other partition");
  ASSERT_TRUE(log_.store().write(beside, Durability::Buffered));

  StoreBatch batch;
  ASSERT_TRUE(worker_changelog()->wipe(kPartition, log_.store(), batch));
  ASSERT_TRUE(log_.store().write(batch, Durability::Buffered));

  EXPECT_EQ(rows_of(log_.store()).size(), 1U);
}

TEST(Changelog, RefusesWhatItDoesNotKnow) {
  const auto changelog = worker_changelog();
  StoreBatch batch;

  for (const std::string& key : {std::string("\x01"),
                                 std::string("\x02\xff"
                                             "key"),
                                 std::string("\x02\x05\x02newer"), std::string("\x07zz")}) {
    const auto folded = changelog->fold(Topic::Ledger, kPartition, key, "value", batch);
    ASSERT_FALSE(folded) << key;
    EXPECT_EQ(folded.error().code, Code::Corrupt);
  }
  for (const std::string& key : {std::string("\x02"), std::string("\x02\x05"),
                                 std::string("\x02\x05\x02newer"), std::string("\x02\x03\x01h")}) {
    const auto folded = fold_authors({kPartition, 0, key, "value"}, batch);
    ASSERT_FALSE(folded) << key;
    EXPECT_EQ(folded.error().code, Code::Corrupt);
  }
}

}  // namespace
}  // namespace vigie
