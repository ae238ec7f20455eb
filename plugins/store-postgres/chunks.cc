#include "chunks.h"

#include <algorithm>
#include <cstring>

#include "edgesync/sdk/key.h"
#include "sql_text.h"

namespace edgesync::postgres {
namespace {

constexpr std::size_t kMostGathered = 8;

}  // namespace

std::shared_ptr<const std::string> ChunkSource::fetch(std::int64_t number, bool may_keep) {
    if (may_keep) {
        const std::lock_guard lock(mutex_);
        if (number == last_number_) return last_;
    }
    const std::string id = blob_key(id_);
    auto connection = pool_->take();
    const Rows rows = connection->run(Call("chunk").octets(id).number(number).str());
    if (rows.empty() && connection->run("SELECT 1 FROM octets WHERE id = '\\x" + to_hex(id) + "'").empty())
        throw Error(ErrorKind::Io, "The data was removed from the database while it was read");
    auto octets = std::make_shared<const std::string>(rows.empty() ? std::string() : octets_of(rows[0][0]));
    const std::lock_guard lock(mutex_);
    if (may_keep) {
        last_number_ = number;
        last_ = octets;
    }
    return octets;
}

std::size_t ChunkSource::read(std::int64_t offset, std::span<std::byte> out, std::int64_t size, bool may_keep) {
    if (offset < 0 || offset >= size) return 0;
    const auto count = std::min(out.size(), static_cast<std::size_t>(size - offset));
    for (std::size_t done = 0; done < count;) {
        const std::int64_t at = offset + static_cast<std::int64_t>(done);
        const auto place = static_cast<std::size_t>(at % kChunk);
        const std::size_t wanted = std::min(count - done, static_cast<std::size_t>(kChunk) - place);
        const auto octets = fetch(at / kChunk, may_keep);
        const std::size_t present = octets->size() > place ? std::min(wanted, octets->size() - place) : 0;
        if (present > 0) std::memcpy(out.data() + done, octets->data() + place, present);
        std::memset(out.data() + done + present, 0, wanted - present);
        done += wanted;
    }
    return count;
}

void ChunkWriter::gather(std::int64_t number, std::int64_t place, std::string_view octets) {
    Pieces& pieces = gathered_[number];
    std::int64_t begin = place;
    std::string merged(octets);
    for (auto it = pieces.begin(); it != pieces.end();) {
        const std::int64_t end = begin + static_cast<std::int64_t>(merged.size());
        const std::int64_t other_end = it->first + static_cast<std::int64_t>(it->second.size());
        if (it->first > end || other_end < begin) {
            ++it;
            continue;
        }
        // What is written last wins where both have octets.
        if (it->first < begin) {
            merged.insert(0, it->second, 0, static_cast<std::size_t>(begin - it->first));
            begin = it->first;
        }
        if (other_end > end) merged.append(it->second, static_cast<std::size_t>(end - it->first));
        it = pieces.erase(it);
    }
    pieces.emplace(begin, std::move(merged));
}

void ChunkWriter::write(std::int64_t offset, std::span<const std::byte> octets) {
    const auto length = static_cast<std::int64_t>(octets.size());
    if (offset < 0 || offset > INT64_MAX - length)
        throw Error(ErrorKind::InvalidRequest, "A blob cannot be written at offset " + std::to_string(offset));
    if (is_sealed_) refuse_sealed();
    {
        const std::lock_guard lock(mutex_);
        if (failure_) std::rethrow_exception(failure_);
        for (std::int64_t done = 0; done < length;) {
            const std::int64_t place = (offset + done) % kChunk;
            const std::int64_t count = std::min(length - done, kChunk - place);
            gather((offset + done) / kChunk, place, {reinterpret_cast<const char*>(octets.data()) + done, static_cast<std::size_t>(count)});
            done += count;
        }
        if (length > 0) extent_ = std::max(extent_, offset + length);
    }
    store_some(false);
}

bool ChunkWriter::take(bool wants_any, std::int64_t& number, Pieces& pieces) {
    const auto is_complete = [](const auto& row) { return row.second.begin()->second.size() == static_cast<std::size_t>(kChunk); };
    auto found = std::find_if(gathered_.begin(), gathered_.end(), is_complete);
    if (found == gathered_.end() && (wants_any || gathered_.size() > kMostGathered)) found = gathered_.begin();
    if (found == gathered_.end()) return false;
    number = found->first;
    pieces = std::move(found->second);
    gathered_.erase(found);
    ++storing_;
    return true;
}

void ChunkWriter::store_some(bool wants_all) {
    std::unique_lock lock(mutex_);
    std::int64_t number = 0;
    Pieces pieces;
    while (take(wants_all, number, pieces)) {
        lock.unlock();
        std::exception_ptr failure;
        try {
            store(number, pieces);
        } catch (...) {
            failure = std::current_exception();
        }
        lock.lock();
        --storing_;
        if (failure && !failure_) failure_ = failure;
        stored_.notify_all();
        if (failure_) std::rethrow_exception(failure_);
    }
}

void ChunkWriter::store(std::int64_t number, const Pieces& pieces) {
    auto connection = pool_->take();
    for (const auto& [place, octets] : pieces) {
        const Rows stored = connection->run(Call("put_chunk").octets(blob_key(id_)).number(number).number(place).octets(octets).str());
        if (!stored.empty()) continue;
        is_sealed_ = true;
        refuse_sealed();
    }
}

// Another thread may be storing what was written before.
void ChunkWriter::sync() {
    store_some(true);
    std::unique_lock lock(mutex_);
    stored_.wait(lock, [&] { return storing_ == 0 || failure_; });
    if (failure_) std::rethrow_exception(failure_);
}

// Octets that another writer stored are there as well.
std::int64_t ChunkWriter::extent_for(std::int64_t end) {
    {
        const std::lock_guard lock(mutex_);
        if (end <= extent_) return extent_;
    }
    const std::int64_t stored = extent_in(pool_->take()->run(Call("extent").octets(blob_key(id_)).str()));
    const std::lock_guard lock(mutex_);
    extent_ = std::max(extent_, stored);
    return extent_;
}

std::size_t ChunkWriter::read(std::int64_t offset, std::span<std::byte> out) {
    if (!is_sealed_) sync();
    const std::int64_t end =
        offset > INT64_MAX - static_cast<std::int64_t>(out.size()) ? INT64_MAX : offset + static_cast<std::int64_t>(out.size());
    return source_.read(offset, out, extent_for(end), is_sealed_);
}

}  // namespace edgesync::postgres
