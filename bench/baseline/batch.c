/* batch.c - a reference "cable" that handles frames in batches, three ways.
 *
 *   batch [ns_a:]if_a [ns_b:]if_b [--offload] [--writes | --reads]
 *
 * Without an option it reads up to 64 frames by read(2), then writes them by write(2). With
 * --writes, all writes of a batch are one io_uring_enter(2) on registered files. With --reads,
 * frames arrive by a multishot read into a ring of provided buffers (Linux 6.7), and leave as with
 * --writes. A write has RWF_NOWAIT: otherwise a full queue would block the thread. Prints "ready"
 * like relay.c. */
#define _GNU_SOURCE
#include "tap.h"
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
enum { SLOT = 1 << 17, SLOTS = 256, READ_MULTISHOT = 49, WRITTEN = 2 };

static struct {
    int fd;
    unsigned *sq_tail, sq_mask, *sq_array, *cq_head, *cq_tail, cq_mask;
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
    unsigned queued;
} ring;

static unsigned char *slots;
static struct io_uring_buf_ring *provided[2];
static int files[2];

static void ring_open(void)
{
    struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                                          IORING_SETUP_CQSIZE, .cq_entries = 4 * SLOTS };
    ring.fd = (int)syscall(SYS_io_uring_setup, 2 * SLOTS, &p);
    if (ring.fd < 0)
        die("io_uring_setup");
    size_t size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
    ring.sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                     MAP_SHARED, ring.fd, IORING_OFF_SQES);
    if (at == MAP_FAILED || ring.sqes == MAP_FAILED)
        die("mmap");
    ring.sq_tail = (unsigned *)(at + p.sq_off.tail);
    ring.sq_mask = *(unsigned *)(at + p.sq_off.ring_mask);
    ring.sq_array = (unsigned *)(at + p.sq_off.array);
    ring.cq_head = (unsigned *)(at + p.cq_off.head);
    ring.cq_tail = (unsigned *)(at + p.cq_off.tail);
    ring.cq_mask = *(unsigned *)(at + p.cq_off.ring_mask);
    ring.cqes = (struct io_uring_cqe *)(at + p.cq_off.cqes);
    if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, files, 2))
        die("IORING_REGISTER_FILES");
}

/* A zeroed entry of the submission queue, for a registered file. */
static struct io_uring_sqe *submission(int opcode, int file, uint64_t data)
{
    unsigned tail = *ring.sq_tail, at = tail & ring.sq_mask;
    struct io_uring_sqe *sqe = memset(&ring.sqes[at], 0, sizeof *sqe);
    sqe->opcode = (uint8_t)opcode;
    sqe->fd = file;
    sqe->flags = IOSQE_FIXED_FILE;
    sqe->user_data = data;
    ring.sq_array[at] = at;
    __atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
    ring.queued++;
    return sqe;
}

static void queue_write(int file, unsigned char *frame, int len)
{
    struct io_uring_sqe *sqe = submission(IORING_OP_WRITE, file, WRITTEN);
    sqe->addr = (uintptr_t)frame;
    sqe->len = (unsigned)len;
    sqe->off = (uint64_t)-1;
    sqe->rw_flags = RWF_NOWAIT;
}

/* Submits what is queued and waits for `least` completions. */
static void enter(unsigned least)
{
    unsigned n = ring.queued;
    ring.queued = 0;
    if (syscall(SYS_io_uring_enter, ring.fd, n, least, IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR)
        die("io_uring_enter");
}

static void skip_completions(void)
{
    __atomic_store_n(ring.cq_head, __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

static void run_batches(int by_ring)
{
    struct pollfd pfd[2] = { { files[0], POLLIN, 0 }, { files[1], POLLIN, 0 } };
    int lens[BURST];

    for (;;) {
        if (poll(pfd, 2, -1) < 0 && errno != EINTR)
            die("poll");
        for (int i = 0; i < 2; i++) {
            int n = 0;
            if (pfd[i].revents & (POLLERR | POLLHUP | POLLNVAL))
                exit(0);
            if (!(pfd[i].revents & POLLIN))
                continue;
            while (n < BURST && (lens[n] = (int)read(files[i], slots + (size_t)n * SLOT, SLOT)) > 0)
                n++;
            for (int j = 0; j < n; j++) {
                unsigned char *frame = slots + (size_t)j * SLOT;
                if (by_ring)
                    queue_write(i ^ 1, frame, lens[j]);
                else if (write(files[i ^ 1], frame, (size_t)lens[j]) < 0)
                    continue;
            }
            if (by_ring && n > 0) {
                enter((unsigned)n);
                skip_completions();
            }
        }
    }
}

static unsigned char *slot(int file, unsigned n)
{
    return slots + ((size_t)file * SLOTS + n) * SLOT;
}

/* Gives a slot to the kernel. */
static void provide(int file, unsigned n)
{
    struct io_uring_buf_ring *to = provided[file];
    unsigned short tail = to->tail;
    struct io_uring_buf *buf = &to->bufs[tail & (SLOTS - 1)];
    buf->addr = (uintptr_t)slot(file, n);
    buf->len = SLOT;
    buf->bid = (unsigned short)n;
    __atomic_store_n(&to->tail, (unsigned short)(tail + 1), __ATOMIC_RELEASE);
}

static void run_multishot(void)
{
    struct { int file, len; unsigned slot; } got[SLOTS];
    int armed[2] = { 0, 0 };

    for (int file = 0; file < 2; file++) {
        struct io_uring_buf_reg reg = { .ring_entries = SLOTS, .bgid = (uint16_t)file };
        size_t size = SLOTS * sizeof(struct io_uring_buf);
        provided[file] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        reg.ring_addr = (uintptr_t)provided[file];
        if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_PBUF_RING, &reg, 1))
            die("IORING_REGISTER_PBUF_RING");
        for (unsigned n = 0; n < SLOTS; n++)
            provide(file, n);
    }
    for (;;) {
        int n = 0;
        for (int file = 0; file < 2; file++) {
            if (armed[file])
                continue;
            struct io_uring_sqe *sqe = submission(READ_MULTISHOT, file, (uint64_t)file);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            sqe->buf_group = (uint16_t)file;
            sqe->off = (uint64_t)-1;
            armed[file] = 1;
        }
        enter(1);
        unsigned head = *ring.cq_head, tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
        for (; head != tail && n < SLOTS; head++) {
            struct io_uring_cqe *cqe = &ring.cqes[head & ring.cq_mask];
            if (cqe->user_data == WRITTEN)
                continue;
            int file = (int)cqe->user_data;
            if (!(cqe->flags & IORING_CQE_F_MORE))
                armed[file] = 0;
            if (cqe->res == -EBADFD)
                exit(0);
            if (cqe->res <= 0)
                continue;
            got[n].file = file;
            got[n].len = cqe->res;
            got[n++].slot = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        }
        __atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
        for (int j = 0; j < n; j++) {
            queue_write(got[j].file ^ 1, slot(got[j].file, got[j].slot), got[j].len);
            /* Completed inside enter: the slot is free afterwards. */
            ring.sqes[(*ring.sq_tail - 1) & ring.sq_mask].flags |= IOSQE_CQE_SKIP_SUCCESS;
        }
        if (n > 0)
            enter(0);
        for (int j = 0; j < n; j++)
            provide(got[j].file, got[j].slot);
    }
}

int main(int argc, char **argv)
{
    struct tap_opts o = { 0, 0, 1 };
    const char *spec[2];
    int n = 0, wrong = 0;
    char mode = 'p';

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--offload")) o.offload = 1;
        else if (!strcmp(argv[i], "--writes") || !strcmp(argv[i], "--reads")) mode = argv[i][2];
        else if (argv[i][0] != '-' && n < 2) spec[n++] = argv[i];
        else wrong = 1;
    }
    if (wrong || n != 2) {
        fprintf(stderr, "usage: %s [netns:]ifA [netns:]ifB [--offload] [--writes | --reads]\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < 2; i++)
        tap_open(spec[i], &o, &files[i]);
    slots = mmap(NULL, (size_t)2 * SLOTS * SLOT, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slots == MAP_FAILED)
        die("mmap");
    if (mode != 'p')
        ring_open();
    puts("ready");
    fflush(stdout);
    if (mode == 'r')
        run_multishot();
    run_batches(mode == 'w');
    return 0;
}
