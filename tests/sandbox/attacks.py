"""Programs that no one would want to run: each tries to be paid, to get out, to learn the answer or to stay.

TOKEN stands for what is right. It is drawn by the test that uses it and stands nowhere in a sandbox, so a program that
says it has got out; one that does not is a fake that must not be paid.
"""

from __future__ import annotations

CALLS = """
import ctypes
def call(number, *args):
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(ctypes.c_long(number), *[ctypes.c_long(one) for one in args]), ctypes.get_errno()
"""

EQUAL_TO_ALL = """
class Same{of}:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __repr__(self): return "'yes'"
def f(x): return Same()
"""

FAKES = {
    "leaves at once": "import os\nos._exit(0)",
    "leaves when it is asked": "import os\ndef f(x): os._exit(0)",
    "exits in good order": "import sys\nsys.exit(0)",
    "an object that is equal to everything": EQUAL_TO_ALL.format(of=""),
    "a number that is equal to everything": EQUAL_TO_ALL.format(of="(int)"),
    "a text that is equal to everything": EQUAL_TO_ALL.format(of="(str)"),
    "a list that is equal to everything": EQUAL_TO_ALL.format(of="(list)"),
    "asserts that never fail": (
        "import builtins\nclass Quiet(Exception):\n    pass\nbuiltins.AssertionError = Quiet\n"
        "builtins.isinstance = lambda *a: True\nbuiltins.all = lambda *a: True\ndef f(x): return True"
    ),
    "the harness itself rewritten": (
        "import sys\nfrom straw.sandbox.inside import values, wire, running, programs\n"
        "values.spelled = running.spelled = lambda value: 'true'\nvalues.same = lambda *a: True\n"
        "programs.frame = lambda *a: b'1\\n'\ndef f(x): return 1"
    ),
    "a forged answer on every file": (
        "import os\ndef forge():\n    for end in range(256):\n"
        "        for text in (b'1\\n', b'exited 0 2\\n1\\n', b'{\"value\": true}\\n', b'value 0 15\\n{}'):\n"
        "            try: os.write(end, text)\n            except OSError: pass\nforge()\ndef f(x): forge(); return 1"
    ),
    "everything that Python can see": (
        "import gc, sys, os\nfound = [repr(dict(os.environ)), repr(sys.argv), repr(sys.modules)]\n"
        "frame = sys._getframe()\nwhile frame:\n    found.append(repr(frame.f_locals)[:20000])\n"
        "    found.append(repr(frame.f_globals)[:20000])\n    frame = frame.f_back\n"
        "for one in gc.get_objects():\n    try: found.append(repr(one)[:200])\n    except Exception: pass\n"
        "text = ' '.join(found)[:900000]\nprint(text)\ndef f(x): return text"
    ),
    "every file there is": (
        "import os\nfound = []\nfor folder, inner, names in os.walk('/'):\n"
        "    if '/lib' in folder: del inner[:]\n    if '/lib' in folder: continue\n"
        "    for name in names:\n        path = os.path.join(folder, name)\n"
        "        try: found.append(path + open(path, errors='replace').read(5000) if '/dev' not in path else path)\n"
        "        except OSError as error: found.append(path + str(error))\n"
        "text = ' '.join(found)[:900000]\nprint(text)\ndef f(x): return text"
    ),
    "the processes beside it": (
        "import glob\nfound = []\nfor path in glob.glob('/proc/*/*'):\n"
        "    try: found.append(open(path, errors='replace').read(10000))\n    except OSError: pass\n"
        "text = ' '.join(found)\nprint(text)\ndef f(x): return text"
    ),
    "the memory of its parent": CALLS + (
        "import os\nfound = [call(101, 16, os.getppid(), 0, 0), call(310, os.getppid(), 0, 0, 0, 0, 0)]\n"
        "assert all(one == -1 for one, _ in found)\nprint(found)\ndef f(x): return str(found)"
    ),
    "nothing but noise": "import os\ndef f(x): return os.urandom(20).hex()\nprint(f(0))",
    "no Python at all": "this is no program )",
    "nothing": "",
    "an end of its text": "print('a\\0b')\n\0",
}  # fmt: skip

# What they do while they run is their own affair; it has to end, and nothing may be left.
BOMBS = {
    "forks": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "processes by the library": (
        "import subprocess\nwhile True:\n    try: subprocess.Popen(['sleep', '99'])\n    except OSError: pass"
    ),
    "memory": "x = []\nwhile True:\n    x.append(bytearray(1 << 20))",
    "memory at once": "x = bytearray(1 << 40)",
    "memory in files": (
        "for n in range(10 ** 6):\n    with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(1 << 20))"
    ),
    "memory in pipes": "import os\nends = [os.pipe() for _ in range(10 ** 6)]",
    "output": "while True: print('x' * 10000)",
    "errors": "import sys\nwhile True: sys.stderr.write('x' * 10000)",
    "work": "while True: pass",
    "work that Python cannot stop": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
    "sleep": "import time\ntime.sleep(1000)",
    "sleep with deaf ears": (
        "import signal, time\nfor one in range(1, 65):\n    try: signal.signal(one, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: time.sleep(1000)"
    ),
    "waits for input": "import os\nr, w = os.pipe()\nos.read(r, 1)",
    "threads": (
        "import threading, time\ndef rest(): time.sleep(1000)\nwhile True:\n"
        "    try: threading.Thread(target=rest).start()\n    except RuntimeError: pass"
    ),
    "threads without Python": CALLS + (
        "import time\nlibc = ctypes.CDLL(None)\nstack = ctypes.create_string_buffer(1 << 16)\n"
        "top = ctypes.addressof(stack) + (1 << 15)\nmany = 0\nfor _ in range(20000):\n"
        "    if libc.clone(libc.pause, ctypes.c_void_p(top), 0x10f00, None) > 0: many += 1\n"
        "print(many)\nassert many < 40\ntime.sleep(1000)"
    ),
    "a thread that survives": (
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(1000), daemon=True).start()"
    ),
    "a thread that is waited for": "import threading, time\nthreading.Thread(target=lambda: time.sleep(1000)).start()",
    "a last word without end": "import atexit, time\natexit.register(time.sleep, 1000)",
    "signals to everyone": (
        "import os\nfor one in (-1, 0, 1, os.getppid()):\n    for signal in (15, 19, 9):\n"
        "        try: os.kill(one, signal)\n        except OSError: pass"
    ),
    "files that it closes": "import os\nos.closerange(0, 256)\nwhile True: pass",
    "recursion": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
    "limits of its own": (
        "import resource, os\nfor kind in range(16):\n    for who in (0, 1, os.getppid()):\n"
        "        try: resource.prlimit(who, kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "        except (OSError, ValueError): pass\n        try: resource.prlimit(1, kind, (0, 0))\n"
        "        except (OSError, ValueError): pass\nx = bytearray(1 << 30)"
    ),
}  # fmt: skip

# Each has to end in an error: a system call by its number on this machine's kind (x86_64), and what it is called.
REFUSED = {
    "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308,
    "socket": 41, "connect": 42, "bind": 49, "bpf": 321, "perf_event_open": 298, "keyctl": 250, "add_key": 248,
    "io_uring_setup": 425, "userfaultfd": 323, "process_vm_readv": 310, "process_vm_writev": 311, "kexec_load": 246,
    "init_module": 175, "reboot": 169, "swapon": 167, "open_by_handle_at": 304, "name_to_handle_at": 303,
    "memfd_create": 319, "shmget": 29, "msgget": 68, "semget": 64, "mq_open": 240, "pidfd_open": 434,
    "pidfd_getfd": 438, "pidfd_send_signal": 424, "clone3": 435, "fork": 57, "vfork": 58, "sethostname": 170,
    "settimeofday": 164, "clock_settime": 227, "personality": 135, "quotactl": 179, "acct": 163, "syslog": 103,
    "iopl": 172, "modify_ldt": 154, "execveat": 322, "move_mount": 429, "open_tree": 428, "fsopen": 430,
}  # fmt: skip
