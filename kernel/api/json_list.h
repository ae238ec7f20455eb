// JSON arrays that are sent while they are read from the store, page by page.
#pragma once

#include <functional>
#include <string>

#include "kernel/api/call.h"

namespace edgesync::api {

/// The text of an array that grows.
class JsonList {
public:
    /// The text to append the next item to.
    std::string& item() {
        text_ += has_items_ ? ',' : '[';
        has_items_ = true;
        return text_;
    }
    /// The text to go on with the item that was begun last.
    std::string& text() { return text_; }
    /// What has not been taken yet.
    std::size_t size() const { return text_.size(); }
    bool has_items() const { return has_items_; }
    /// There is something that the caller may not see: the list is then answered also when it is empty.
    void note_hidden() { has_hidden_ = true; }
    bool has_hidden() const { return has_hidden_; }
    std::string take() { return std::exchange(text_, {}); }
    void close() { text_ += has_items_ ? "]" : "[]"; }

private:
    std::string text_;
    bool has_items_ = false;
    bool has_hidden_ = false;
};

/// Appends the visible items of the page at `cursor`; returns the cursor of the next page, empty at the end. Reads the store; repeated
/// calls see later states of it.
using PageSource = std::function<std::string(const std::string& cursor, JsonList& out)>;

/// Answers the whole list, or 404 if it is empty and nothing was hidden. Reads one page on the calling thread and further ones on workers,
/// while the answer is sent, so that its memory does not grow with the list.
void send_list(const Environment& environment, const CallPtr& call, PageSource source);

/// Records of one page.
inline constexpr std::size_t kListPage = 200;

}  // namespace edgesync::api
