/* Counts a process's changes of files, and lets one of them fail or be its last.

   Loaded by LD_PRELOAD before libc, so that Python, Rust and C++ all pass through it. It acts only
   in the process that armed it, and only on regular files: pipes and terminals are not disks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF, COUNT, DIE, TEAR, FULL, READ_ONLY };
static int mode = OFF, armed_error = 0;
static pid_t owner = 0;
static long at = 0, calls = 0, bytes = 0;

void fault_arm(int new_mode, long new_at, int error) {
  mode = new_mode, at = new_at, armed_error = error, owner = getpid(), calls = bytes = 0;
}
long fault_calls(void) { return calls; }
long fault_bytes(void) { return bytes; }

static int armed(void) { return mode != OFF && owner == getpid(); }
static int on_disk(int fd) {
  struct stat found;
  return fd > 2 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}
/* One more change; whether it must fail. */
static int change(void) {
  if (!armed()) return 0;
  long number = __sync_add_and_fetch(&calls, 1);
  if (mode == DIE && number == at) _exit(137);
  if (mode == READ_ONLY && number >= at) return 1;
  return 0;
}
/* How many of `size` bytes may still be written; -1: none, with errno. */
static ssize_t room(int fd, size_t size) {
  if (!armed() || !on_disk(fd)) return (ssize_t)size;
  long number = __sync_add_and_fetch(&calls, 1);
  if (mode == DIE && number == at) _exit(137);
  if (mode == READ_ONLY && number >= at) return errno = armed_error, -1;
  long before = __sync_fetch_and_add(&bytes, (long)size);
  if (mode == TEAR && number == at) return (ssize_t)(size / 2);
  if (mode == FULL && before + (long)size > at) {
    if (before >= at) return errno = armed_error, -1;
    return (ssize_t)(at - before);
  }
  return (ssize_t)size;
}
static void torn(int fd) {
  if (armed() && mode == TEAR && calls >= at && on_disk(fd)) _exit(137);
}

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define FAILS \
  if (change()) return errno = armed_error, -1

ssize_t write(int fd, const void *data, size_t size) {
  REAL(write);
  ssize_t left = room(fd, size);
  if (left < 0) return -1;
  ssize_t done = real(fd, data, (size_t)left);
  torn(fd);
  return done;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t where) {
  REAL(pwrite64);
  ssize_t left = room(fd, size);
  if (left < 0) return -1;
  ssize_t done = real(fd, data, (size_t)left, where);
  torn(fd);
  return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t where) {
  return pwrite64(fd, data, size, where);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  if (!armed() || !on_disk(fd)) return real(fd, parts, count);
  ssize_t sum = 0; /* one by one, so that a part may be the last */
  for (int i = 0; i < count; i++) {
    ssize_t done = write(fd, parts[i].iov_base, parts[i].iov_len);
    if (done < 0) return sum ? sum : -1;
    sum += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return sum;
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t size) {
  static ssize_t (*real)(int, int, off64_t *, size_t);
  if (!real) real = dlsym(RTLD_NEXT, "sendfile64");
  ssize_t left = room(to, size);
  if (left < 0) return -1;
  ssize_t done = real(to, from, offset, (size_t)left);
  torn(to);
  return done;
}
int rename(const char *from, const char *to) { REAL(rename); FAILS; return real(from, to); }
int renameat(int a, const char *from, int b, const char *to) {
  REAL(renameat); FAILS; return real(a, from, b, to);
}
int unlink(const char *path) { REAL(unlink); FAILS; return real(path); }
int unlinkat(int at_fd, const char *path, int flags) {
  REAL(unlinkat); FAILS; return real(at_fd, path, flags);
}
int mkdir(const char *path, mode_t bits) { REAL(mkdir); FAILS; return real(path, bits); }
int mkdirat(int at_fd, const char *path, mode_t bits) {
  REAL(mkdirat); FAILS; return real(at_fd, path, bits);
}
int rmdir(const char *path) { REAL(rmdir); FAILS; return real(path); }
int symlink(const char *target, const char *path) { REAL(symlink); FAILS; return real(target, path); }
int fsync(int fd) { REAL(fsync); FAILS; return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAILS; return real(fd); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); FAILS; return real(fd, size); }

static int makes(int flags) { return flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR); }
/* Devices may be opened for writing on a read-only disk, too. */
static int opens(const char *path, int flags) {
  struct stat found;
  if (!makes(flags) || (stat(path, &found) == 0 && !S_ISREG(found.st_mode))) return 0;
  return change();
}
#define MODE_OF \
  va_list more; \
  va_start(more, flags); \
  mode_t bits = (flags & O_CREAT) ? va_arg(more, mode_t) : 0; \
  va_end(more)
int open64(const char *path, int flags, ...) {
  MODE_OF;
  REAL(open64);
  if (opens(path, flags)) return errno = armed_error, -1;
  return real(path, flags, bits);
}
int open(const char *path, int flags, ...) {
  MODE_OF;
  return open64(path, flags, bits);
}
int openat64(int at_fd, const char *path, int flags, ...) {
  MODE_OF;
  REAL(openat64);
  if (opens(path, flags)) return errno = armed_error, -1;
  return real(at_fd, path, flags, bits);
}
