// Texts of a request that cannot be sent: protobuf's strings are UTF-8, and a terminal, a script or
// a file gives any bytes. Without this check the library writes lines of its own to standard error
// and the other side refuses the message without saying which field.
//
//   RETURN_IF_ERROR(CheckRequestTexts(request));   // before it is sent
//
// Pure; any thread.
#ifndef KALAVAI_COMMON_RPC_REQUEST_TEXTS_H_
#define KALAVAI_COMMON_RPC_REQUEST_TEXTS_H_

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace kalavai {

// INVALID_ARGUMENT FIELD_INVALID (metadata `field`, "measurement.contributor", and `offset` of the
// first byte that is none) when a string field, at any depth, is not UTF-8.
absl::Status CheckRequestTexts(const google::protobuf::Message& request);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_RPC_REQUEST_TEXTS_H_
