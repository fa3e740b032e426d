// A client's connection to a coordinator, and what to say when there is none.
//
//   const auto channel = MakeChannel("coordinator.example:7443", credentials);
//   const auto stub = v1::PredictionService::NewStub(channel);
//   grpc::ClientContext context;
//   SetDeadline(context, kCallTimeout);
//   RETURN_IF_ERROR(CallStatus(stub->CreatePrediction(&context, request, &response), address));
//
// Unary calls: CallUnary (common/rpc/retry.h) does all of that and repeats what may be repeated.
// Keepalive every 30 s while a call is open; compression is off in both directions (an inflated
// message costs a thousand times its size before any limit applies); answers are at most
// kResponseBytesMax (message_limits.h). Thread-safe.
#ifndef KALAVAI_COMMON_RPC_CHANNEL_H_
#define KALAVAI_COMMON_RPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/status.h"

#include "common/base/limits.h"

namespace kalavai {

// Enough for every unary call; streams set their own.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(limits::kCallSeconds);

// `address` is host:port. Connects when first used.
std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials);

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout);

// FromGrpcStatus, and gRPC's own connection failures in words:
//   UNAVAILABLE COORDINATOR_UNREACHABLE    nobody answers at `address`, or the connection broke
//   UNAVAILABLE COORDINATOR_NOT_TRUSTED    the handshake failed: the server's certificate is not
//                                          from our authority or not for this host
//   DEADLINE_EXCEEDED COORDINATOR_UNREACHABLE   no answer in time
absl::Status CallStatus(const grpc::Status& status, absl::string_view address);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_CHANNEL_H_
