#include "pipeline/log/record_format.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(RecordFormat, IsWhatAValueTellsFirst) {
  EXPECT_EQ(told_format(R"({"v":1,"id":"a"})"), 1U);
  EXPECT_EQ(told_format(R"({"v":20})"), 20U);
  for (const char* value :
       {"", "{", R"({"id":"a","v":2})", R"({ "v":2})", R"({"v":"2"})", R"({"v":2)", R"({"v":-2})",
        R"({"v":2.5})", R"({"v":99999999999999999999})", "\x01", R"([{"v":2}])"}) {
    EXPECT_EQ(told_format(value), std::nullopt) << value;
  }
}

TEST(RecordFormat, NamesTheRecordThatIsNewerAndWhatToDo) {
  const auto check = [](Topic topic, const char* value) {
    return check_format(topic, "vigie.topic", Partition{3}, 17, value);
  };
  for (const TopicInfo& topic : all_topics()) {
    EXPECT_TRUE(check(topic.topic, R"({"v":1,"id":"a"})"));
    EXPECT_TRUE(check(topic.topic, "no JSON"));
    const auto newer = check(topic.topic, R"({"v":3,"id":"a"})");
    if (topic.topic == Topic::Mentions) {
      EXPECT_TRUE(newer) << "others write there, too";
      continue;
    }
    ASSERT_FALSE(newer) << topic.name;
    EXPECT_EQ(newer.error().code, Code::Corrupt);
    EXPECT_NE(newer.error().message.find("vigie.topic/3 offset 17: the record is of format 3"),
              std::string::npos)
        << newer.error().message;
    EXPECT_NE(newer.error().message.find("upgrade this node"), std::string::npos);
  }
  EXPECT_FALSE(check(Topic::Conversations, R"({"v":2,"id":"a"})"));
  EXPECT_TRUE(check(Topic::Counters, R"({"v":2,"partition":0})"));
}

}  // namespace
}  // namespace vigie
