// Goal: a joining member sees the chain a server shows, its authority included, and never waits
// beyond its time.
// Method: an OpenSSL server on a loopback port, on a thread of the test; ports that are closed,
// silent, or speak no TLS.
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/crypto/certificate.h"
#include "common/crypto/openssl.h"
#include "common/crypto/x509_text.h"
#include "common/storage/file_descriptor.h"
#include "tests/support/catch.h"

namespace kalavai {
namespace {

using absl::StatusCode;
using TlsContextPtr = std::unique_ptr<SSL_CTX, openssl::Deleter<&SSL_CTX_free>>;
using TlsPtr = std::unique_ptr<SSL, openssl::Deleter<&SSL_free>>;

// Listens on a free loopback port.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(socket_.get(), generic, size) == 0);
    REQUIRE(listen(socket_.get(), 4) == 0);
    REQUIRE(getsockname(socket_.get(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  int port() const { return port_; }
  FileDescriptor Accept() const {
    return FileDescriptor(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }

 private:
  FileDescriptor socket_;
  int port_ = 0;
};

// Runs `serve` with the first connection while `FetchPeerChain` runs against it.
absl::StatusOr<std::vector<std::string>> FetchWhile(const std::function<void(int)>& serve,
                                                    absl::Duration timeout) {
  const Listener listener;
  std::thread server([&] {
    // The server's own writes to a client that left; the client under test keeps the default.
    sigset_t pipe = {};
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    const FileDescriptor connection = listener.Accept();
    serve(connection.get());
  });
  auto chain = FetchPeerChain("127.0.0.1", listener.port(), timeout);
  server.join();
  return chain;
}

TEST_CASE("The chain a server shows ends in the authority that the invitation names", "[crypto]") {
  const absl::Time now = absl::Now();
  REQUIRE_OK_AND_ASSIGN(const CertificateAuthority authority,
                        CertificateAuthority::Create("ca", now));
  REQUIRE_OK_AND_ASSIGN(const SigningKey key, SigningKey::Create());
  REQUIRE_OK_AND_ASSIGN(const std::string leaf,
                        authority.IssueServerCertificate({.public_key = key.public_key(),
                                                          .common_name = "coordinator",
                                                          .ip_addresses = {"127.0.0.1"},
                                                          .now = now,
                                                          .lifetime = absl::Hours(1)}));
  REQUIRE_OK_AND_ASSIGN(const openssl::CertificatePtr own, openssl::ReadCertificate(leaf));
  REQUIRE_OK_AND_ASSIGN(openssl::CertificatePtr above,
                        openssl::ReadCertificate(authority.certificate_pem()));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool wants_client_certificate : {false, true}) {
      const TlsContextPtr context(SSL_CTX_new(TLS_server_method()));
      REQUIRE(SSL_CTX_set_max_proto_version(context.get(), version) == 1);
      REQUIRE(SSL_CTX_use_certificate(context.get(), own.get()) == 1);
      REQUIRE(SSL_CTX_use_PrivateKey(context.get(), key.reference().get()) == 1);
      REQUIRE(SSL_CTX_add1_chain_cert(context.get(), above.get()) == 1);
      if (wants_client_certificate) {
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                           nullptr);
      }
      const auto chain = FetchWhile(
          [&](int connection) {
            const TlsPtr tls(SSL_new(context.get()));
            SSL_set_fd(tls.get(), connection);
            SSL_accept(tls.get());
            ERR_clear_error();
          },
          absl::Seconds(10));
      REQUIRE_OK(chain);
      CHECK(*chain == std::vector<std::string>{leaf, authority.certificate_pem()});
    }
  }
}

TEST_CASE("A peer that speaks no TLS, or nothing, is not reachable", "[crypto]") {
  const auto shut = [](int) {};
  const auto http = [](int connection) {
    const std::string text = "HTTP/1.1 400 Bad Request\r\n\r\n";
    static_cast<void>(send(connection, text.data(), text.size(), MSG_NOSIGNAL));
  };
  for (const auto& serve : {std::function<void(int)>(shut), std::function<void(int)>(http)}) {
    REQUIRE_STATUS(FetchWhile(serve, absl::Seconds(10)), StatusCode::kUnavailable,
                   "COORDINATOR_UNREACHABLE");
  }
  // Silent: the connection is accepted by the kernel and never answered.
  const Listener silent;
  const absl::Time start = absl::Now();
  REQUIRE_STATUS(FetchPeerChain("127.0.0.1", silent.port(), absl::Milliseconds(50)),
                 StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE");
  CHECK(absl::Now() - start < absl::Seconds(5));
}

TEST_CASE("A closed port and an impossible address are not reachable", "[crypto]") {
  int port = 0;
  {
    const Listener closed;
    port = closed.port();
  }
  REQUIRE_STATUS(FetchPeerChain("127.0.0.1", port, absl::Seconds(5)), StatusCode::kUnavailable,
                 "COORDINATOR_UNREACHABLE");
  REQUIRE_STATUS(FetchPeerChain("not a host", 1, absl::Seconds(5)), StatusCode::kUnavailable,
                 "COORDINATOR_UNREACHABLE");
}

}  // namespace
}  // namespace kalavai
