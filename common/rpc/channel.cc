#include "common/rpc/channel.h"

#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/support/channel_arguments.h"

#include "common/base/errors.h"
#include "common/base/limits.h"
#include "common/rpc/message_limits.h"
#include "common/rpc/status_conversion.h"

namespace kalavai {
namespace {

// gRPC has no code for a failed handshake; its message is all there is.
bool IsHandshakeFailure(absl::string_view message) {
  const std::string lower = absl::AsciiStrToLower(message);
  return absl::StrContains(lower, "handshake failed") ||
         absl::StrContains(lower, "certificate verify failed") ||
         absl::StrContains(lower, "peer name") || absl::StrContains(lower, "hostname verification");
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   static_cast<int>(limits::kClientKeepaliveSeconds * 1000));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(limits::kClientKeepaliveTimeoutSeconds * 1000));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   static_cast<int>(limits::kReconnectSecondsMax * 1000));
  // Bit 0 is "identity": replies may not be compressed.
  arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
  // A proxy from the environment would see which coordinator a site talks to.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Each channel connects by itself: two identities in one process must never share a connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kResponseBytesMax));
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(timeout));
}

absl::Status CallStatus(const grpc::Status& status, absl::string_view address) {
  const absl::Status plain = FromGrpcStatus(status);
  if (plain.ok() || !GetErrorReason(plain).empty()) return plain;
  const std::string where(address);
  if (plain.code() == absl::StatusCode::kUnavailable && IsHandshakeFailure(plain.message())) {
    return MakeError(
        absl::StatusCode::kUnavailable, "COORDINATOR_NOT_TRUSTED",
        {.what = absl::StrCat("no secure connection to ", address, ": ", plain.message()),
         .why = "the server must show a certificate of this cooperative's authority for this host",
         .fix = "check the address; if it is right, do not go on: ask the launcher over another "
                "channel",
         .metadata = {{"address", where}}});
  }
  if (plain.code() == absl::StatusCode::kUnavailable ||
      plain.code() == absl::StatusCode::kDeadlineExceeded) {
    return MakeError(
        plain.code(), "COORDINATOR_UNREACHABLE",
        {.what = absl::StrCat("no answer from the coordinator at ", address, ": ", plain.message()),
         .fix = "check that 'kalavai-coordinator serve' runs there and that the address is right, "
                "then repeat the command",
         .metadata = {{"address", where}}});
  }
  return plain;
}

}  // namespace kalavai
