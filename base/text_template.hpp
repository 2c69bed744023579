// Text with {names} in it, filled in from named values: "{clientId}-{threadId}", "--port {port}".
#pragma once

#include "base/error.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::base {

/// A parsed template. Names are [A-Za-z][A-Za-z0-9_]*; "{{" and "}}" stand for the braces
/// themselves. Copyable; immutable once parsed.
class text_template {
  public:
    /// What a name stands for; nothing when it is unknown. The view is read before the next call.
    using lookup = std::function<std::optional<std::string_view>(std::string_view name)>;

    struct piece {
        std::string text; // literal text, or a name
        bool is_name;
    };

    text_template() = default;
    /// Errors: invalid_argument with a sentence that names the bad place.
    [[nodiscard]] static result<text_template> parse(std::string_view text);

    /// The text with every name replaced, or nothing when a name has no value.
    [[nodiscard]] std::optional<std::string> fill(const lookup& value_of) const;
    /// The same into `out` (cleared first) without allocating once `out` has grown. False: a name
    /// has no value.
    template <class Lookup>
    [[nodiscard]] bool fill_into(std::string& out, Lookup&& value_of) const {
        out.clear();
        for (const piece& p : pieces_) {
            if (!p.is_name) {
                out += p.text;
                continue;
            }
            const std::optional<std::string_view> value = value_of(std::string_view{p.text});
            if (!value)
                return false;
            out += *value;
        }
        return true;
    }

    [[nodiscard]] std::vector<std::string_view> names() const;
    /// In order; no two literals stand side by side.
    [[nodiscard]] const std::vector<piece>& pieces() const noexcept { return pieces_; }
    /// As it was written.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool empty() const noexcept { return pieces_.empty(); }

  private:
    std::string text_;
    std::vector<piece> pieces_;
};

} // namespace postern::base
