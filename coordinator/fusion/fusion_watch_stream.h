// The reactor of one WatchFusion stream: writes the fusion now, then after every change, until its
// state is final or the caller goes away. Deletes itself when gRPC is done with it.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_WATCH_STREAM_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_WATCH_STREAM_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"

#include "coordinator/caller_identity.h"
#include "coordinator/fusion/fusion_store.h"
#include "coordinator/fusion/fusion_watch.h"
#include "kalavai/v1/fusion.pb.h"

namespace kalavai::coordinator {

// Checks the caller and starts the stream; an error ends it at once.
grpc::ServerWriteReactor<v1::Fusion>* StartFusionWatch(const grpc::CallbackServerContext& context,
                                                       const CallerResolver& resolver,
                                                       const FusionStore& fusions,
                                                       FusionWatch& watch,
                                                       const v1::GetFusionRequest& request);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_WATCH_STREAM_H_
