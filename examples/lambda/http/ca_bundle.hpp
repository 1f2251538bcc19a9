#pragma once

#include <functional>
#include <string>

namespace lambda {

/// The PEM file of the certificate authorities to trust: what `AWS_CA_BUNDLE` names, else
/// `SSL_CERT_FILE`, else the first that is there of the places where Linux distributions keep
/// theirs: a libcurl that came along with the function looks only where its own distribution does.
/// Empty if there is none.
///
/// `environment` is like std::getenv. **Runs on**: the calling thread; looks at the file system.
[[nodiscard]] std::string ca_bundle(const std::function<const char*(const char*)>& environment);

}  // namespace lambda
