#include "coordinator/server/listener.h"

#include <cerrno>
#include <chrono>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"
#include <netdb.h>
#include <sys/socket.h>

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/storage/file_descriptor.h"

namespace kalavai::coordinator {
namespace {

constexpr int kPortMax = 65535;

absl::Status AddressError(absl::string_view flag, absl::string_view address, std::string what) {
  return MakeError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID",
                   {.what = absl::StrCat(flag, " ", address, ": ", what),
                    .fix = "pass HOST:PORT of this machine, e.g. 127.0.0.1:7443 or 0.0.0.0:7443",
                    .metadata = {{"field", std::string(flag)}}});
}

// gRPC only says that it could not bind; a plain socket says why.
absl::Status WhyNotBound(const Listener::Options& options) {
  ASSIGN_OR_RETURN(const HostPort parts, SplitHostPort(options.address, options.flag));
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = absl::StrCat(parts.port);
  const int error = getaddrinfo(parts.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return AddressError(options.flag, options.address,
                        absl::StrCat("host not found: ", gai_strerror(error)));
  }
  int bind_error = 0;
  for (const addrinfo* i = found; i != nullptr; i = i->ai_next) {
    const FileDescriptor socket_(socket(i->ai_family, i->ai_socktype | SOCK_CLOEXEC, 0));
    const int yes = 1;
    setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(socket_.get(), i->ai_addr, i->ai_addrlen) != 0 || listen(socket_.get(), 1) != 0) {
      bind_error = errno;
      break;
    }
  }
  freeaddrinfo(found);
  if (bind_error == EADDRINUSE) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition, "PORT_IN_USE",
        {.what = absl::StrCat(options.flag, " ", options.address, ": in use; must be free"),
         .why = "two servers on one port would each see some of the calls",
         .fix = absl::StrCat("stop the other process, or choose another port with ", options.flag),
         .metadata = {{"address", options.address}}});
  }
  if (bind_error != 0) {
    return AddressError(options.flag, options.address, strerror(bind_error));
  }
  return MakeError(
      absl::StatusCode::kUnavailable, "IO_ERROR",
      {.what = absl::StrCat(options.flag, " ", options.address, ": the listener did not start"),
       .fix = "check the certificates in DATA/keys, then try again"});
}

}  // namespace

absl::StatusOr<HostPort> SplitHostPort(const std::string& address, const std::string& flag) {
  const size_t colon = address.rfind(':');
  HostPort parts;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &parts.port) || parts.port < 0 ||
      parts.port > kPortMax) {
    return AddressError(flag, address, "must be HOST:PORT with a port from 0 to 65535");
  }
  absl::string_view host = absl::string_view(address).substr(0, colon);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  parts.host = std::string(host);
  return parts;
}

std::string JoinHostPort(const std::string& host, int port) {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(const Options& options) {
  RETURN_IF_ERROR(SplitHostPort(options.address, options.flag).status());
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             static_cast<int>(limits::kHandshakeSeconds * 1000));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(limits::kStreamsPerConnectionMax));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(limits::kServerKeepaliveSeconds * 1000));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(limits::kServerPingIntervalSeconds * 1000));
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
  for (grpc::Service* service : options.services) builder.RegisterService(service);
  if (options.metrics != nullptr) {
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> factories;
    factories.push_back(options.metrics->MakeFactory());
    builder.experimental().SetInterceptorCreators(std::move(factories));
  }
  // gRPC keeps this switch for the process; builders read it when they build.
  grpc::EnableDefaultHealthCheckService(options.health);
  int port = 0;
  builder.AddListeningPort(options.address, options.credentials, &port);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return WhyNotBound(options);
  std::unique_ptr<Listener> listener(new Listener(std::move(server), port));
  listener->SetServing(false);
  return listener;
}

Listener::~Listener() { Stop(absl::ZeroDuration()); }

void Listener::SetServing(bool serving) {
  if (server_ == nullptr || server_->GetHealthCheckService() == nullptr) return;
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

void Listener::Stop(absl::Duration drain) {
  if (server_ == nullptr) return;
  if (server_->GetHealthCheckService() != nullptr) server_->GetHealthCheckService()->Shutdown();
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(drain));
  server_->Wait();
  server_.reset();
}

}  // namespace kalavai::coordinator
