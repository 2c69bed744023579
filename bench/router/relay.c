// The floor: what plain sockets cost when nobody looks at the bytes. One thread, edge-triggered epoll, one recv and one
// send each way a request, an upstream connection for each client. Correct for this benchmark's load only: it takes a
// request to be one recv, and tells the cases apart by single bytes at known places.
//
//   relay PORT CLOSING_PORT PAGE_404 PAGE_503 PAGE_STATIC UPSTREAM_PORT...
//
// PAGE_*: files with complete answers. On CLOSING_PORT the connection ends after one answer.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { chunk_bytes = 128 * 1024, events_max = 256, pooled_max = 256 };

struct page { char* bytes; size_t size; };

struct side {
    int fd;
    int is_client, closing, dead;
    struct side* peer;
    char* left; // what could not be sent to this side yet; the peer is not read meanwhile
    size_t left_at, left_size;
    struct side* next_dead;
};

static struct page page_404, page_503, page_static;
static int upstream_ports[16], upstream_count, upstream_next, epoll;
static struct side* pool[pooled_max]; // idle upstream connections of CLOSING_PORT's clients
static int pooled;
static struct side* dead_list; // freed after the batch: a later event of it may still name them
static char chunk[chunk_bytes];

static void die(const char* what) { perror(what); exit(1); }

static struct page read_page(const char* path) {
    FILE* file = fopen(path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0) die(path);
    struct page page = {malloc((size_t)info.st_size), (size_t)info.st_size};
    if (fread(page.bytes, 1, page.size, file) != page.size) die(path);
    fclose(file);
    return page;
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static struct side* watch(int fd, int is_client) {
    struct side* side = calloc(1, sizeof *side);
    side->fd = fd;
    side->is_client = is_client;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = side};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    return side;
}

static void end(struct side* side) {
    if (side->dead) return;
    close(side->fd);
    free(side->left);
    side->left = NULL;
    side->dead = 1;
    side->next_dead = dead_list;
    dead_list = side;
}

static void end_both(struct side* side) {
    struct side* peer = side->peer;
    end(side);
    if (!peer) return;
    peer->peer = NULL;
    end(peer);
}

static struct side* open_upstream(void) {
    if (pooled > 0) return pool[--pooled];
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(upstream_ports[upstream_next++ % upstream_count]);
    if (connect(fd, (struct sockaddr*)&to, sizeof to) != 0) die("connect to the upstream");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return watch(fd, 0);
}

// 0: all sent or kept for later; -1: the connection is gone.
static int put(struct side* to, const char* bytes, size_t size) {
    ssize_t n = send(to->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) return -1;
    if (n < 0) n = 0;
    if ((size_t)n == size) return 0;
    to->left_size = size - (size_t)n;
    to->left_at = 0;
    to->left = malloc(to->left_size);
    memcpy(to->left, bytes + n, to->left_size);
    return 0;
}

static const struct page* fixed_answer(const char* bytes, ssize_t size) {
    if (size < 16 || bytes[0] != 'G') return NULL;   // "GET /session/x..." or a WebSocket frame
    if (bytes[6] != 'e') return &page_static;         // "GET /static/..."
    if (bytes[13] == 'x') return &page_404;
    if (bytes[13] == 'i') return &page_503;
    return NULL;
}

static int pass_on(struct side* from, ssize_t size) {
    if (from->is_client) {
        const struct page* page = fixed_answer(chunk, size);
        if (page) return put(from, page->bytes, page->size);
        if (!from->peer) {
            from->peer = open_upstream();
            from->peer->peer = from;
        }
        return put(from->peer, chunk, (size_t)size);
    }
    struct side* client = from->peer;
    if (!client) return -1; // an idle connection should not speak
    if (put(client, chunk, (size_t)size) != 0) return -1;
    if (!client->closing) return 0;
    from->peer = client->peer = NULL;
    end(client);
    if (pooled < pooled_max) pool[pooled++] = from;
    else end(from);
    return 0;
}

static void pump(struct side* from) {
    for (;;) {
        if (from->dead || (from->peer && from->peer->left)) return;
        const ssize_t n = recv(from->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0 || pass_on(from, n) != 0) {
            end_both(from);
            return;
        }
        if (n < (ssize_t)sizeof chunk) return;
    }
}

static void drain(struct side* to) {
    const ssize_t n = send(to->fd, to->left + to->left_at, to->left_size - to->left_at,
                           MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        if (errno != EAGAIN) end_both(to);
        return;
    }
    to->left_at += (size_t)n;
    if (to->left_at < to->left_size) return;
    free(to->left);
    to->left = NULL;
    if (to->peer) pump(to->peer);
}

static void accept_all(int listener, int closing) {
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        struct side* client = watch(fd, 1);
        client->closing = closing;
    }
}

static int listen_on(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // accepted sockets inherit it
    struct sockaddr_in at = loopback(port);
    if (bind(fd, (struct sockaddr*)&at, sizeof at) != 0 || listen(fd, 1024) != 0) die("listen");
    return fd;
}

int main(int argc, char** argv) {
    if (argc < 7) {
        fprintf(stderr, "usage: relay PORT CLOSING_PORT PAGE_404 PAGE_503 PAGE_STATIC UPSTREAM_PORT...\n");
        return 2;
    }
    page_404 = read_page(argv[3]);
    page_503 = read_page(argv[4]);
    page_static = read_page(argv[5]);
    for (int i = 6; i < argc && upstream_count < 16; ++i) upstream_ports[upstream_count++] = atoi(argv[i]);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct side listeners[2] = {{.fd = listen_on(atoi(argv[1]))}, {.fd = listen_on(atoi(argv[2]))}};
    for (int i = 0; i < 2; ++i) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listeners[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[i].fd, &event);
    }
    for (;;) {
        struct epoll_event events[events_max];
        const int count = epoll_wait(epoll, events, events_max, -1);
        for (int i = 0; i < count; ++i) {
            struct side* side = events[i].data.ptr;
            if (side == &listeners[0] || side == &listeners[1]) {
                accept_all(side->fd, side == &listeners[1]);
                continue;
            }
            if (!side->dead && side->left && (events[i].events & EPOLLOUT)) drain(side);
            if (!side->dead && (events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) pump(side);
        }
        while (dead_list) {
            struct side* gone = dead_list;
            dead_list = gone->next_dead;
            free(gone);
        }
    }
}
