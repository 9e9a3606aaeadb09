#include <cstdio>

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/unit/pipeline/api/api_fixture.h"

namespace vigie {
namespace {

using testing::HasSubstr;

class TlsTest : public ApiTest {
 protected:
  TlsTest() {
    options_.tls_certificate_file = (directory_ / "certificate.pem").string();
    options_.tls_key_file = (directory_ / "key.pem").string();
    write_certificate();
  }
  ~TlsTest() override {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  // A connection over TLS, and what the server says until `mark`.
  void connect() {
    client_ = std::make_unique<RawClient>(server_->port());
    context_ = SSL_CTX_new(TLS_client_method());
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, client_->descriptor());
    ASSERT_EQ(SSL_connect(ssl_), 1);
  }
  void send(std::string_view text) {
    ASSERT_GT(SSL_write(ssl_, text.data(), static_cast<int>(text.size())), 0);
  }
  std::string read_until(std::string_view mark) {
    std::string out;
    char byte = 0;
    while (out.find(mark) == std::string::npos && SSL_read(ssl_, &byte, 1) == 1) out += byte;
    return out;
  }

 private:
  void write_certificate() const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* file = std::fopen(options_.tls_certificate_file.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(options_.tls_key_file.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  std::unique_ptr<RawClient> client_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

TEST_F(TlsTest, AnswersSeveralRequestsOfAConnection) {
  start();
  connect();

  send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(read_until("}"), HasSubstr("200 OK"));
  send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(read_until("}"), HasSubstr("200 OK"));
  EXPECT_EQ(read_until("more"), "");
}

TEST_F(TlsTest, BringsEvents) {
  start();
  connect();
  send("GET /api/v1/alerts/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  read_until("id: 0:0\n\n");

  for (Offset next = 1; next <= 3; ++next) alerts_.push(Partition{0}, next, "alert", "{}");

  EXPECT_THAT(read_until("0:3\ndata: {}\n\n"), HasSubstr("event: alert\nid: 0:1\n"));
}

TEST_F(TlsTest, ClosesOnAClientThatSpeaksPlainHttp) {
  start();
  RawClient plain(server_->port());
  plain.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");

  EXPECT_TRUE(plain.ends());
}

TEST_F(TlsTest, SaysWhichFileIsWrong) {
  options_.tls_key_file = (directory_ / "none.pem").string();

  const Error error = ApiServer::start(options_, parts()).error();

  EXPECT_EQ(error.code, Code::Invalid);
  EXPECT_THAT(error.message, HasSubstr("none.pem"));
}

}  // namespace
}  // namespace vigie
