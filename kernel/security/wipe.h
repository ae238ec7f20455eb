// Secrets do not stay in memory that is given back.
#pragma once

#include <string>

namespace edgesync::security {

/// Overwrites the text, also what is behind its end from longer times, and empties it.
void wipe(std::string& text) noexcept;

/// Text that is overwritten when it goes, also when it was moved from.
class SecretText {
public:
    SecretText() = default;
    explicit SecretText(std::string text) : text_(std::move(text)) { wipe(text); }
    SecretText(const SecretText&) = default;
    SecretText(SecretText&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
    SecretText& operator=(SecretText other) noexcept {
        text_.swap(other.text_);
        return *this;
    }
    ~SecretText() { wipe(text_); }

    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }

private:
    std::string text_;
};

}  // namespace edgesync::security
