// How administrator's commands reach the coordinator: the certificate in DATA/administrator (or a
// copy of that folder elsewhere) and an address.
//
//   struct Flags { AdminFlags admin; … };
//   configure: AddAdminFlags(app, flags->admin);
//   run:       ASSIGN_OR_RETURN(const AdminConnection connection, Connect(flags->admin));
//              const auto stub = v1::CooperativeAdmin::NewStub(connection.channel);
//              ASSIGN_OR_RETURN(auto c, CallUnary(connection.address, *stub, &Stub::…, request));
//
// Errors: DATA_DIRECTORY_INVALID when the folder holds no administrator's files; USAGE when neither
// --server nor a recorded address is there. Values; any thread.
#ifndef KALAVAI_COORDINATOR_ADMIN_ADMIN_CONNECTION_H_
#define KALAVAI_COORDINATOR_ADMIN_ADMIN_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"

#include "common/base/limits.h"

namespace CLI {
class App;
}

namespace kalavai::coordinator {

struct AdminFlags {
  std::string data = "kalavai-data";
  std::string administrator;  // a copy of DATA/administrator; "" = that of `data`
  std::string server;         // host:port; "" = where the server of `data` listens
};

void AddAdminFlags(CLI::App& app, AdminFlags& flags);

struct AdminConnection {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
};
absl::StatusOr<AdminConnection> Connect(const AdminFlags& flags);

// Adds the required option --cooperative.
void AddCooperativeFlag(CLI::App& app, std::string& cooperative);

// The same, not required, for commands that can read a file instead (--offline); and the rule that
// one of the two must be there (USAGE).
void AddOptionalCooperativeFlag(CLI::App& app, std::string& cooperative);
absl::Status RequireCooperativeOrFile(const std::string& cooperative);

// Long work of the server, such as importing a base.
inline constexpr absl::Duration kLongCallTimeout = absl::Seconds(limits::kLongCallSeconds);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_ADMIN_CONNECTION_H_
