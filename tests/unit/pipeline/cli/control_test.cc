#include "pipeline/cli/control.h"

#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/fakes/scratch_store.h"

namespace vigie {
namespace {

TEST(Control, AnswersWithLinesAndAnExitCode) {
  const ScratchDirectory directory;
  auto server = ControlServer::start(directory.path(), [](const ControlServer::Call& call) {
    call.say("you asked for " + call.request);
    call.say("");
    return Exit::Input;
  });
  ASSERT_TRUE(server) << server.error().message;

  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> lines;
    const auto exit = ask_service(directory.path(), "recount",
                                  [&](std::string_view line) { lines.emplace_back(line); });

    ASSERT_TRUE(exit) << exit.error().message;
    EXPECT_EQ(*exit, Exit::Input);
    EXPECT_EQ(lines, (std::vector<std::string>{"you asked for recount", ""}));
  }
}

TEST(Control, IsOpenToTheOwnerAlone) {
  const ScratchDirectory directory;
  const auto server =
      ControlServer::start(directory.path(), [](const auto&) { return Exit::Good; });
  ASSERT_TRUE(server);

  struct stat info{};
  ASSERT_EQ(::stat((directory.path() / "control.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST(Control, TellsWhoAsksThatNobodyIsThere) {
  const ScratchDirectory directory;

  const auto exit = ask_service(directory.path(), "recount", [](std::string_view) {});

  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, Code::Unavailable);
}

TEST(Control, ReachesADirectoryWithALongName) {
  const ScratchDirectory directory;
  const auto deep = directory.path() / std::string(100, 'a') / std::string(100, 'b');
  std::filesystem::create_directories(deep);
  const auto server = ControlServer::start(deep, [](const auto&) { return Exit::Good; });
  ASSERT_TRUE(server) << server.error().message;

  EXPECT_TRUE(ask_service(deep, "recount", [](std::string_view) {}));
}

TEST(Control, EndsACallWhenTheServiceStops) {
  const ScratchDirectory directory;
  std::promise<void> asked;
  auto server = ControlServer::start(directory.path(), [&](const ControlServer::Call& call) {
    asked.set_value();
    while (!call.gone()) std::this_thread::yield();
    return Exit::Environment;
  });
  ASSERT_TRUE(server);
  auto answer = std::async(std::launch::async, [&] {
    return ask_service(directory.path(), "recount", [](std::string_view) {});
  });
  asked.get_future().wait();

  server->reset();

  const auto exit = answer.get();
  ASSERT_TRUE(exit);
  EXPECT_EQ(*exit, Exit::Environment);
}

}  // namespace
}  // namespace vigie
