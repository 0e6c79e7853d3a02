/* Writes down, in the order in which they happen, what a program writes to files, what it syncs,
 * and what it sends. Loaded before the C library; ORDER_LOG names the file.
 *
 * A record is a kind ('w'rite, 's'ync, 'o'ut), the descriptor and the length as 32-bit numbers of
 * the machine, and the bytes. A write or sync is noted when it is done, a send before it is begun. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static void put(const void *bytes, size_t length) {
    const char *rest = bytes;
    while (length > 0) {
        long done = syscall(SYS_write, log_fd, rest, length);
        if (done <= 0) abort();
        rest += done;
        length -= (size_t)done;
    }
}

static void note(char kind, int fd, const void *bytes, size_t length) {
    int32_t numbers[2] = {fd, (int32_t)length};
    pthread_mutex_lock(&lock);
    if (log_fd < 0) {
        const char *path = getenv("ORDER_LOG");
        if (path) log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (log_fd < 0) abort();
    }
    put(&kind, 1);
    put(numbers, sizeof numbers);
    put(bytes, length);
    pthread_mutex_unlock(&lock);
}

static int is(int fd, mode_t type) {
    struct stat about;
    return fstat(fd, &about) == 0 && (about.st_mode & S_IFMT) == type;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    ssize_t done = REAL(pwrite64)(fd, bytes, length, at);
    if (done > 0 && is(fd, S_IFREG)) note('w', fd, bytes, (size_t)done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    ssize_t done = REAL(pwrite)(fd, bytes, length, at);
    if (done > 0 && is(fd, S_IFREG)) note('w', fd, bytes, (size_t)done);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (is(fd, S_IFSOCK)) note('o', fd, bytes, length);
    ssize_t done = REAL(write)(fd, bytes, length);
    if (done > 0 && is(fd, S_IFREG)) note('w', fd, bytes, (size_t)done);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    for (int i = 0; is(fd, S_IFSOCK) && i < count; i++) note('o', fd, parts[i].iov_base, parts[i].iov_len);
    return REAL(writev)(fd, parts, count);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    note('o', fd, bytes, length);
    return REAL(send)(fd, bytes, length, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    for (size_t i = 0; i < message->msg_iovlen; i++) note('o', fd, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
    return REAL(sendmsg)(fd, message, flags);
}

int fdatasync(int fd) {
    int failed = REAL(fdatasync)(fd);
    if (!failed) note('s', fd, NULL, 0);
    return failed;
}

int fsync(int fd) {
    int failed = REAL(fsync)(fd);
    if (!failed) note('s', fd, NULL, 0);
    return failed;
}
