#include "report.hpp"

#include <sys/resource.h>

#include <cmath>

namespace lambda {
namespace {

// Whole microseconds: more digits are noise.
double milliseconds(InvocationReport::Milliseconds duration) {
  return std::round(duration.count() * 1000) / 1000;
}

}  // namespace

nlohmann::json report_fields(const InvocationReport& report, const millrace::JobMetrics& before,
                             const millrace::JobMetrics& now) {
  nlohmann::json fields = {{"requestId", report.request_id},
                           {"status", report.status},
                           {"durationMs", milliseconds(report.duration)},
                           {"invocation", report.invocation},
                           {"bytesIn", report.bytes_in},
                           {"bytesOut", report.bytes_out},
                           {"maxRssKb", max_rss_kb()}};
  if (report.init_duration) fields["initDurationMs"] = milliseconds(*report.init_duration);
  if (!report.error_type.empty()) fields["errorType"] = report.error_type;
  if (!report.error_message.empty()) fields["errorMessage"] = report.error_message;
  fields["pool"] = {{"submitted", now.submitted - before.submitted},
                    {"completed", now.completed - before.completed},
                    {"failed", now.failed - before.failed},
                    {"cancelled", now.cancelled - before.cancelled},
                    {"queueWaitP50Ms", milliseconds(now.queue_wait.p50)},
                    {"queueWaitP99Ms", milliseconds(now.queue_wait.p99)},
                    {"runTimeP50Ms", milliseconds(now.run_time.p50)},
                    {"runTimeP99Ms", milliseconds(now.run_time.p99)},
                    {"active", now.active},
                    {"pending", now.pending}};
  if (const auto items = report.handler.find("items");
      items != report.handler.end() && items->is_number() && report.duration.count() > 0) {
    fields["itemsPerSecond"] = std::round(items->get<double>() / report.duration.count() * 1000);
  }
  // Doesn't replace what is there.
  fields.insert(report.handler.begin(), report.handler.end());
  return fields;
}

std::int64_t max_rss_kb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace lambda
