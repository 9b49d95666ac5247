#include "experiments/data_sets/http_download.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "experiments/runner/exit_codes.h"
#include "hourglass/base/clock.h"
#include "hourglass/base/status.h"

namespace hourglass {
namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
// How long libcurl may wait before the progress is asked again.
constexpr int kPollMs = 100;
constexpr int64_t kMaxRedirects = 10;
// No server is waited for longer than this between tries, whatever it asks for.
constexpr int64_t kLongestWaitMs = 60'000;

constexpr int64_t kOk = 200, kPartial = 206, kTimeout = 408, kBadRange = 416, kTooMany = 429;

using Easy = std::unique_ptr<CURL, void (*)(CURL*)>;
using Multi = std::unique_ptr<CURLM, CURLMcode (*)(CURLM*)>;
using List = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

// Whether a failed try is worth another one: always, if this call has received data before, never.
enum class Again { kNo, kIfReceived, kYes };

// How one try ended.
struct Outcome {
  absl::Status status;
  Again again = Again::kNo;
  int64_t wait_ms = 0;  // what the server asked for
};

// One request, appended to the part.
class Request {
 public:
  Request(const std::string& url, int64_t expected_bytes, const DownloadSettings& settings,
          const DownloadProgress& progress, PartFile& part)
      : url_(url),
        expected_(expected_bytes),
        settings_(settings),
        progress_(progress),
        part_(part),
        offset_(part.url() == url && !part.version().empty() ? part.size() : 0) {}

  Outcome Perform() {
    if (!easy_ || !multi_) return {absl::ResourceExhaustedError("libcurl: no memory")};
    Configure();
    curl_multi_add_handle(multi_.get(), easy_.get());
    const CURLcode code = Transfer();
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return Judge(code);
  }

  int64_t Received() const { return received_; }

 private:
  void Configure() {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kMaxRedirects);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "hourglass");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, settings_.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_.data());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Request::OnBytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    if (offset_ == 0) return;
    // Not CURLOPT_RESUME_FROM: with that libcurl fails when the server sends the whole file.
    curl_easy_setopt(easy, CURLOPT_RANGE, absl::StrCat(offset_, "-").c_str());
    headers_.reset(curl_slist_append(nullptr, absl::StrCat("If-Range: ", part_.version()).c_str()));
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  }

  // Runs until the end, or until stopped_ or stalled_.
  CURLcode Transfer() {
    last_byte_ = MonotonicNanos();
    for (int running = 1;;) {
      curl_multi_perform(multi_.get(), &running);
      if (running == 0) break;
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMs, nullptr);
      stopped_ = progress_ && !progress_(part_.size(), expected_);
      stalled_ = MonotonicNanos() - last_byte_ > settings_.stall_timeout_ms * kNanosPerMilli;
      if (stopped_ || stalled_) return CURLE_OK;
    }
    int left = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &left);
    return message == nullptr ? CURLE_OK : message->data.result;
  }

  static size_t OnBytes(char* data, size_t /*one*/, size_t count, void* request) {
    return static_cast<Request*>(request)->Take({data, count}) ? count : 0;
  }

  bool Take(std::string_view bytes) {
    last_byte_ = MonotonicNanos();
    if (!begun_) status_ = Begin();
    if (!status_.ok() || !is_file_) return false;
    if (part_.size() + static_cast<int64_t>(bytes.size()) > expected_) {
      status_ = absl::DataLossError(
          absl::StrCat(url_, ": sends more than the ", expected_, " bytes expected"));
      return false;
    }
    received_ += static_cast<int64_t>(bytes.size());
    status_ = part_.Append(bytes);
    return status_.ok();
  }

  // Decides by the answer's head whether its body continues the part, replaces it, or is no file.
  absl::Status Begin() {
    begun_ = true;
    const int64_t code = Code();
    is_file_ = code == kOk || (code == kPartial && offset_ > 0);
    if (!is_file_) return absl::OkStatus();
    const int64_t total = code == kOk ? ContentLength() : TotalOfRange();
    if (code == kPartial && total < 0) {
      is_file_ = false;
      return absl::OkStatus();
    }
    if (total >= 0 && total != expected_) {
      return absl::DataLossError(
          absl::StrCat(url_, ": offers ", total, " bytes instead of ", expected_));
    }
    return code == kOk ? part_.Restart(url_, Version()) : absl::OkStatus();
  }

  Outcome Judge(CURLcode code) {
    if (stopped_) return {absl::CancelledError(absl::StrCat(url_, ": stopped"))};
    if (stalled_) {
      return {Unavailable(absl::StrCat(
                  "no byte for ", static_cast<double>(settings_.stall_timeout_ms) / 1000, " s")),
              Again::kYes};
    }
    if (code == CURLE_OK && !begun_) status_ = Begin();
    if (!status_.ok()) return {status_};
    if (begun_ && !is_file_) return JudgeAnswer();
    if (code == CURLE_OK) {
      if (part_.size() == expected_) return {};
      // Without a Content-Length a body that breaks off looks whole.
      return {Unavailable("the file ended early"), Again::kYes};
    }
    const std::string reason = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT) {
      return {UsageError(absl::StrCat(url_, ": ", reason, "; give an http or https address"))};
    }
    return {Unavailable(reason), IsNoConnection(code) ? Again::kIfReceived : Again::kYes};
  }

  // The network, or an address that does not exist: waiting will not bring it.
  static bool IsNoConnection(CURLcode code) {
    switch (code) {
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_RESOLVE_HOST:
      case CURLE_COULDNT_CONNECT:
      case CURLE_OPERATION_TIMEDOUT:
      case CURLE_SSL_CONNECT_ERROR:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_TOO_MANY_REDIRECTS:
        return true;
      default:
        return false;
    }
  }

  Outcome JudgeAnswer() {
    const int64_t code = Code();
    const absl::Status status = Unavailable(absl::StrCat("the server answers with code ", code));
    if (code == kPartial || code == kBadRange) {
      // The server's idea of the file is not ours: the next try asks for all of it.
      const absl::Status restarted = part_.Restart(url_, "");
      return restarted.ok() ? Outcome{status, Again::kYes} : Outcome{restarted};
    }
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &seconds);
    const bool passing = code == kTimeout || code == kTooMany || code >= 500;
    return {status, passing ? Again::kYes : Again::kNo,
            std::min<int64_t>(kLongestWaitMs, seconds * 1000)};
  }

  absl::Status Unavailable(const std::string& reason) const {
    return absl::UnavailableError(absl::StrCat(url_, ": ", reason));
  }

  int64_t Code() const {
    int64_t code = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  int64_t ContentLength() const {
    curl_off_t length = -1;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length;
  }

  std::string Header(const char* name) const {
    curl_header* header = nullptr;
    const CURLHcode code = curl_easy_header(easy_.get(), name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : "";
  }

  // T of "Content-Range: bytes OFFSET-LAST/T"; -1 if the answer begins elsewhere.
  int64_t TotalOfRange() const {
    const std::string range = Header("Content-Range");
    const size_t slash = range.find('/');
    const std::string begin = absl::StrCat("bytes ", offset_, "-");
    int64_t total = -1;
    if (slash == std::string::npos || range.rfind(begin, 0) != 0 ||
        !absl::SimpleAtoi(range.substr(slash + 1), &total)) {
      return -1;
    }
    return total;
  }

  // What a later request can be conditional on: RFC 9110 allows no weak ETag there.
  std::string Version() const {
    const std::string tag = Header("ETag");
    return !tag.empty() && tag.rfind("W/", 0) != 0 ? tag : Header("Last-Modified");
  }

  const std::string& url_;
  const int64_t expected_;
  const DownloadSettings& settings_;
  const DownloadProgress& progress_;
  PartFile& part_;
  const int64_t offset_;  // where the request starts
  const Easy easy_{curl_easy_init(), curl_easy_cleanup};
  const Multi multi_{curl_multi_init(), curl_multi_cleanup};
  List headers_{nullptr, curl_slist_free_all};
  std::array<char, CURL_ERROR_SIZE> error_ = {};
  bool begun_ = false;    // the head of the last answer has been judged
  bool is_file_ = false;  // ... and its body belongs to the part
  int64_t received_ = 0;
  bool stopped_ = false, stalled_ = false;
  int64_t last_byte_ = 0;
  absl::Status status_;  // of the part
};

// False if the progress asked for the end meanwhile.
bool Wait(int64_t milliseconds, const DownloadProgress& progress, const PartFile& part,
          int64_t total) {
  const int64_t end = MonotonicNanos() + milliseconds * kNanosPerMilli;
  while (true) {
    if (progress && !progress(part.size(), total)) return false;
    const int64_t left = (end - MonotonicNanos()) / kNanosPerMilli;
    if (left <= 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(left, kPollMs)));
  }
}

}  // namespace

absl::StatusOr<int64_t> Download(const std::string& url, int64_t expected_bytes,
                                 const DownloadSettings& settings, const DownloadProgress& progress,
                                 PartFile& part) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) return absl::InternalError("libcurl cannot start");
  int64_t received = 0;
  int64_t furthest = part.size();
  int64_t wait_ms = settings.first_wait_ms;
  for (int in_vain = 0; part.size() != expected_bytes;) {
    Request request(url, expected_bytes, settings, progress, part);
    const Outcome outcome = request.Perform();
    received += request.Received();
    if (outcome.status.ok()) break;
    ++in_vain;
    if (part.size() > furthest) {
      furthest = part.size();
      in_vain = 0;
      wait_ms = settings.first_wait_ms;
    }
    const bool again =
        outcome.again == Again::kYes || (outcome.again == Again::kIfReceived && received > 0);
    if (!again || in_vain >= settings.attempts) return outcome.status;
    if (!Wait(std::max(wait_ms, outcome.wait_ms), progress, part, expected_bytes)) {
      return absl::CancelledError(absl::StrCat(url, ": stopped"));
    }
    wait_ms = std::min(kLongestWaitMs, 2 * wait_ms);
  }
  HG_RETURN_IF_ERROR(part.Sync());
  return received;
}

}  // namespace hourglass
