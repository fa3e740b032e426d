// absl::Status on our side, grpc::Status on the wire, and nothing lost between them.
//
//   server   return ToGrpcStatus(status);               // of every handler, once
//   client   return FromGrpcStatus(stub->Get(&context, request, &response));
//
// An error of MakeError travels as google.rpc.Status with one google.rpc.ErrorInfo in
// grpc-status-details-bin: domain "coordinator.kalavai", its reason, and its metadata with `why`
// and `fix` added under these names. The reader sees the error as the coordinator wrote it.
//
// INTERNAL and UNKNOWN never leave with their text: it goes to the log, the caller gets reason
// INTERNAL and a request id that finds the line. Texts are cut (message 1,024 bytes, why and fix
// 512, metadata 16 entries of 256) because all of them travel in one HTTP/2 header block of 8 KiB,
// and bytes that are not UTF-8 become '?'. Pure functions besides that log line; any thread.
#ifndef KALAVAI_COMMON_RPC_STATUS_CONVERSION_H_
#define KALAVAI_COMMON_RPC_STATUS_CONVERSION_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace kalavai {

inline constexpr char kErrorDomain[] = "coordinator.kalavai";

grpc::Status ToGrpcStatus(const absl::Status& status);

// A status without our details (made by gRPC itself, or by another program) keeps code and message
// and has no reason.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_STATUS_CONVERSION_H_
