// One gRPC listener: bound, limited, started and drained. Two of these make the coordinator.
//
// An address in use is an error, never shared (no SO_REUSEPORT: two servers on one port would each
// see some of the calls). Handshakes end after limits::kHandshakeSeconds, dead peers are found by
// keepalive, compressed messages are refused, and larger messages than Options::message_bytes_max
// end the call while they are read. A listener with uploads takes their size; CheckMessageSize
// (coordinator/caller_identity.h) holds its other methods to less.
#ifndef KALAVAI_COORDINATOR_SERVER_LISTENER_H_
#define KALAVAI_COORDINATOR_SERVER_LISTENER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"

#include "common/base/limits.h"
#include "coordinator/server/rpc_metrics.h"

namespace kalavai::coordinator {

class Listener {
 public:
  struct Options {
    std::string address;  // host:port; port 0 = any free one
    std::shared_ptr<grpc::ServerCredentials> credentials;
    std::vector<grpc::Service*> services;  // borrowed
    std::string flag;                      // "--listen": named in errors
    const RpcMetrics* metrics = nullptr;   // counts the calls; borrowed
    int64_t message_bytes_max = limits::kMessageBytesMax;
    // Answers grpc.health.v1.Health too: NOT_SERVING until SetServing(true).
    bool health = false;
  };

  // Errors: FAILED_PRECONDITION PORT_IN_USE; INVALID_ARGUMENT FIELD_INVALID (no address of this
  // machine, no port); UNAVAILABLE IO_ERROR.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(const Options& options);
  ~Listener();  // Stop(ZeroDuration)

  int port() const { return port_; }

  // What grpc.health.v1.Health says of the server as a whole (service "") from now on.
  void SetServing(bool serving);

  // Says NOT_SERVING first, so that balancers turn away. Refuses new calls, waits up to `drain` for
  // open ones, cancels the rest. Idempotent.
  void Stop(absl::Duration drain);

 private:
  Listener(std::unique_ptr<grpc::Server> server, int port)
      : server_(std::move(server)), port_(port) {}

  std::unique_ptr<grpc::Server> server_;
  const int port_;
};

// "host:port" or "[v6]:port" split; FIELD_INVALID naming `flag`.
struct HostPort {
  std::string host;
  int port = 0;
};
absl::StatusOr<HostPort> SplitHostPort(const std::string& address, const std::string& flag);
std::string JoinHostPort(const std::string& host, int port);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_LISTENER_H_
