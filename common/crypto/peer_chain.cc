// FetchPeerChain of certificate.h: a TLS client handshake that trusts nobody.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include <fcntl.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/status_macros.h"
#include "common/crypto/certificate.h"
#include "common/crypto/openssl.h"
#include "common/crypto/x509_text.h"
#include "common/storage/file_descriptor.h"

namespace kalavai {
namespace {

using AddressPtr = std::unique_ptr<addrinfo, openssl::Deleter<&freeaddrinfo>>;
using TlsContextPtr = std::unique_ptr<SSL_CTX, openssl::Deleter<&SSL_CTX_free>>;
using AsnOctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, openssl::Deleter<&ASN1_OCTET_STRING_free>>;
using TlsPtr = std::unique_ptr<SSL, openssl::Deleter<&SSL_free>>;

absl::Status Unreachable(absl::string_view address, absl::string_view what) {
  return MakeError(absl::StatusCode::kUnavailable, "COORDINATOR_UNREACHABLE",
                   {.what = absl::StrCat("connect to ", address, ": ", what),
                    .why = "",
                    .fix = "check that the coordinator runs and that the address is right",
                    .metadata = {{"address", std::string(address)}}});
}

// Keeps a peer that hangs up from ending the process: OpenSSL writes without MSG_NOSIGNAL.
class BlockSigpipe {
 public:
  BlockSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~BlockSigpipe() {
    if (sigismember(&before_, SIGPIPE) == 1) return;
    const timespec at_once = {};
    while (sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BlockSigpipe(const BlockSigpipe&) = delete;
  BlockSigpipe& operator=(const BlockSigpipe&) = delete;

 private:
  sigset_t pipe_ = {};
  sigset_t before_ = {};
};

// Waits until `socket` is ready for `events`; false at the deadline.
bool WaitFor(int socket, int16_t events, const Deadline& deadline) {
  pollfd entry = {.fd = socket, .events = events, .revents = 0};
  while (true) {
    const int64_t left = absl::ToInt64Milliseconds(deadline.Left());
    if (left <= 0) return false;
    const int ready = poll(&entry, 1, static_cast<int>(std::min<int64_t>(left, 60000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// The error number of the last attempt, 0 when `socket` is connected.
int ConnectWithin(int socket, const addrinfo& address, const Deadline& deadline) {
  if (connect(socket, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!WaitFor(socket, POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

absl::StatusOr<FileDescriptor> Connect(const std::string& host, int port, const Deadline& deadline,
                                       absl::string_view name) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int lookup = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (lookup != 0) return Unreachable(name, gai_strerror(lookup));
  const AddressPtr addresses(found);
  int error = EHOSTUNREACH;
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    FileDescriptor socket(::socket(address->ai_family,
                                   address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                   address->ai_protocol));
    error = socket.get() < 0 ? errno : ConnectWithin(socket.get(), *address, deadline);
    if (error == 0) return socket;
  }
  return Unreachable(name, std::generic_category().message(error));
}

absl::Status Handshake(SSL* tls, int socket, const Deadline& deadline, absl::string_view name) {
  while (true) {
    const int result = SSL_connect(tls);
    if (result == 1) return absl::OkStatus();
    const int want = SSL_get_error(tls, result);
    if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) {
      // A server that asks for a client certificate may end the handshake after showing its own.
      if (SSL_get_peer_cert_chain(tls) != nullptr) {
        static_cast<void>(openssl::TakeErrors());
        return absl::OkStatus();
      }
      return Unreachable(name, absl::StrCat("no TLS handshake: ", openssl::TakeErrors()));
    }
    const int16_t events = want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    if (!WaitFor(socket, events, deadline)) return Unreachable(name, "no TLS handshake in time");
  }
}

absl::StatusOr<TlsPtr> CreateTls(SSL_CTX* context, int socket, const std::string& host) {
  // Nobody is trusted here: the caller compares the chain with a pinned fingerprint.
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  constexpr unsigned char kProtocols[] = {2, 'h', '2'};
  TlsPtr tls(SSL_new(context));
  if (tls == nullptr || SSL_set_alpn_protos(tls.get(), kProtocols, sizeof kProtocols) != 0 ||
      SSL_set_fd(tls.get(), socket) != 1) {
    return openssl::CryptoError("set up TLS");
  }
  // RFC 6066 §3: no literal addresses. SSL_ctrl is what the macro SSL_set_tlsext_host_name calls.
  const AsnOctetsPtr literal(a2i_IPADDRESS(host.c_str()));
  static_cast<void>(openssl::TakeErrors());
  if (literal == nullptr && SSL_ctrl(tls.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                     TLSEXT_NAMETYPE_host_name, std::string(host).data()) != 1) {
    return openssl::CryptoError("set the host name");
  }
  return tls;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FetchPeerChain(const std::string& host, int port,
                                                        absl::Duration timeout) {
  const BlockSigpipe block;
  const Deadline deadline(timeout);
  const std::string name = absl::StrCat(host, ":", port);
  ASSIGN_OR_RETURN(const FileDescriptor socket, Connect(host, port, deadline, name));
  const TlsContextPtr context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return openssl::CryptoError("set up TLS");
  ASSIGN_OR_RETURN(const TlsPtr tls, CreateTls(context.get(), socket.get(), host));
  RETURN_IF_ERROR(Handshake(tls.get(), socket.get(), deadline, name));
  const STACK_OF(X509)* const chain = SSL_get_peer_cert_chain(tls.get());
  std::vector<std::string> certificates;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    ASSIGN_OR_RETURN(std::string pem, openssl::WriteCertificate(sk_X509_value(chain, i)));
    certificates.push_back(std::move(pem));
  }
  if (certificates.empty()) return Unreachable(name, "the peer showed no certificate");
  return certificates;
}

}  // namespace kalavai
