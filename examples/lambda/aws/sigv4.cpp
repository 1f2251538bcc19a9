#include "aws/sigv4.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "aws/digest.hpp"
#include "aws/uri.hpp"

namespace lambda::aws {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Without spaces at the ends, and one where there were several.
std::string folded(std::string_view value) {
  std::string result;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && (result.empty() || result.back() == ' ')) continue;
    result += blank ? ' ' : c;
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

// Empty segments and dots resolved, as every service but S3 does before it checks.
std::string normalised(std::string_view path) {
  std::vector<std::string_view> segments;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    begin = end + 1;
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string result;
  for (const auto segment : segments) result += '/' + std::string{segment};
  if (result.empty() || path.ends_with('/')) result += '/';
  return result;
}

}  // namespace

HttpHeaders signature_headers(const UnsignedRequest& request, const Credentials& credentials,
                              const SigningScope& scope, TimePoint time) {
  const bool for_s3 = scope.service == "s3";
  const std::string date_time = amz_date(time);
  const std::string date = date_time.substr(0, 8);

  HttpHeaders added{{"x-amz-date", date_time}};
  if (for_s3) added.add("x-amz-content-sha256", request.payload_sha256);
  if (!credentials.session_token.empty()) {
    added.add("x-amz-security-token", credentials.session_token);
  }

  std::map<std::string, std::string> fields{{"host", request.host}};
  for (const auto* headers : {&request.headers, static_cast<const HttpHeaders*>(&added)}) {
    for (const auto& [name, value] : *headers) {
      auto& field = fields[lower_case(name)];
      field += (field.empty() ? "" : ",") + folded(value);
    }
  }
  std::string canonical_headers;
  std::string names;
  for (const auto& [name, value] : fields) {
    canonical_headers += name + ':' + value + '\n';
    names += (names.empty() ? "" : ";") + name;
  }

  const std::string path = for_s3 ? request.path : path_encoded(normalised(request.path));
  const std::string canonical_request = request.method + '\n' + path + '\n' + request.query + '\n' +
                                        canonical_headers + '\n' + names + '\n' +
                                        request.payload_sha256;
  const std::string scope_text = date + '/' + scope.region + '/' + scope.service + "/aws4_request";
  const std::string to_sign = std::string{algorithm} + '\n' + date_time + '\n' + scope_text + '\n' +
                              sha256_hex(canonical_request);

  std::string key = "AWS4" + credentials.secret_access_key;
  for (const std::string_view part :
       {std::string_view{date}, std::string_view{scope.region}, std::string_view{scope.service},
        std::string_view{"aws4_request"}}) {
    key = hmac_sha256(key, part);
  }
  added.add("Authorization", std::string{algorithm} + " Credential=" + credentials.access_key_id +
                                 '/' + scope_text + ", SignedHeaders=" + names +
                                 ", Signature=" + hex(hmac_sha256(key, to_sign)));
  return added;
}

}  // namespace lambda::aws
