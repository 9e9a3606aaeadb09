#include "tests/fakes/jetstream_peer.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vigie {
namespace {

// Starts a program whose standard output goes to `output`; of a quiet one, errors go there, too.
pid_t start(const std::vector<std::string>& command, int output, bool quiet) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& part : command) argv.push_back(const_cast<char*>(part.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  if (quiet) dup2(output, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
}

void run(const std::vector<std::string>& command) {
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const pid_t pid = start(command, null, true);
  int status = 0;
  waitpid(pid, &status, 0);
  close(null);
  if (status != 0) throw std::runtime_error("failed: " + command.front() + " " + command.at(1));
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "vigie-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  path_ = pattern;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path ScratchDirectory::write(const std::string& name,
                                              const std::vector<std::string>& lines) const {
  std::ofstream out(file(name), std::ios::binary);
  for (const std::string& line : lines) out << line << '\n';
  return file(name);
}

TestCertificates make_certificates(const ScratchDirectory& directory) {
  const auto at = [&](const char* name) { return directory.file(name).string(); };
  const auto request = [&](const char* what, const char* out, const char* key,
                           const char* subject) {
    run({"openssl", "req", what, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", subject, "-out", at(out), "-keyout", at(key)});
  };
  request("-x509", "ca.pem", "ca.key", "/CN=Vigie test authority");
  request("-new", "server.csr", "server.key", "/CN=localhost");
  directory.write("server.ext", {"subjectAltName=DNS:localhost,IP:127.0.0.1"});
  run({"openssl", "x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey",
       at("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", at("server.ext"), "-out",
       at("server.pem")});
  return {at("ca.pem"), at("server.pem"), at("server.key")};
}

JetstreamPeer::JetstreamPeer(const std::vector<std::string>& arguments) {
  std::array<int, 2> pipe{};
  if (pipe2(pipe.data(), O_CLOEXEC) != 0) return;
  std::vector<std::string> command = {VIGIE_PYTHON,
                                      VIGIE_SOURCE_DIR "/tests/integration/jetstream_server.py"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  pid_ = start(command, pipe[1], false);
  close(pipe[1]);
  output_ = pipe[0];
  port_ = static_cast<std::uint16_t>(std::strtoul(line().c_str(), nullptr, 10));
}

JetstreamPeer::~JetstreamPeer() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_ >= 0) close(output_);
}

std::string JetstreamPeer::line() {
  for (;;) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string out = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return out;
    }
    pollfd wanted{.fd = output_, .events = POLLIN, .revents = 0};
    if (poll(&wanted, 1, 10'000) <= 0) return {};
    std::array<char, 4096> chunk{};
    const ssize_t size = read(output_, chunk.data(), chunk.size());
    if (size <= 0) return {};
    buffer_.append(chunk.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace vigie
