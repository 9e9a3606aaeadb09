#include "pipeline/cli/control.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace vigie {
namespace {

constexpr int kAskTimeoutMs = 5000;
constexpr std::size_t kMaxLine = 4096;
constexpr int kBacklog = 4;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

Error failure(const std::filesystem::path& data_dir, std::string_view doing) {
  return {Code::Unavailable, fmt::format("{} {}: {}", doing, (data_dir / "control.sock").string(),
                                         std::generic_category().message(errno))};
}

// The address of the socket by way of an open directory: a path of its own may be too long for it.
sockaddr_un address_in(const Descriptor& directory) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/control.sock", directory.get());
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

Descriptor open_directory(const std::filesystem::path& data_dir) {
  return Descriptor(::open(data_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;  // seen by `gone`
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// A line without its end; empty when none came in time or it is too long.
std::string read_line(int socket, std::string& buffer, int timeout_ms) {
  std::size_t end = 0;
  while ((end = buffer.find('\n')) == std::string::npos) {
    if (buffer.size() > kMaxLine) return {};
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) <= 0) return {};
    std::array<char, 1024> bytes;
    const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (got <= 0) return {};
    buffer.append(bytes.data(), static_cast<std::size_t>(got));
  }
  std::string line = buffer.substr(0, end);
  buffer.erase(0, end + 1);
  return line;
}

}  // namespace

struct ControlServer::Impl {
  Descriptor directory;
  Descriptor listener;
  Descriptor wake;
  std::function<Exit(const Call&)> answer;
  std::atomic<bool> stopping{false};
  std::jthread thread;

  void run() {
    while (!stopping) {
      std::array<pollfd, 2> waiting = {pollfd{listener.get(), POLLIN, 0},
                                       pollfd{wake.get(), POLLIN, 0}};
      if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
      if (stopping || (waiting[0].revents & POLLIN) == 0) continue;
      const Descriptor caller(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (caller) serve(caller.get());
    }
  }

  void serve(int caller) {
    // Who does not read must not hold up the end of the service.
    const timeval deadline{kAskTimeoutMs / 1000, 0};
    ::setsockopt(caller, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
    std::string buffer;
    Call call;
    call.request = read_line(caller, buffer, kAskTimeoutMs);
    if (call.request.empty()) return;
    call.say = [caller](std::string_view line) { send_all(caller, fmt::format(" {}\n", line)); };
    call.gone = [this, caller] {
      pollfd state{caller, POLLRDHUP, 0};
      return stopping || (::poll(&state, 1, 0) > 0 && state.revents != 0);
    };
    const Exit exit = answer(call);
    send_all(caller, fmt::format("={}\n", static_cast<int>(exit)));
  }
};

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ControlServer::~ControlServer() {
  impl_->stopping = true;
  const std::uint64_t one = 1;
  if (::write(impl_->wake.get(), &one, sizeof(one)) != sizeof(one)) {
    // Only a full counter refuses, and then the thread is awake.
  }
  if (impl_->thread.joinable()) impl_->thread.join();
  ::unlinkat(impl_->directory.get(), "control.sock", 0);
}

Result<std::unique_ptr<ControlServer>> ControlServer::start(
    const std::filesystem::path& data_dir, std::function<Exit(const Call&)> answer) {
  auto impl = std::make_unique<Impl>();
  impl->answer = std::move(answer);
  impl->directory = open_directory(data_dir);
  impl->listener = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  impl->wake = Descriptor(::eventfd(0, EFD_CLOEXEC));
  if (!impl->directory || !impl->listener || !impl->wake) {
    return std::unexpected(failure(data_dir, "cannot make"));
  }
  // One that a killed service left: nobody else has this directory, its store is locked.
  ::unlinkat(impl->directory.get(), "control.sock", 0);
  const sockaddr_un address = address_in(impl->directory);
  // A socket's file gets the mode of the socket, so it is never open to others.
  if (::fchmod(impl->listener.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(impl->listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
          0 ||
      ::listen(impl->listener.get(), kBacklog) != 0) {
    return std::unexpected(failure(data_dir, "cannot make"));
  }
  impl->thread = std::jthread([self = impl.get()] { self->run(); });
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

Result<Exit> ask_service(const std::filesystem::path& data_dir, std::string_view request,
                         const std::function<void(std::string_view)>& line) {
  const Descriptor directory = open_directory(data_dir);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!directory || !socket) return std::unexpected(failure(data_dir, "cannot reach"));
  const sockaddr_un address = address_in(directory);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return std::unexpected(failure(data_dir, "the service does not answer at"));
  }
  send_all(socket.get(), fmt::format("{}\n", request));
  std::string buffer;
  while (true) {
    const std::string got = read_line(socket.get(), buffer, -1);
    if (got.starts_with(' ')) {
      line(std::string_view(got).substr(1));
      continue;
    }
    int code = 0;
    if (!got.starts_with('=') ||
        std::from_chars(got.data() + 1, got.data() + got.size(), code).ec != std::errc{}) {
      return fail(Code::Unavailable, "the service ended before it had answered");
    }
    return static_cast<Exit>(code);
  }
}

}  // namespace vigie
