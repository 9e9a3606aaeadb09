#include "state/contributions.h"

#include <gtest/gtest.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

LedgerRecord sample() {
  LedgerRecord record;
  record.event_minute = 6000;
  record.kind = Kind::Post;
  record.network = "x";
  record.brand = "acme";
  record.themes = {"late"};
  record.campaigns = {"summer"};
  record.hashtags = {"one", "two"};
  record.links = {"https://a.example/"};
  record.country = "FR";
  record.city = "Lyon";
  record.queue = "none";
  record.author = {0xab};
  record.journal = {{6060, {3, 0, 0, 0, 0}}};
  return record;
}

// Everything that is counted in hours, by dimension and id.
std::map<std::string, Measures> booked(const Store& store) {
  std::map<std::string, Measures> out;
  const auto dumped = CounterReader(store, 1).dump(
      {}, [&](Dimension dimension, std::string_view id, Measure measure, Hour, std::int64_t value) {
        at(out[std::string(name(dimension)).append(" ").append(id)], measure) += value;
      });
  EXPECT_TRUE(dumped);
  return out;
}

class Contributions : public ::testing::Test {
 protected:
  template <class Book>
  void booking(const Book& book) {
    CounterBatch counters(*store_, Partition{0});
    Authors authors(*store_);
    book(counters, authors);
    StoreBatch batch;
    ASSERT_TRUE(counters.flush(batch));
    ASSERT_TRUE(authors.flush_sets(batch));
    ASSERT_TRUE(store_->write(batch, Durability::Buffered));
  }

  ScratchStore store_;
};

TEST_F(Contributions, AreToEverySeriesOfARecord) {
  booking([](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, sample(), 1, {}, counters, authors);
  });

  const std::string author = "ab" + std::string(30, '0');
  std::vector<std::string> series;
  for (const auto& [one, measures] : booked(*store_)) {
    series.push_back(one);
    EXPECT_EQ(at(measures, Measure::Mentions), 1) << one;
    EXPECT_EQ(at(measures, Measure::Likes), 3) << one;
  }
  EXPECT_EQ(series, (std::vector<std::string>{
                        "all all", "author " + author, "brand acme", "campaign summer",
                        "campaign×network summer×x", "city FR/Lyon", "country FR", "hashtag one",
                        "hashtag two", "kind post", "network x", "queue none", "theme late",
                        "theme×author late×" + author, "theme×hashtag late×one",
                        "theme×hashtag late×two", "theme×kind late×post",
                        "theme×link late×https://a.example/", "theme×network late×x"}));
}

TEST_F(Contributions, AmbassadorIsTheFieldElseTheAmbassadorWhoWrote) {
  LedgerRecord told = sample();
  told.ambassador = "ana-code";
  told.by_ambassador = true;
  LedgerRecord wrote = sample();
  wrote.by_ambassador = true;
  booking([&](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, told, 1, {}, counters, authors);
    book(Partition{0}, wrote, 1, {}, counters, authors);
  });

  const auto counted = booked(*store_);
  EXPECT_TRUE(counted.contains("campaign×ambassador summer×ana-code"));
  EXPECT_TRUE(counted.contains("campaign×ambassador summer×ab" + std::string(30, '0')));
}

// By an ambassador, to a customer and naming another ambassador.
LedgerRecord answer() {
  LedgerRecord record = sample();
  record.of_members = true;
  record.by_ambassador = true;
  record.ambassadors = {"x:@ana", "x:@bob"};
  record.answered = KeyedHash{0x0c};
  return record;
}

TEST_F(Contributions, OfMembersAreMessagesAndNoEngagement) {
  booking([](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, answer(), 1, {}, counters, authors);
  });

  const KeyedHash hash = erased(sample().author);
  const auto counted = booked(*store_);
  const auto only = [](Measure measure) {
    Measures measures{};
    at(measures, measure) = 1;
    return measures;
  };
  EXPECT_EQ(counted.at("ambassador x:@ana"), only(Measure::Own));
  EXPECT_EQ(counted.at("ambassador x:@bob"), only(Measure::Mentions));
  EXPECT_EQ(counted.at("ambassador×author x:@ana×0c" + std::string(30, '0')), only(Measure::Own));
  EXPECT_EQ(counted.at("author×brand " + hex(hash) + "×acme"), only(Measure::Mentions));
  constexpr std::size_t kOthers = 20;
  EXPECT_EQ(counted.size(), kOthers + 4);
}

TEST_F(Contributions, OfMembersAreNoneOfABrandAccountAClickOrAnOlderRecord) {
  LedgerRecord own = answer();
  own.own = true;
  own.ambassadors.clear();
  own.by_ambassador = false;
  LedgerRecord click = answer();
  click.kind = Kind::Click;
  LedgerRecord older = answer();
  older.of_members = false;
  for (const LedgerRecord& record : {own, click, older}) {
    booking([&](CounterBatch& counters, Authors& authors) {
      book(Partition{0}, record, 1, {}, counters, authors);
    });
  }

  for (const auto& [series, measures] : booked(*store_)) {
    EXPECT_FALSE(series.starts_with("ambassador") || series.starts_with("author×brand")) << series;
  }
}

TEST_F(Contributions, AreTakenBackWhole) {
  booking([](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, answer(), 1, {}, counters, authors);
  });
  booking([](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, answer(), -1, {}, counters, authors);
  });

  EXPECT_TRUE(booked(*store_).empty());
}

TEST_F(Contributions, OfEngagementAloneAreTheDifference) {
  LedgerRecord after = sample();
  after.journal = {{6060, {1, 0, 0, 0, 0}}, {6200, {5, 2, 0, 0, 0}}};
  booking([](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, sample(), 1, {}, counters, authors);
  });
  booking([&](CounterBatch& counters, Authors& authors) {
    rebook(Partition{0}, sample(), after, {}, counters, authors);
  });
  const auto moved = booked(*store_);

  booking([&](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, after, -1, {}, counters, authors);
  });

  EXPECT_EQ(at(moved.at("theme late"), Measure::Likes), 6);
  EXPECT_EQ(at(moved.at("theme late"), Measure::Replies), 2);
  EXPECT_EQ(at(moved.at("theme late"), Measure::Mentions), 1);
  EXPECT_TRUE(booked(*store_).empty());
}

TEST_F(Contributions, OfAnotherVersionReplaceThoseOfTheOld) {
  LedgerRecord after = sample();
  after.themes = {"praise"};
  booking([&](CounterBatch& counters, Authors& authors) {
    book(Partition{0}, sample(), 1, {}, counters, authors);
    rebook(Partition{0}, sample(), after, {}, counters, authors);
  });

  const auto counted = booked(*store_);
  EXPECT_FALSE(counted.contains("theme late"));
  EXPECT_FALSE(counted.contains("theme×hashtag late×one"));
  EXPECT_TRUE(counted.contains("theme×hashtag praise×one"));
}

TEST(CountedIds, AreFewAndShortAndDifferent) {
  LedgerRecord record = sample();
  record.hashtags = {"one", "two", "one"};
  record.links.assign(1, std::string(kCountedIdBytes + 1, 'x'));
  for (std::size_t i = 0; i < kCountedPerMessage + 5; ++i) {
    record.links.push_back("https://a.example/" + std::to_string(i));
  }
  record.city = std::string(kCountedIdBytes + 1, 'c');

  const std::size_t dropped = limit_counted(record);

  EXPECT_EQ(record.hashtags, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(record.links.size(), kCountedPerMessage);
  EXPECT_EQ(record.links.front(), "https://a.example/0");
  EXPECT_EQ(record.city, "");
  EXPECT_EQ(record.country, "FR");
  EXPECT_EQ(dropped, 7U);
}

TEST(StoreOfAnOlderFormat, CountsWhatItDidNotCount) {
  const ScratchDirectory directory;
  const std::string format =
      "\x01"
      "format";
  std::map<std::string, Measures> whole;
  {
    auto store = Store::open(directory.path(), {});
    ASSERT_TRUE(store);
    CounterBatch counters(**store, Partition{0});
    Authors authors(**store);
    Ledger ledger(**store, Partition{0});
    book(Partition{0}, sample(), 1, {}, counters, authors);
    ledger.put("x/1", sample());
    StoreBatch batch;
    ASSERT_TRUE(counters.flush(batch));
    ledger.flush(batch);
    ASSERT_TRUE((*store)->write(batch, Durability::Buffered));
    whole = booked(**store);

    // As an older program left it, with a part of what an upgrade that was cut off had done.
    StoreBatch older;
    older.put(Space::Meta, format, "2");
    for (const Dimension dimension : {Dimension::Author, Dimension::Hashtag, Dimension::City}) {
      const std::string begin = counters_of(Partition{0}, dimension);
      older.erase_range(Space::Counters, begin, prefix_end(begin));
    }
    ASSERT_TRUE((*store)->write(older, Durability::Buffered));
  }

  auto store = Store::open(directory.path(), {});

  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(booked(**store), whole);
  EXPECT_EQ((*store)->get(Space::Meta, format)->value(), "4");
}

}  // namespace
}  // namespace vigie
