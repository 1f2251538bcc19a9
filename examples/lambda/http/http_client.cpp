#include "http/http_client.hpp"

#include <utility>

#include "http/multi.hpp"
#include "http/transfer.hpp"

namespace lambda {

HttpClient::HttpClient(asio::any_io_executor executor, HttpClientConfig config)
    : multi_(std::make_shared<Multi>(std::move(executor), config)) {}

HttpClient::~HttpClient() {
  multi_->close();
}

asio::awaitable<HttpResponse> HttpClient::send(HttpRequest request) {
  // The shared_ptr, not `this`: the frame may be destroyed after the client.
  Transfer transfer(multi_, std::move(request));
  co_return co_await transfer.run();
}

}  // namespace lambda
