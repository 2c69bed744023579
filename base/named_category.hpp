// What an error enum of ours needs to travel as an error_code.
#pragma once

#include <boost/system/error_code.hpp>

#include <string>

namespace postern::base {

// Boost's base class has no virtual destructor on purpose: categories are never deleted through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
/// A category of `Error`, whose values `Message` puts into words. Make one static instance of it.
template <class Error, const char* (*Message)(Error)>
class named_category final : public boost::system::error_category {
  public:
    explicit constexpr named_category(const char* name) noexcept : name_{name} {}
    [[nodiscard]] const char* name() const noexcept override { return name_; }
    [[nodiscard]] std::string message(int value) const override {
        return Message(static_cast<Error>(value));
    }

  private:
    const char* name_;
};
#pragma GCC diagnostic pop

} // namespace postern::base
