#include "spi_data.h"

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_path.h"
#include "spi_server.h"

namespace edgesync::transport_http {

DataUpload::DataUpload(TransportHost& host, const HttpRequest& request, std::shared_ptr<HttpResponder> responder)
    : host_(host), request_(request), responder_(std::move(responder)) {}

DataUpload::~DataUpload() = default;

bool DataUpload::refuse(int status, const std::string& reason) {
    responder_->send(plain_answer(status, reason));
    return false;
}

bool DataUpload::start() {
    const auto peer = admit(host_, request_, responder_);
    if (!peer) return false;
    std::vector<std::string> segments;
    try {
        segments = split_path(std::string_view(request_.path).substr(std::string_view("/spi/v1/objects/").size()));
    } catch (const Error& error) {
        return refuse(400, error.what());
    }
    if (segments.front() != peer->org) return refuse(403, "Unauthorized");
    const auto path = parse_object_path(segments);
    if (!path) return refuse(400);
    DataRequest request;
    request.key = path->key;
    request.instance_id = path->instance_id;
    request.data_id = path->data_id;
    if (request_.has_header("Content-Range")) {
        const auto chunk = parse_content_range(request_.header("Content-Range"));
        if (!chunk) return refuse(400, "Invalid Content-Range header");
        request.offset = chunk->begin;
        request.length = chunk->end - chunk->begin;
        request.total = chunk->total;
    }
    receiver_ = host_.receive_data(*peer, request, request_.content_length, codec::sha256_from_digest_field(request_.header("Repr-Digest")),
                                   codec::sha256_from_digest_field(request_.header("Content-Digest")));
    const HandleResult result = receiver_->start();
    return result.verdict == Verdict::Accepted || refuse(status_of(result.verdict), result.reason);
}

bool DataUpload::write(std::span<const std::byte> window) {
    if (receiver_->write(window)) return true;
    finish();  // The receiver knows what went wrong.
    return false;
}

void DataUpload::finish() {
    receiver_->finish(
        [responder = responder_](HandleResult result) { responder->send(plain_answer(status_of(result.verdict), result.reason)); });
}

void DataUpload::abort() noexcept {
    if (receiver_) receiver_->abort();
}

}  // namespace edgesync::transport_http
