"""The numbers of the system calls that a program in the sandbox may make, on the two machines that it runs on.

What is not named here does not exist inside: no sockets (a pair that talks to itself may be had), no tracing, no
mounts, no new namespaces, no keys, no io_uring, no shared memory that outlives its process. `clone3` is left out since
a filter cannot see its flags; the C library then takes `clone`. Numbers are those of the kernel's own headers
(asm/unistd_64.h, asm-generic/unistd.h).
"""

from __future__ import annotations

X86_64 = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "pread64": 17, "pwrite64": 18, "readv": 19, "writev": 20, "access": 21, "pipe": 22, "select": 23,
    "sched_yield": 24, "mremap": 25, "msync": 26, "mincore": 27, "madvise": 28, "dup": 32, "dup2": 33, "pause": 34,
    "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "getpid": 39, "sendfile": 40, "socketpair": 53,
    "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "getsockname": 51, "getsockopt": 55,
    "setsockopt": 54, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "exit": 60, "wait4": 61,
    "waitid": 247, "uname": 63, "fcntl": 72, "flock": 73, "fsync": 74, "fdatasync": 75, "truncate": 76,
    "ftruncate": 77, "getdents": 78, "getdents64": 217, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82,
    "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "chmod": 90,
    "fchmod": 91, "umask": 95, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "times": 100,
    "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108, "getppid": 110, "getpgrp": 111, "setsid": 112,
    "getpgid": 121, "getsid": 124, "setpgid": 109, "setresuid": 117, "setresgid": 119, "setgroups": 116,
    "getresuid": 118, "getresgid": 120, "getgroups": 115, "rt_sigpending": 127, "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130, "sigaltstack": 131, "utime": 132, "statfs": 137, "fstatfs": 138, "prctl": 157,
    "arch_prctl": 158, "setrlimit": 160, "gettid": 186, "tkill": 200, "tgkill": 234, "kill": 62, "time": 201,
    "futex": 202, "sched_getaffinity": 204, "epoll_create": 213, "epoll_create1": 291, "epoll_wait": 232,
    "epoll_ctl": 233, "epoll_pwait": 281, "set_tid_address": 218, "restart_syscall": 219, "fadvise64": 221,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "utimes": 235,
    "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "renameat2": 316,
    "linkat": 265, "symlinkat": 266, "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "faccessat2": 439,
    "pselect6": 270, "ppoll": 271, "set_robust_list": 273, "get_robust_list": 274, "utimensat": 280, "eventfd": 284,
    "eventfd2": 290, "fallocate": 285, "dup3": 292, "pipe2": 293, "preadv": 295, "pwritev": 296, "prlimit64": 302,
    "getcpu": 309, "getrandom": 318, "membarrier": 324, "statx": 332, "rseq": 334, "close_range": 436, "ioctl": 16,
}  # fmt: skip
AARCH64 = {
    "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215,
    "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "pwrite64": 68,
    "readv": 65, "writev": 66, "sched_yield": 124, "mremap": 216, "msync": 227, "mincore": 232, "madvise": 233,
    "dup": 23, "nanosleep": 101, "getitimer": 102, "setitimer": 103, "getpid": 172, "sendfile": 71, "socketpair": 199,
    "sendto": 206, "recvfrom": 207, "sendmsg": 211, "recvmsg": 212, "shutdown": 210, "getsockname": 204,
    "getsockopt": 209, "setsockopt": 208, "clone": 220, "execve": 221, "exit": 93, "wait4": 260,
    "waitid": 95, "uname": 160, "fcntl": 25, "flock": 32, "fsync": 82, "fdatasync": 83, "truncate": 45,
    "ftruncate": 46, "getdents64": 61, "getcwd": 17, "chdir": 49, "fchdir": 50, "fchmod": 52, "umask": 166,
    "gettimeofday": 169, "getrlimit": 163, "getrusage": 165, "sysinfo": 179, "times": 153, "getuid": 174,
    "getgid": 176, "geteuid": 175, "getegid": 177, "getppid": 173, "setsid": 157, "getpgid": 155, "getsid": 156,
    "setpgid": 154, "setresuid": 147, "setresgid": 149, "setgroups": 159, "getresuid": 148, "getresgid": 150,
    "getgroups": 158, "rt_sigpending": 136, "rt_sigtimedwait": 137, "rt_sigsuspend": 133, "sigaltstack": 132,
    "statfs": 43, "fstatfs": 44, "prctl": 167, "setrlimit": 164, "gettid": 178, "tkill": 130, "tgkill": 131,
    "kill": 129, "futex": 98, "sched_getaffinity": 123, "epoll_create1": 20, "epoll_ctl": 21, "epoll_pwait": 22,
    "set_tid_address": 96, "restart_syscall": 128, "fadvise64": 223, "clock_gettime": 113, "clock_getres": 114,
    "clock_nanosleep": 115, "exit_group": 94, "openat": 56, "mkdirat": 34, "newfstatat": 79, "unlinkat": 35,
    "renameat": 38, "renameat2": 276, "linkat": 37, "symlinkat": 36, "readlinkat": 78, "fchmodat": 53,
    "faccessat": 48, "faccessat2": 439, "pselect6": 72, "ppoll": 73, "set_robust_list": 99, "get_robust_list": 100,
    "utimensat": 88, "eventfd2": 19, "fallocate": 47, "dup3": 24, "pipe2": 59, "preadv": 69, "pwritev": 70,
    "prlimit64": 261, "getcpu": 168, "getrandom": 278, "membarrier": 283, "statx": 291, "rseq": 293,
    "close_range": 436, "ioctl": 29,
}  # fmt: skip
MACHINES = {  # by the name that the system gives itself: the number by which a filter knows it, and its calls
    "x86_64": (0xC000003E, X86_64),
    "aarch64": (0xC00000B7, AARCH64),
}
