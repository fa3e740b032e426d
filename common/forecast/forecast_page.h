// Forecasts, matrices and credits as the documented JSON (docs/formats/forecast.md) and as tables
// for a terminal. JSON figures keep full double precision; what there is none of is null. Lists
// follow the order of the matrix. Thread-safe: pure functions.
#ifndef KALAVAI_COMMON_FORECAST_FORECAST_PAGE_H_
#define KALAVAI_COMMON_FORECAST_FORECAST_PAGE_H_

#include <string>

#include "nlohmann/json.hpp"

#include "common/forecast/forecast_file.h"
#include "common/forecast/line.h"
#include "common/forecast/matrix_forecast.h"

namespace kalavai {

// `predict --offline`: {"divergence_percent":{…},…,"verdict","reason"}.
nlohmann::json ForecastJson(const ForecastFile& file, const MatrixForecast& forecast);
std::string ForecastPage(const ForecastFile& file, const MatrixForecast& forecast,
                         const Line& line);

// `matrix`: {"domains":[…],"rows":[{"model","own_domain","losses":[…],"ew"}]}; the base first, the
// fused model last where there is one. The page marks own domains with '*'.
nlohmann::json MatrixJson(const ForecastFile& file);
std::string MatrixPage(const ForecastFile& file);

// `credit`: {"total_nats","total_relative_percent","members":[{"name","own_domain","nats",
// "share_percent","leave_one_out_nats","relative_percent","relative_share_percent",
// "relative_leave_one_out_percent","over_own_percent","over_base_percent"}]}. Shares are null when
// the total is 0.
nlohmann::json CreditJson(const ForecastFile& file);
std::string CreditPage(const ForecastFile& file);

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_FORECAST_PAGE_H_
