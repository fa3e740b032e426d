// The report of a fusion as a Markdown page, also the body of a released model's card. Pure.
#ifndef KALAVAI_COORDINATOR_FUSION_FUSION_PAGE_H_
#define KALAVAI_COORDINATOR_FUSION_FUSION_PAGE_H_

#include <string>

#include "coordinator/fusion/fusion_report.h"

namespace kalavai::coordinator {

std::string FusionPage(const ReportInputs& inputs, const ReportRouter& router,
                       const FusionOutcome& outcome);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_FUSION_FUSION_PAGE_H_
