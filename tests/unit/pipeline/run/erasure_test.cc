// Erasure from end to end: state, log, detectors and files.
#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include "pipeline/run/alerting.h"
#include "pipeline/run/erasures.h"
#include "pipeline/run/ingest.h"
#include "pipeline/run/view.h"
#include "pipeline/run/worker.h"
#include "tests/fakes/apply_world.h"
#include "tests/fakes/metric.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const Time kNow = *parse_time("2026-11-20T12:00:00Z");

template <class T>
void must(const Result<T>& result) {
  ASSERT_TRUE(result) << result.error().message;
}

// Every station over one store that does not compress.
class ErasureWorld {
 public:
  explicit ErasureWorld(std::int32_t partitions = 1) : partitions_(partitions) {
    StoreOptions options;
    options.compress = false;
    auto opened = Store::open(directory_.path(), options);
    if (!opened) std::abort();
    store_ = std::move(*opened);
    EmbeddedOptions log_options;
    log_options.partitions = partitions;
    log_options.durability = Durability::Buffered;
    log_options.clock = {};
    auto log = EmbeddedLog::open(log_options, *store_);
    if (!log) std::abort();
    log_ = std::move(*log);
    ingest_.emplace(*log_, nullptr, RecordClock{}, registry_);
    WorkerOptions worker_options;
    worker_options.keep = true;
    worker_.emplace(*log_, *store_, keys_, [this] { return rules_; }, registry_, worker_options);
    must(worker_->start());
    auto view = View::open(*log_, *store_, registry_, {});
    if (!view) std::abort();
    view_ = std::move(*view);
    auto alerting = Alerting::open(*log_, *store_, registry_, {});
    if (!alerting) std::abort();
    alerting_ = std::move(*alerting);
    erasures_.emplace(Erasures::Parts{.log = *log_,
                                      .embedded = log_.get(),
                                      .store = *store_,
                                      .keys = keys_,
                                      .clock = [] { return kNow; },
                                      .save_detectors = [this] { must(alerting_->save()); }},
                      registry_);
    ingest_->on_erasure([this](const Mention& mention) {
      erasures_->asked(mention.network, mention.author.id, *mention.seen_at);
    });
  }

  void log(std::vector<Mention> mentions) {
    std::vector<Item> items;
    for (Mention& mention : mentions) items.emplace_back(std::move(mention));
    IngestOptions options;
    options.time_from_input = true;
    options.detect_lang = false;
    must(ingest_->accept("test", std::move(items), "", options));
  }
  void log(Mention mention) { log(std::vector<Mention>{std::move(mention)}); }
  void letter(std::string bytes) {
    std::vector<Item> items;
    items.emplace_back(Undecodable{.reason = "test", .position = "1", .bytes = std::move(bytes)});
    IngestOptions options;
    options.time_from_input = true;
    must(ingest_->accept("test", std::move(items), "", options));
  }

  void work() {
    while (true) {
      const auto moved = worker_->step(milliseconds{0});
      must(moved);
      if (!moved || *moved == 0) return;
    }
  }
  void serve() {
    while (true) {
      const auto viewed = view_->step(milliseconds{0});
      const auto judged = alerting_->step(milliseconds{0});
      must(viewed);
      must(judged);
      if (!viewed || !judged || *viewed + *judged == 0) return;
    }
  }
  // Time goes on until the minute of `now` is over for the detectors.
  void pass_minute(Time now) {
    Mention tick;
    tick.op = Op::Tick;
    for (std::int32_t i = 0; i < partitions_; ++i) {
      tick.seen_at = now + minutes{2};
      Record record;
      record.partition = Partition{i};
      record.key = key_of(tick);
      append_json(record.value.emplace(), tick);
      must(log_->append({std::move(record)}));
    }
    work();
    serve();
  }
  bool sweep() {
    const auto swept = erasures_->sweep();
    EXPECT_TRUE(swept) << swept.error().message;
    return swept && *swept;
  }

  // What keeps an erasure from its end.
  std::string unfinished() {
    std::string out;
    must(store_->scan(Space::Meta,
                      "\x01"
                      "a",
                      "\x01"
                      "b",
                      [&](std::string_view, std::string_view value) {
                        for (int n = 0; n < 3; ++n) {
                          const AuthorKey key =
                              keys_.of("x", fmt::format("did:plc:sentinel{}zq", n));
                          const std::string_view raw(reinterpret_cast<const char*>(key.data()), 8);
                          if (value.contains(raw)) out += fmt::format("detectors name {} ", n);
                        }
                        return true;
                      }));
    return out;
  }

  // In which spaces a key or value holds this.
  std::string spaces_with(const std::string& bytes) {
    std::string out;
    for (std::size_t space = 0; space < kSpaces; ++space) {
      must(store_->scan(static_cast<Space>(space), "", "",
                        [&](std::string_view key, std::string_view value) {
                          if (key.contains(bytes) || value.contains(bytes)) {
                            out += fmt::format("space {}: {} ", space, key);
                          }
                          return true;
                        }));
    }
    return out;
  }
  std::string files_with(const std::string& bytes) {
    std::string out;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string text{std::istreambuf_iterator<char>(stream), {}};
      if (text.contains(bytes)) out += entry.path().filename().string() + " ";
    }
    return out;
  }

  EmbeddedLog& event_log() { return *log_; }
  Store& store() { return *store_; }
  View& view() { return *view_; }
  Erasures& erasures() { return *erasures_; }
  const AuthorKeys& keys() const { return keys_; }
  double lag() { return metric(registry_, "vigie_erasure_lag_seconds"); }
  double done() { return metric(registry_, "vigie_erasures_total"); }

 private:
  const std::int32_t partitions_;
  ScratchDirectory directory_;
  prometheus::Registry registry_;
  AuthorKeys keys_{{}};
  std::shared_ptr<const RuleSet> rules_ = acme_rules();
  std::unique_ptr<Store> store_;
  std::unique_ptr<EmbeddedLog> log_;
  std::optional<Ingest> ingest_;
  std::optional<Worker> worker_;
  std::unique_ptr<View> view_;
  std::unique_ptr<Alerting> alerting_;
  std::optional<Erasures> erasures_;
};

std::string author_id(int n) {
  return fmt::format("did:plc:sentinel{}zq", n);
}

// What must not be found of an author anywhere.
std::vector<std::string> traces_of(const ErasureWorld& world, int n) {
  const AuthorKey key = world.keys().of("x", author_id(n));
  const std::string raw(reinterpret_cast<const char*>(key.data()), key.size());
  return {author_id(n), fmt::format("handle{}qz", n), fmt::format("words{}qz", n), raw.substr(0, 8),
          hex(key).substr(0, 16)};
}

Mention written(int author, const std::string& id, const std::string& text, Time seen_at) {
  Mention mention = acme_mention(id, text + fmt::format(" words{}qz", author), seen_at);
  mention.author.id = author_id(author);
  mention.author.handle = fmt::format("handle{}qz", author);
  return mention;
}

TEST(Erasure, LeavesNothingOfTheAuthorAndAllOfOthers) {
  ErasureWorld world;
  Mention reply = written(2, "r", "acme is late, too", kNow);
  reply.conversation_id = "m1" + author_id(1);
  world.log({written(1, "m1" + author_id(1), "acme is late", kNow),
             written(2, "m2", "love acme", kNow), reply});
  world.letter(R"({"network":"x", "author": {"id": ")" + author_id(1) + R"(", "handle" broken)");
  world.work();
  world.serve();
  world.pass_minute(kNow);
  ASSERT_NE(world.files_with("words1qz"), "");

  world.log(acme_author_op(Op::EraseAuthor, author_id(1), kNow + minutes{3}));
  EXPECT_GT(world.lag(), 0);
  world.work();
  world.serve();
  world.pass_minute(kNow + minutes{3});
  ASSERT_TRUE(world.sweep());

  EXPECT_EQ(world.lag(), 0);
  EXPECT_EQ(world.done(), 1);
  // The reply of another author says in which conversation it stands.
  EXPECT_EQ(world.files_with("words1qz") + world.files_with("handle1qz"), "");
  const AuthorKey key = world.keys().of("x", author_id(1));
  EXPECT_EQ(world.spaces_with(hex(key)), "");
  EXPECT_NE(world.files_with("words2qz"), "");
  const auto item = world.view().queues().item("x/m1" + author_id(1));
  ASSERT_TRUE(item);
  ASSERT_EQ(item->messages.size(), 1U);
  EXPECT_EQ(item->messages[0].key, "x/r");
}

TEST(Erasure, WaitsForTheViewToTakeItsMessageFromTheQueue) {
  ErasureWorld world;
  world.log(written(1, "m1", "acme is late", kNow));
  world.work();

  world.log(acme_author_op(Op::EraseAuthor, author_id(1), kNow));
  world.work();
  // A view that has never committed has still to read all of it.
  world.serve();
  world.log(acme_author_op(Op::EraseAuthor, author_id(1), kNow + seconds{1}));
  world.work();
  EXPECT_TRUE(world.sweep());

  EXPECT_FALSE(world.view().queues().item("x/m1"));
  EXPECT_EQ(world.files_with("words1qz"), "");
}

TEST(Erasure, ItsStatusTellsWhenEveryPartitionIsDone) {
  ErasureWorld world(3);
  for (int i = 0; i < 9; ++i) {
    world.log(written(1, "m" + std::to_string(i), "acme", kNow));
  }
  world.work();
  world.serve();
  const std::string id = world.erasures().id_of("x", author_id(1));
  EXPECT_FALSE(*world.erasures().status(id));

  world.log(acme_author_op(Op::EraseAuthor, author_id(1), kNow));
  ASSERT_TRUE(*world.erasures().status(id));
  EXPECT_FALSE((*world.erasures().status(id))->done);
  world.work();
  world.serve();
  world.pass_minute(kNow);
  ASSERT_TRUE(world.sweep());

  const auto status = world.erasures().status(id);
  ASSERT_TRUE(status && *status);
  EXPECT_TRUE((*status)->done);
  EXPECT_EQ((*status)->messages, 9);
  EXPECT_EQ((*status)->mentions, 9);
  for (const std::string& trace : traces_of(world, 1)) EXPECT_EQ(world.files_with(trace), "");
}

TEST(Erasure, TheTextOfAMessageThatComesAgainGoesAgain) {
  ErasureWorld world;
  world.log(written(1, "m1", "acme is late", kNow));
  world.log(acme_author_op(Op::EraseAuthor, author_id(1), kNow));
  world.work();
  world.serve();
  ASSERT_TRUE(world.sweep());

  world.log(written(1, "m1", "acme is late", kNow + minutes{5}));
  world.work();
  world.serve();
  ASSERT_NE(world.files_with("words1qz"), "");
  ASSERT_TRUE(world.sweep());

  EXPECT_EQ(world.files_with("words1qz"), "");
  EXPECT_EQ(world.done(), 1);
}

// Random streams of three authors. Ids of messages that match name their author, as on networks
// whose ids do.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed) : random_(seed) {}

  Mention next() {
    now_ += seconds{below(300)};
    const int author = below(3);
    const int what = below(100);
    if (what < 35) return message(Op::Create, author);
    if (what < 50) return message(Op::Update, author);
    if (what < 58) {
      return written(author, fmt::format("u{}", 3 * below(5) + author), "nothing", now_);
    }
    if (what < 94 && !ids_[author].empty()) {
      const Op op = std::array{Op::Engagement, Op::Hide, Op::Unhide, Op::Delete}[index(4)];
      Mention mention = acme_op(op, pick(author), now_);
      mention.engagement.likes = below(50);
      return mention;
    }
    const Op op = std::array{Op::HideAuthor, Op::UnhideAuthor, Op::EraseAuthor}[index(3)];
    return wide(op, author);
  }
  Mention wide(Op op, int author) {
    if (op == Op::EraseAuthor) {
      ids_[author].clear();
      ++generation_;
    }
    return acme_author_op(op, author_id(author), now_);
  }
  Time now() const { return now_; }

 private:
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  std::size_t index(int limit) { return static_cast<std::size_t>(below(limit)); }
  std::string pick(int author) {
    auto at = ids_[author].begin();
    std::advance(at, below(static_cast<int>(ids_[author].size())));
    return *at;
  }
  Mention message(Op op, int author) {
    static const std::array<std::string, 4> kTexts = {"acme", "acme is late", "delayed?", "love"};
    const std::string id = fmt::format("k{}-{}-{}", generation_, author_id(author), below(6));
    ids_[author].insert(id);
    Mention mention = written(author, id, kTexts[index(4)], now_);
    mention.op = op;
    mention.version = below(4);
    if (below(3) == 0) mention.conversation_id = "shared";
    return mention;
  }

  std::mt19937_64 random_;
  Time now_ = kNow;
  int generation_ = 0;
  std::map<int, std::set<std::string>> ids_;
};

void run(std::uint64_t seed) {
  SCOPED_TRACE(fmt::format("seed {}", seed));
  ErasureWorld world;
  RandomStream stream(seed);
  std::mt19937_64 random(~seed);
  for (int i = 0; i < 150; ++i) {
    world.log(stream.next());
    if (random() % 8 == 0) world.work();
    if (random() % 16 == 0) world.serve();
    if (random() % 50 == 0) world.sweep();
  }
  for (const int author : {0, 1}) world.log(stream.wide(Op::EraseAuthor, author));
  world.work();
  world.serve();
  // Detectors forget with the next cuts, and are asked to save what they know then.
  bool done = false;
  for (int cut = 0; cut < 4 && !done; ++cut) {
    world.pass_minute(stream.now() + minutes{cut});
    done = world.sweep();
  }
  ASSERT_TRUE(done) << world.unfinished();

  for (const int author : {0, 1}) {
    for (const std::string& trace : traces_of(world, author)) {
      ASSERT_EQ(world.spaces_with(trace), "") << trace;
      ASSERT_EQ(world.files_with(trace), "") << trace;
    }
  }
  ASSERT_EQ(world.lag(), 0);
  const HourCounts counted = hour_counts(world.store());
  const auto sets = author_sets(world.store());
  const Recount recounted = recount_ledger(world.store());
  ASSERT_EQ(recounted.hours, counted);
  ASSERT_EQ(recounted.author_sets, sets);
}

TEST(Erasure, LeavesNoByteAndExactCountsAfterAnyStream) {
  for (std::uint64_t seed = 1; seed <= 20 && !::testing::Test::HasFailure(); ++seed) run(seed);
}

}  // namespace
}  // namespace vigie
