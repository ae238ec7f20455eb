#include "spi_data.h"

#include <openssl/evp.h>

#include <algorithm>

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "spi_answer.h"

namespace edgesync::transport_http {
namespace {

std::string sha256_of(const std::string& octets) {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    if (EVP_Digest(octets.data(), octets.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr) != 1)
        throw Error(ErrorKind::Internal, "SHA-256 is not available");
    digest.resize(size);
    return digest;
}

std::string read_part(BlobReader& reader, std::int64_t offset, std::int64_t length) {
    std::string part(static_cast<std::size_t>(length), '\0');
    std::size_t filled = 0;
    while (filled < part.size()) {
        const std::size_t count =
            reader.read(offset + static_cast<std::int64_t>(filled), std::as_writable_bytes(std::span(part)).subspan(filled));
        if (count == 0) throw Error(ErrorKind::Io, "The stored data ends before its size");
        filled += count;
    }
    return part;
}

}  // namespace

void send_data(TransportHost& host, const HttpRequest& request, const NodeKey& peer, const ObjectPath& path, HttpResponder& responder) {
    OpenedData opened = host.open_data(peer, path.key, path.instance_id, path.data_id);
    if (opened.verdict != Verdict::Accepted) return responder.send(plain_answer(status_of(opened.verdict), opened.reason));
    const std::int64_t size = opened.reader->size();
    RequestedRange range{0, size};
    if (request.has_header("Range")) {
        const auto wanted = parse_range(request.header("Range"), size);
        if (!wanted) return responder.send(plain_answer(400, "Invalid Range header"));
        // Not 416: traditional nodes know only this answer for data that is not there.
        if (wanted->begin >= wanted->end) return responder.send(plain_answer(404));
        range = *wanted;
    }
    HttpResponse response;
    response.content_type = "application/octet-stream";
    if (!opened.sha256.empty()) response.headers.push_back({"Repr-Digest", codec::to_digest_field(opened.sha256)});
    const std::int64_t length = range.end - range.begin;
    if (length != size) {
        response.status = 206;
        response.headers.push_back(
            {"Content-Range", "bytes " + std::to_string(range.begin) + "-" + std::to_string(range.end - 1) + "/" + std::to_string(size)});
        if (length <= kSmallPart) {
            response.body = read_part(*opened.reader, range.begin, length);
            response.headers.push_back({"Content-Digest", codec::to_digest_field(sha256_of(response.body))});
            return responder.send(std::move(response));
        }
    }
    response.blob = std::move(opened.reader);
    response.blob_offset = range.begin;
    response.blob_length = length;
    responder.send(std::move(response));
}

DataUpload::DataUpload(TransportHost& host, const HttpRequest& request, std::shared_ptr<HttpResponder> responder)
    : host_(host), request_(request), responder_(std::move(responder)) {}

DataUpload::~DataUpload() = default;

bool DataUpload::refuse(int status, const std::string& reason) {
    responder_->send(plain_answer(status, reason));
    return false;
}

bool DataUpload::start() {
    try {
        const auto peer = admit(host_, request_, *responder_);
        if (!peer) return false;
        const auto path = object_path_of(request_.path);
        if (!path) return refuse(400);
        if (path->key.org != peer->org) return refuse(403, "Unauthorized");
        DataRequest request;
        request.key = path->key;
        request.instance_id = path->instance_id;
        request.data_id = path->data_id;
        if (request_.has_header("Content-Range")) {
            const auto chunk = parse_content_range(request_.header("Content-Range"));
            if (!chunk) return refuse(400, "Invalid Content-Range header");
            if (chunk->total > kLargestData) return refuse(413, "Data of " + std::to_string(chunk->total) + " bytes cannot be stored");
            request.offset = chunk->begin;
            request.length = chunk->end - chunk->begin;
            request.total = chunk->total;
            wanted_ = request.length;
        }
        receiver_ =
            host_.receive_data(*peer, request, request_.content_length, codec::sha256_from_digest_field(request_.header("Repr-Digest")),
                               codec::sha256_from_digest_field(request_.header("Content-Digest")));
        const HandleResult result = receiver_->start();
        return result.verdict == Verdict::Accepted || refuse(status_of(result.verdict), result.reason);
    } catch (const Error& error) {
        return refuse(status_of(error.kind()), error.what());
    }
}

bool DataUpload::write(std::span<const std::byte> window) {
    if (wanted_ >= 0) {
        // Traditional nodes pad their last chunk with zeros to the full chunk size.
        window = window.first(std::min(window.size(), static_cast<std::size_t>(wanted_)));
        wanted_ -= static_cast<std::int64_t>(window.size());
        if (window.empty()) return true;
    }
    if (receiver_->write(window)) return true;
    complete();  // The receiver knows what went wrong.
    return false;
}

void DataUpload::finish() {
    if (wanted_ > 0) {
        receiver_->abort();
        refuse(500, "The body is " + std::to_string(wanted_) + " bytes shorter than its Content-Range");
        return;
    }
    complete();
}

void DataUpload::complete() {
    receiver_->finish(
        [responder = responder_](HandleResult result) { responder->send(plain_answer(status_of(result.verdict), result.reason)); });
}

void DataUpload::abort() noexcept {
    if (receiver_) receiver_->abort();
}

}  // namespace edgesync::transport_http
