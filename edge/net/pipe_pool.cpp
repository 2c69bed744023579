#include "edge/net/pipe_pool.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace postern::edge {

lent_pipe pipe_pool::lend() {
    if (!idle_.empty()) {
        lent_pipe given{*this, std::move(idle_.back())};
        idle_.pop_back();
        return given;
    }
    int fds[2];
    if (made_ == pipes_max || ::pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return {};
    ends made{base::unique_fd{fds[0]}, base::unique_fd{fds[1]}};
    // A smaller one would still do, but be slower than copying.
    if (::fcntl(fds[1], F_SETPIPE_SZ, static_cast<int>(pipe_bytes)) < 0)
        return {};
    ++made_;
    return lent_pipe{*this, std::move(made)};
}

lent_pipe::~lent_pipe() {
    if (!ends_.out)
        return;
    if (given_up_)
        --pool_->made_;
    else
        pool_->idle_.push_back(std::move(ends_));
}

} // namespace postern::edge
