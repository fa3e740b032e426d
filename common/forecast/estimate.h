// A forecast gain in percent with its interval: no point is shown without one (design §2).
#ifndef KALAVAI_COMMON_FORECAST_ESTIMATE_H_
#define KALAVAI_COMMON_FORECAST_ESTIMATE_H_

namespace kalavai {

struct Interval {
  double low = 0;
  double high = 0;
};

struct Estimate {
  double gain_percent = 0;  // over the best single specialist, equal weight over domains
  Interval interval = {};   // 95 % unless asked otherwise, percent
};

}  // namespace kalavai

#endif  // KALAVAI_COMMON_FORECAST_ESTIMATE_H_
