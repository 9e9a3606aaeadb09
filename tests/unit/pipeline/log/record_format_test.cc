#include "pipeline/log/record_format.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(RecordFormat, IsNewerWhereAValueSaysSoFirst) {
  EXPECT_EQ(newer_format(R"({"v":2,"id":"a"})"), 2U);
  EXPECT_EQ(newer_format(R"({"v":10})"), 10U);
}

TEST(RecordFormat, IsNotNewerWhereAValueIsOursOrSomebodyElses) {
  for (const char* value :
       {"", "{", R"({"v":1,"id":"a"})", R"({"v":0})", R"({"id":"a","v":2})", R"({ "v":2})",
        R"({"v":"2"})", R"({"v":2)", R"({"v":-2})", R"({"v":2.5})", R"({"v":99999999999999999999})",
        "\x01", R"([{"v":2}])"}) {
    EXPECT_EQ(newer_format(value), std::nullopt) << value;
  }
}

TEST(RecordFormat, NamesTheRecordAndWhatToDo) {
  const auto known = check_format("vigie.mentions", Partition{3}, 17, R"({"v":2,"id":"a"})");
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Code::Corrupt);
  EXPECT_NE(known.error().message.find("vigie.mentions/3 offset 17: the record is of format 2"),
            std::string::npos)
      << known.error().message;
  EXPECT_NE(known.error().message.find("upgrade this node"), std::string::npos);
  EXPECT_TRUE(check_format("vigie.mentions", Partition{3}, 17, R"({"v":1,"id":"a"})"));
}

}  // namespace
}  // namespace vigie
