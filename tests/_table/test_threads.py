"""Threads change neither the results nor their order."""

import threading

import pytest

from sklearn_dcn._table.threads import THREADS_FROM, map_threads


@pytest.mark.parametrize("n_rows", [THREADS_FROM - 1, THREADS_FROM])
@pytest.mark.parametrize("n_threads", [1, 2, 9])
def test_results_are_in_the_order_of_the_parts(n_rows, n_threads):
    """Also where the first of two parts waits for the second, in another thread."""
    has_threads = n_rows >= THREADS_FROM and n_threads > 1
    second = threading.Event()

    def square(part):
        if part == 3:
            second.set()
        elif has_threads:
            assert second.wait(timeout=60)
        return part**2, threading.current_thread()

    results = map_threads(square, [2, 3], n_rows, n_threads)
    assert [result for result, _ in results] == [4, 9]
    is_here = [thread is threading.current_thread() for _, thread in results]
    assert is_here == [not has_threads] * 2


def test_no_part_has_no_result():
    assert map_threads(abs, [], THREADS_FROM, 4) == []
