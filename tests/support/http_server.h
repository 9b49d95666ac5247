#pragma once
// A web server on the loopback address for tests of what fetches. One connection at a time, one
// request per connection.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hourglass {

struct HttpRequest {
  std::string method;
  std::string target;                          // as sent: a path, or a whole address to a proxy
  std::map<std::string, std::string> headers;  // names in lower case
  // The value, "" if there is none.
  std::string Header(const std::string& name) const;
};

struct HttpReply {
  int code = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // What Content-Length says; default: the size of the body, negative: no such header.
  std::optional<int64_t> announced;
  // After the body the connection stays open and silent until the client or the server goes.
  bool hang = false;
};

class HttpServer {
 public:
  // `handler` is called on the server's thread, one request at a time, in order.
  explicit HttpServer(std::function<HttpReply(const HttpRequest&)> handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // "http://127.0.0.1:PORT" and the path.
  std::string Url(const std::string& path) const;
  std::vector<HttpRequest> requests() const;

 private:
  void Serve();
  void Answer(int connection);

  std::function<HttpReply(const HttpRequest&)> handler_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};  // a pipe: closing one end wakes the thread
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::thread thread_;
};

// What a server of files answers: the whole file, or with a Range header (and an If-Range that
// names `etag`, if there is one) the rest from there.
HttpReply ServeBytes(const HttpRequest& request, const std::string& bytes, const std::string& etag);

}  // namespace hourglass
