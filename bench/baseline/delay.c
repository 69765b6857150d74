/* delay.c - a cable between two TAP interfaces that delays each frame by a fixed time.
 *
 *   delay [ns_a:]if_a [ns_b:]if_b US [--limit PACKETS] [--offload]
 *
 * A frame is written US microseconds after it was read, unchanged and in order,
 * in both directions. At most PACKETS packets (default 1000) are in flight in a
 * direction; the rest is dropped and counted. With --offload a frame has up to
 * 64 KiB, is passed whole, and counts as the packets it stands for: this
 * program neither segments nor merges. Without it the sender's kernel segments.
 *
 * Prints "ready" once both links are up, and its counters as one JSON line when
 * it ends: on SIGINT or SIGTERM, or when an interface disappears. */
#define _GNU_SOURCE
#include "tap.h"
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

/* LARGEST: a frame of 64 KiB with its headers. CHUNK: memory for many frames, which are read
 * straight into it and written straight from it. WRITES: frames written before the other side has
 * its turn, few because each write runs the receiver's network stack. */
enum { LARGEST = (1 << 16) + 256, CHUNK = 1 << 19, ALIGN = 8, WRITES = 16 };

struct frame {
    int64_t due; /* ns of CLOCK_MONOTONIC */
    uint32_t len, packets;
    unsigned char data[];
};

struct chunk {
    struct chunk *next;
    size_t used;
    _Alignas(ALIGN) unsigned char frames[];
};

static const size_t ROOM = CHUNK - sizeof(struct chunk);

/* One direction. Frames are taken from the first chunk at `at` and added to the last. */
struct line {
    int from, to, offload;
    int64_t delay;
    struct chunk *first, *last;
    size_t at;
    uint64_t in, out, held, limit, dropped, refused; /* packets */
};

/* Chunks that are free, the last used first, since that may still be in a cache. There are as many
 * chunks as were ever in use together. */
static struct chunk *spare;

static struct chunk *chunk_take(void)
{
    struct chunk *c = spare;

    if (c)
        spare = c->next;
    else if ((c = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
        die("mmap");
    c->next = NULL;
    c->used = 0;
    return c;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/* The place for the next frame, which may be one of the largest. */
static struct frame *line_tail(struct line *l)
{
    if (l->last->used + sizeof(struct frame) + LARGEST > ROOM) {
        l->last->next = chunk_take();
        l->last = l->last->next;
    }
    return (struct frame *)(l->last->frames + l->last->used);
}

/* The oldest frame, or NULL. */
static struct frame *line_head(struct line *l)
{
    while (l->at == l->first->used) {
        struct chunk *c = l->first;
        l->at = 0;
        if (c == l->last) { /* empty: begin again at its start */
            c->used = 0;
            return NULL;
        }
        l->first = c->next;
        c->next = spare;
        spare = c;
    }
    return (struct frame *)(l->first->frames + l->at);
}

static size_t footprint(const struct frame *f)
{
    return (sizeof *f + f->len + ALIGN - 1) / ALIGN * ALIGN;
}

/* The number of packets that a frame stands for. */
static uint32_t packets_in(const struct frame *f, int offload)
{
    const struct virtio_net_hdr *h = (const void *)f->data;

    if (!offload || h->gso_type == VIRTIO_NET_HDR_GSO_NONE || !h->gso_size)
        return 1;
    size_t at = sizeof *h + h->csum_start;
    int udp = h->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 && h->gso_type != VIRTIO_NET_HDR_GSO_TCPV6;
    at += udp ? 8 : at + 12 < f->len ? f->data[at + 12] / 16 * 4 : 20;
    return f->len > at ? (uint32_t)((f->len - at + h->gso_size - 1) / h->gso_size) : 1;
}

static void take_in(struct line *l)
{
    for (int n = 0; n < BURST; n++) {
        struct frame *f = line_tail(l);
        ssize_t len = read(l->from, f->data, LARGEST);
        if (len <= 0)
            return;
        f->due = now_ns() + l->delay;
        f->len = (uint32_t)len;
        f->packets = packets_in(f, l->offload);
        l->in += f->packets;
        if (l->held + f->packets > l->limit) {
            l->dropped += f->packets;
            continue;
        }
        l->held += f->packets;
        l->last->used += footprint(f);
    }
}

/* Writes frames that are due. Returns when the next is due, INT64_MAX without one. */
static int64_t let_out(struct line *l)
{
    struct frame *f;

    for (int n = 0; (f = line_head(l)); n++) {
        if (n == WRITES || f->due > now_ns())
            return f->due;
        l->at += footprint(f);
        l->held -= f->packets;
        if (write(l->to, f->data, f->len) < 0)
            l->refused += f->packets;
        else
            l->out += f->packets;
    }
    return INT64_MAX;
}

static volatile sig_atomic_t ended;
static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static void run(struct line line[2])
{
    struct pollfd pfd[2] = { { line[0].from, POLLIN, 0 }, { line[1].from, POLLIN, 0 } };
    sigset_t blocked, during;
    struct sigaction on = { .sa_handler = on_signal };

    /* Signals arrive only while it waits. */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &during);
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGTERM, &on, NULL);
    prctl(PR_SET_TIMERSLACK, 1); /* the default adds up to 50 us */
    /* Not before: a signal would end it without its counters. */
    puts("ready");
    fflush(stdout);
    while (!ended) {
        int64_t next = INT64_MAX;
        for (int i = 0; i < 2; i++) {
            int64_t due = let_out(&line[i]);
            next = due < next ? due : next;
        }
        int64_t wait = next == INT64_MAX ? 0 : next - now_ns();
        struct timespec t = { 0 };
        if (wait > 0)
            t = (struct timespec){ wait / 1000000000, wait % 1000000000 };
        int ready = ppoll(pfd, 2, next == INT64_MAX ? NULL : &t, &during);
        if (ready < 0 && errno != EINTR)
            die("ppoll");
        if (ready <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (pfd[i].revents & (POLLERR | POLLHUP | POLLNVAL))
                return; /* the interface is gone */
            if (pfd[i].revents & POLLIN)
                take_in(&line[i]);
        }
    }
}

/* A whole number from 0 to `most`, or -1. */
static int64_t number(const char *text, int64_t most)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && value <= most ? value : -1;
}

int main(int argc, char **argv)
{
    struct tap_opts o = { 0, 0, 1 };
    const char *word[3];
    int words = 0, wrong = 0, fds[2];
    int64_t limit = 1000;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--offload")) o.offload = 1;
        else if (!strcmp(argv[i], "--limit") && i + 1 < argc) limit = number(argv[++i], INT32_MAX);
        else if (argv[i][0] != '-' && words < 3) word[words++] = argv[i];
        else wrong = 1;
    }
    int64_t us = words == 3 ? number(word[2], INT32_MAX) : -1;
    if (wrong || us < 0 || limit < 0) {
        fprintf(stderr, "usage: delay [netns:]ifA [netns:]ifB US [--limit PACKETS] [--offload]\n");
        return 2;
    }
    struct line line[2];
    for (int i = 0; i < 2; i++)
        tap_open(word[i], &o, &fds[i]);
    for (int i = 0; i < 2; i++) {
        line[i] = (struct line){ .from = fds[i], .to = fds[!i], .offload = o.offload,
                                 .delay = us * 1000, .limit = (uint64_t)limit };
        line[i].first = line[i].last = chunk_take();
    }
    run(line);
    printf("{");
    for (int i = 0; i < 2; i++)
        printf("\"%s\": {\"in\": %llu, \"out\": %llu, \"held\": %llu, \"dropped\": %llu, \"refused\": %llu}%s",
               i ? "ba" : "ab", (unsigned long long)line[i].in, (unsigned long long)line[i].out,
               (unsigned long long)line[i].held, (unsigned long long)line[i].dropped,
               (unsigned long long)line[i].refused, i ? "}\n" : ", ");
    return 0;
}
