// What others say is JSON and what is not: every file of the JSONTestSuite, as the value of an
// unknown field of a mention and as the whole text. Read from the samples; skipped without them.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pipeline/core/mention.h"
#include "tests/samples.h"

namespace vigie {
namespace {

namespace fs = std::filesystem;

class JsonTestSuite : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path archive = sample("conformance/JSONTestSuite.tar.xz");
    VIGIE_SKIP_WITHOUT(archive);
    std::string name = (fs::temp_directory_path() / "vigie_json_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    const std::string command =
        fmt::format("tar -xJf '{}' -C '{}'", fs::canonical(archive).string(), name);
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  template <class Visit>
  std::size_t each(char kind, Visit visit) const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / "test_parsing")) {
      const std::string name = entry.path().filename().string();
      if (name[0] != kind) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      visit(name, std::string{std::istreambuf_iterator<char>(file), {}});
      ++count;
    }
    return count;
  }

  fs::path folder_;
  MentionReader reader_;
};

std::string wrapped(const std::string& value) {
  return R"({"network":"x","id":"1","op":"delete","extra":)" + value + "}";
}

TEST_F(JsonTestSuite, EveryValidValueMayStandInAMention) {
  const std::size_t count = each('y', [&](const std::string& name, const std::string& value) {
    const auto mention = reader_.read(wrapped(value));
    EXPECT_TRUE(mention) << name << ": " << (mention ? "" : mention.error().message);
  });
  EXPECT_GT(count, 90U);
}

TEST_F(JsonTestSuite, EveryBrokenValueIsRefused) {
  const std::size_t count = each('n', [&](const std::string& name, const std::string& value) {
    EXPECT_FALSE(reader_.read(wrapped(value))) << name;
    EXPECT_FALSE(reader_.read(value)) << name;
  });
  EXPECT_GT(count, 180U);
}

TEST_F(JsonTestSuite, WhatMayGoEitherWayNeverCrashes) {
  const std::size_t count = each('i', [&](const std::string&, const std::string& value) {
    for (const std::string& text : {wrapped(value), value}) {
      const auto mention = reader_.read(text);
      if (mention) continue;
      EXPECT_EQ(mention.error().code, Code::Invalid);
      EXPECT_FALSE(mention.error().message.empty());
    }
  });
  EXPECT_GT(count, 30U);
}

// A value that is valid JSON is still judged by the type that the field wants.
TEST_F(JsonTestSuite, ValidValuesAreTextOrAreRefusedAsText) {
  each('y', [&](const std::string& name, const std::string& value) {
    const std::size_t first = value.find_first_not_of(" \t\r\n");
    const bool is_text = value[first] == '"' || value.compare(first, 4, "null") == 0;
    std::string json = wrapped(value);
    json.replace(json.find("extra"), 5, "text");
    EXPECT_EQ(reader_.read(json).has_value(), is_text) << name;
  });
}

}  // namespace
}  // namespace vigie
