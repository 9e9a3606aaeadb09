#include "state/cut.h"

#include <set>

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(Cut, ComesBackFromItsJson) {
  Cut cut;
  cut.partition = Partition{4};
  cut.minute = 29'500'000;
  cut.whole = true;
  cut.values.push_back({{Dimension::Theme, "with \"quotes\""}, Granularity::Minute, 7, 12});
  cut.values.push_back({{Dimension::Brand, "acme"}, Granularity::Hour, -3, 0});
  cut.authors.push_back({{Dimension::Campaign, "x"}, 5, {1, 0xffffffffffffffffU}});

  const std::vector<CutRecord> records = cut_records(cut);
  ASSERT_EQ(records.size(), 1U);
  const auto part = parse_cut_part(records[0].json);

  ASSERT_TRUE(part) << records[0].json;
  EXPECT_FALSE(part->more);
  const Cut* read = &part->cut;
  EXPECT_EQ(read->partition, cut.partition);
  EXPECT_EQ(read->minute, cut.minute);
  EXPECT_TRUE(read->whole);
  ASSERT_EQ(read->values.size(), 2U);
  EXPECT_EQ(read->values[0].series, cut.values[0].series);
  EXPECT_EQ(read->values[0].mentions, 12);
  EXPECT_EQ(read->values[1].bucket, -3);
  ASSERT_EQ(read->authors.size(), 1U);
  EXPECT_EQ(read->authors[0].authors, cut.authors[0].authors);
}

TEST(Cut, RefusesWhatIsNoCut) {
  for (
      const char* json :
      {"", "{}", "[]", R"({"v":3,"partition":0,"minute":1,"whole":false,"values":[],"authors":[]})",
       R"({"v":1,"partition":0,"minute":1,"whole":false,"values":[[1]],"authors":[]})",
       R"({"v":1,"partition":0,"minute":1,"whole":false,"values":[],"authors":[["theme","a",1,["xyz"]]]})",
       R"({"v":2,"partition":0,"minute":1,"whole":false,"values":[],"authors":[["theme","a",1,"0123456789"]]})",
       R"({"v":2,"partition":0,"minute":1,"whole":false,"values":[],"authors":[["theme","a",1,"0123456789+"]]})"}) {
    EXPECT_FALSE(parse_cut_part(json)) << json;
  }
}

TEST(Cut, IsReadAsItWasWrittenBefore) {
  const char* const json =
      R"({"v":1,"partition":3,"minute":9,"whole":false,"values":[],)"
      R"("authors":[["theme","a",1,["0000000000000007","ffffffffffffffff"]]]})";

  const auto part = parse_cut_part(json);
  const auto without = cut_without(json, 7);

  ASSERT_TRUE(part);
  ASSERT_EQ(part->cut.authors.size(), 1U);
  EXPECT_EQ(part->cut.authors[0].authors, (std::vector<std::uint64_t>{7, 0xffffffffffffffffU}));
  ASSERT_TRUE(without);
  EXPECT_EQ(parse_cut_part(*without)->cut.authors[0].authors,
            (std::vector<std::uint64_t>{0xffffffffffffffffU}));
}

TEST(Cut, HasAKeyThatNoCounterHas) {
  const std::string five = cut_records({.minute = 5})[0].key;

  EXPECT_TRUE(is_cut_key(five));
  EXPECT_NE(five, cut_records({.minute = 6})[0].key);
  EXPECT_FALSE(parse_counter_key(five));
}

// As after a start with many rules: every hour of four weeks, of every series.
Cut large_cut(Partition partition) {
  Cut cut{.partition = partition, .minute = 9, .whole = true};
  for (int i = 0; i < 5000; ++i) {
    const std::string id = std::string(120, 't') + std::to_string(i);
    cut.values.push_back({{Dimension::Theme, id}, Granularity::Hour, i, i + 1});
    if (i % 5 == 0) {
      cut.authors.push_back({{Dimension::Theme, id}, i, std::vector<std::uint64_t>(64, 7)});
    }
  }
  return cut;
}

TEST(Cut, ALargeOneIsSeveralRecordsThatALogTakes) {
  const Cut cut = large_cut(Partition{0});

  std::set<std::string> keys;
  CutJoiner joiner;
  std::optional<Cut> joined;
  for (const CutRecord& record : cut_records(cut)) {
    EXPECT_LT(record.json.size(), 900'000U);
    EXPECT_TRUE(keys.insert(record.key).second);
    EXPECT_FALSE(joined);
    joined = joiner.add(*parse_cut_part(record.json));
    EXPECT_EQ(joiner.waits(), !joined);
  }

  ASSERT_TRUE(joined);
  EXPECT_GT(keys.size(), 2U);
  EXPECT_TRUE(joined->whole);
  ASSERT_EQ(joined->values.size(), cut.values.size());
  EXPECT_EQ(joined->values[4999].mentions, 5000);
  EXPECT_EQ(joined->authors.size(), cut.authors.size());
}

TEST(CutJoiner, KeepsPartitionsApartAndForgetsWhatNeverEnded) {
  const std::vector<CutRecord> first = cut_records(large_cut(Partition{0}));
  const std::vector<CutRecord> other = cut_records({.partition = Partition{1}, .minute = 9});
  const std::vector<CutRecord> later = cut_records({.partition = Partition{0}, .minute = 10});
  CutJoiner joiner;

  EXPECT_FALSE(joiner.add(*parse_cut_part(first[0].json)));
  EXPECT_TRUE(joiner.add(*parse_cut_part(other[0].json)));
  const std::optional<Cut> cut = joiner.add(*parse_cut_part(later[0].json));

  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->values.empty());
  EXPECT_FALSE(joiner.waits());
}

TEST(Cut, IsTheSameWithoutAnErasedAuthor) {
  Cut cut;
  cut.values.push_back({{Dimension::Theme, "0000000000000007"}, Granularity::Hour, 7, 12});
  cut.authors.push_back({{Dimension::Theme, "0000000000000007"}, 5, {1, 7, 9}});
  const std::string json = cut_records(cut)[0].json;

  const auto without = cut_without(json, 7);

  ASSERT_TRUE(without);
  cut.authors[0].authors = {1, 9};
  EXPECT_EQ(*without, cut_records(cut)[0].json);
  EXPECT_FALSE(cut_without(*without, 7));
}

}  // namespace
}  // namespace vigie
