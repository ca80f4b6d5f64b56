"""Several ranks as threads of this process: quicker to start than processes."""

import threading

from sklearn_dcn._world import Ranks, host_store, reach_store


def together(n, work, timeout=20.0):
    """Return what `work(world)` returned, or raised, in each of n ranks."""
    store = host_store()
    found = [None] * n

    def run(rank):
        try:
            with Ranks(
                rank, n, reach_store("127.0.0.1", store.port), "test", timeout
            ) as world:
                found[rank] = work(world)
        except BaseException as error:
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def results(n, work, **options):
    """Return what ranks returned, none of which has failed."""
    found = together(n, work, **options)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return found
