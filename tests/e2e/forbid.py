"""Ways to take io_uring away from a process before it becomes the server."""

import ctypes
import os
import struct

SYS_IO_URING_SETUP = 425  # the same on all architectures but alpha
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7fff0000
SECCOMP_RET_ERRNO = 0x00050000
CAP_IPC_LOCK = 14

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option, *arguments):
    """The arguments are numbers; what they do not fill is 0, as the kernel demands."""
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *values):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def fail_io_uring(number):
    """From now on io_uring_setup(2) fails with this errno, here and in what is executed."""
    def instruction(code, jump_true, jump_false, value):
        return struct.pack("HBBI", code, jump_true, jump_false, value)

    program = b"".join((
        instruction(0x20, 0, 0, 0),                   # load the number of the system call
        instruction(0x15, 0, 1, SYS_IO_URING_SETUP),  # this one?
        instruction(0x06, 0, 0, SECCOMP_RET_ERRNO | number),
        instruction(0x06, 0, 0, SECCOMP_RET_ALLOW)))
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("@HP", 4, ctypes.addressof(code)))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))


def drop_memlock_privilege():
    """Makes the memlock limit count for root too."""
    if os.geteuid() == 0:
        prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK)
