#include "pipeline/core/utf8.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(OnOneLine, BlanksWhatWouldSteerATerminalOrALine) {
  EXPECT_EQ(on_one_line("a\nb\tc\x1b[31m\x7f"), "a b c [31m ");
  EXPECT_EQ(on_one_line("a\u009b31mb"), "a 31mb");              // CSI of C1
  EXPECT_EQ(on_one_line("a\u2028b\u202ec\u2066d"), "a b c d");  // separator, override, isolate
}

TEST(OnOneLine, LeavesEverythingElse) {
  for (const char* text :
       {"", "é", "\u00a0", "日本語", "👍🏽", "a\u200db", "\u2027\u202f\u2065\u206a"}) {
    EXPECT_EQ(on_one_line(text), text);
  }
  EXPECT_EQ(on_one_line("\xE2"), "\xE2");
}

}  // namespace
}  // namespace vigie
