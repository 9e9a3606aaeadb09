#include "state/cut.h"

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

  std::string json;
  append_json(json, cut);
  const auto read = parse_cut(json);

  ASSERT_TRUE(read) << json;
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
      {"", "{}", "[]", R"({"v":2,"partition":0,"minute":1,"whole":false})",
       R"({"v":1,"partition":0,"minute":1,"whole":false,"values":[[1]],"authors":[]})",
       R"({"v":1,"partition":0,"minute":1,"whole":false,"values":[],"authors":[["theme","a",1,["xyz"]]]})"}) {
    EXPECT_FALSE(parse_cut(json)) << json;
  }
}

TEST(Cut, HasAKeyThatNoCounterHas) {
  EXPECT_TRUE(is_cut_key(cut_key(Partition{0}, 5)));
  EXPECT_NE(cut_key(Partition{0}, 5), cut_key(Partition{0}, 6));
  EXPECT_FALSE(parse_counter_key(cut_key(Partition{0}, 5)));
}

}  // namespace
}  // namespace vigie
