"""A process for each contender, and turns that go round among them.

A contender is a class; its constructor takes the configuration and does all that is
not measured, its methods return figures. It lives in a process of its own, so that
memory is its own and start-up is paid once; while others have their turn it waits at
its pipe. Requests and answers are lines of JSON.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# OpenMP's threads spin for some time after their work before they sleep.
SECONDS_TO_SETTLE = 0.25


@dataclass(frozen=True)
class Contender:
    """What a worker has to be.

    Parameters
    ----------
    name : str
        In the report.
    target : str
        "module:class" in this package.
    config : dict
        Arguments of the constructor.
    requires : tuple of str
        Modules without which it is skipped.
    """

    name: str
    target: str
    config: dict = field(default_factory=dict)
    requires: tuple = ()


def choose(contenders, module, config, only):
    """Return the contenders of a suite that are asked for.

    Parameters
    ----------
    contenders : sequence of (name, class, dict of more arguments, required modules)
    module : str
        Where the classes are, in this package.
    config : dict
        Arguments that all have.
    only : container of str
        The names asked for.
    """
    return [
        Contender(name, f"benchmarks.{module}:{target}", config | more, requires)
        for name, target, more, requires in contenders
        if name in only
    ]


@dataclass
class Outcome:
    """What a contender's turns gave: its description, figures a turn, memory."""

    info: dict
    turns: list
    peak_mib: float

    def figures(self, name):
        """Return one figure of all turns."""
        return [turn[name] for turn in self.turns]


class NotInstalled(Exception):
    """A contender's library is not there."""


class Worker:
    """A contender in a process of its own.

    Parameters
    ----------
    contender : Contender
        What it has to be.
    threads : int or None
        Number of threads of the numerical libraries; None leaves them alone.
    """

    def __init__(self, contender, threads):
        self.name = contender.name
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        environment = dict(os.environ)
        if threads is not None:
            environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        start = [contender.target, contender.config, list(contender.requires)]
        self.info = self._request(start)

    def call(self, method, **kwargs):
        """Return what a method of the contender returns."""
        return self._request([method, kwargs])

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _request(self, message):
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        kind, answer = json.loads(line) if line else ("error", self._last_words())
        if kind == "missing":
            self.close()
            raise NotInstalled(answer)
        if kind == "error":
            raise RuntimeError(f"{self.name}: {answer}")
        return answer

    def _last_words(self):
        self.process.wait()
        self.log.seek(0)
        tail = self.log.read()[-2000:]
        return f"the process ended with code {self.process.returncode}\n{tail}"


def measure(contenders, options):
    """Give every contender its turns, interleaved, the order rotated each time.

    Parameters
    ----------
    contenders : list of Contender
        All are set up before the first turn.
    options : Namespace
        The command line's: `repeats`, `threads`, `require_all`.

    Returns
    -------
    outcomes : dict of {str: Outcome}
        By name, in the order given; without those that are not installed.
    """
    with ExitStack() as stack:
        workers = []
        for contender in contenders:
            progress(f"setting up {contender.name}")
            try:
                worker = Worker(contender, options.threads)
            except NotInstalled as reason:
                if options.require_all:
                    raise
                progress(f"{contender.name}: not installed ({reason}), skipped")
                continue
            workers.append(stack.enter_context(worker))
        turns = {worker.name: [] for worker in workers}
        for repeat in range(options.repeats):
            for worker in rotated(workers, repeat):
                progress(f"repeat {repeat + 1} of {options.repeats}: {worker.name}")
                time.sleep(SECONDS_TO_SETTLE)
                turns[worker.name].append(worker.call("turn"))
        return {
            worker.name: Outcome(
                worker.info, turns[worker.name], worker.call("peak_memory")
            )
            for worker in workers
        }


def rotated(items, by):
    """Return the items, another one first each time."""
    by %= max(1, len(items))
    return items[by:] + items[:by]


def progress(text):
    """Say on the error stream what is going on."""
    print(text, file=sys.stderr, flush=True)


# In the worker's process ------------------------------------------------------------


def memory(kind="VmRSS"):
    """Return this process's resident memory in MiB, or with "VmHWM" its peak."""
    # Not ru_maxrss where there is /proc: it starts at the parent's memory.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith(kind):
                return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def reset_peak_memory():
    """Let the peak start anew, where the system can; return the memory held in MiB.

    For contenders to call when their data are there: making them is none of the
    contender's memory.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        pass  # then the peak includes the making of the data
    return memory()


def serve():
    """Answer requests until the pipe closes."""
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log

    def answer(kind, value):
        answers.write(json.dumps([kind, value]) + "\n")
        answers.flush()

    target, config, requires = json.loads(requests.readline())
    try:
        missing = [name for name in requires if importlib.util.find_spec(name) is None]
        if missing:
            raise ImportError(f"no module {missing[0]}")
        module, _, name = target.partition(":")
        contender = getattr(importlib.import_module(module), name)(**config)
    except ImportError as error:
        kind = "missing" if requires else "error"
        answer(kind, str(error) if requires else traceback.format_exc())
        return
    except Exception:
        answer("error", traceback.format_exc())
        return
    answer("ok", getattr(contender, "info", {}))
    for line in requests:
        method, kwargs = json.loads(line)
        try:
            if method == "peak_memory":
                answer("ok", memory("VmHWM"))
            else:
                answer("ok", getattr(contender, method)(**kwargs))
        except Exception:
            answer("error", traceback.format_exc())


if __name__ == "__main__":
    serve()
