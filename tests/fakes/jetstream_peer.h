#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace vigie {

// A directory that goes away with the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  // Writes the lines, each with its line end, and says where.
  std::filesystem::path write(const std::string& name, const std::vector<std::string>& lines) const;

 private:
  std::filesystem::path path_;
};

// An authority and a certificate of localhost and 127.0.0.1 under it, made by openssl.
struct TestCertificates {
  std::string ca;
  std::string cert;
  std::string key;
};
TestCertificates make_certificates(const ScratchDirectory& directory);

// tests/integration/jetstream_server.py as a child process, ended with the object. `port` is 0 when
// it did not start.
class JetstreamPeer {
 public:
  explicit JetstreamPeer(const std::vector<std::string>& arguments);
  ~JetstreamPeer();
  JetstreamPeer(const JetstreamPeer&) = delete;
  JetstreamPeer& operator=(const JetstreamPeer&) = delete;

  std::uint16_t port() const { return port_; }
  // The next line that it says of a connection; waits for it up to ten seconds.
  std::string line();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
  std::uint16_t port_ = 0;
};

}  // namespace vigie
