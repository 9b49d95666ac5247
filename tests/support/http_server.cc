#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <utility>

#include "hourglass/base/check.h"

namespace hourglass {
namespace {

// False if `stop` was closed first.
bool WaitForInput(int fd, int stop) {
  pollfd fds[] = {{fd, POLLIN, 0}, {stop, POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0) {
  }
  return fds[1].revents == 0;
}

HttpRequest Parse(const std::string& head) {
  HttpRequest request;
  std::istringstream lines(head);
  lines >> request.method >> request.target;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = line.substr(colon + 2, line.find('\r') - colon - 2);
  }
  return request;
}

std::string Head(const HttpReply& reply) {
  std::ostringstream head;
  head << "HTTP/1.1 " << reply.code << " Reason\r\nConnection: close\r\n";
  for (const auto& [name, value] : reply.headers) head << name << ": " << value << "\r\n";
  const int64_t length = reply.announced.value_or(static_cast<int64_t>(reply.body.size()));
  if (length >= 0) head << "Content-Length: " << length << "\r\n";
  head << "\r\n";
  return head.str();
}

void Send(int connection, const std::string& text) {
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t wrote = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (wrote <= 0) return;  // the client is gone
    sent += static_cast<size_t>(wrote);
  }
}

}  // namespace

std::string HttpRequest::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

HttpServer::HttpServer(std::function<HttpReply(const HttpRequest&)> handler)
    : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  HG_CHECK(listener_ >= 0 && ::bind(listener_, generic, size) == 0);
  HG_CHECK(::listen(listener_, 8) == 0 && ::getsockname(listener_, generic, &size) == 0);
  HG_CHECK(::pipe(stop_) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

HttpServer::~HttpServer() {
  ::close(stop_[1]);
  thread_.join();
  ::close(stop_[0]);
  ::close(listener_);
}

std::string HttpServer::Url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<HttpRequest> HttpServer::requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void HttpServer::Serve() {
  while (WaitForInput(listener_, stop_[0])) {
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    Answer(connection);
    ::close(connection);
  }
}

void HttpServer::Answer(int connection) {
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    char buffer[4096];
    if (!WaitForInput(connection, stop_[0])) return;
    const ssize_t got = ::recv(connection, buffer, sizeof(buffer), 0);
    if (got <= 0) return;
    head.append(buffer, static_cast<size_t>(got));
  }
  const HttpRequest request = Parse(head);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(request);
  }
  const HttpReply reply = handler_(request);
  Send(connection, Head(reply) + reply.body);
  // The client sends nothing more, so this returns when it hangs up.
  if (reply.hang) WaitForInput(connection, stop_[0]);
}

HttpReply ServeBytes(const HttpRequest& request, const std::string& bytes,
                     const std::string& etag) {
  HttpReply reply;
  if (!etag.empty()) reply.headers.emplace_back("ETag", etag);
  const std::string range = request.Header("range"), condition = request.Header("if-range");
  if (range.empty() || (!condition.empty() && condition != etag)) {
    reply.body = bytes;
    return reply;
  }
  const size_t begin = std::stoull(range.substr(std::string("bytes=").size()));
  const std::string total = std::to_string(bytes.size());
  if (begin >= bytes.size()) {
    reply.code = 416;
    reply.headers.emplace_back("Content-Range", "bytes */" + total);
    return reply;
  }
  reply.code = 206;
  reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(begin) + "-" +
                                                  std::to_string(bytes.size() - 1) + "/" + total);
  reply.body = bytes.substr(begin);
  return reply;
}

}  // namespace hourglass
