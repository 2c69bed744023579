// The launcher of a conf without one: sessions are recorded, and others set their targets.
#pragma once

#include "base/check.hpp"
#include "control/launch/launcher.hpp"

namespace postern::control {

class no_launcher final : public launcher {
  public:
    [[nodiscard]] bool knows(std::string_view) const override { return false; }
    void start(const sync::session&) override { POSTERN_CHECK(!"there is no launcher"); }
    [[nodiscard]] bool adopt(const sync::session&) override { return false; }
    void stop(std::string_view) override {}
    void check(std::string_view) override {}
    void forget(std::string_view) override {}
    [[nodiscard]] launch_view view(std::string_view) const override { return {}; }
    [[nodiscard]] std::vector<std::string> sessions() const override { return {}; }
    [[nodiscard]] std::size_t running() const override { return 0; }
    void sweep() override {}
    std::vector<std::string> wait(std::span<::pollfd> also,
                                  std::chrono::milliseconds timeout) override {
        // An interrupted or failed wait only means an early turn.
        [[maybe_unused]] const int ready =
            ::poll(also.data(), also.size(), static_cast<int>(timeout.count()));
        return {};
    }
};

} // namespace postern::control
