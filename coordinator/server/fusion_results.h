// What predictions may know of finished fusions: the seam between phase 4 and phase 5.
#ifndef KALAVAI_COORDINATOR_SERVER_FUSION_RESULTS_H_
#define KALAVAI_COORDINATOR_SERVER_FUSION_RESULTS_H_

#include "coordinator/fusion/fusion_store.h"
#include "coordinator/prediction/prediction_service.h"

namespace kalavai::coordinator {

// Functions over `fusions`, which outlives them. The oracle and its interval are those that the
// newest succeeded fusion bootstrapped over its probe chunks and wrote into its report.
FusionResults ResultsOf(const FusionStore& fusions);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_FUSION_RESULTS_H_
