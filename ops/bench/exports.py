"""The load generator of OTLP/gRPC: so many threads, each with a channel of its own.

Reads a `Load` as JSON from its input and writes what it saw as JSON, as `ops.bench.load` does. The
client's library costs as much as the server, so only the server's processor time says much.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time

import grpc

from ops.bench.load import BATCH_POLL, Load, Seen
from ops.bench.spans import PROTOBUF, Template

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TIMEOUT = 30.0


def run(load: Load) -> Seen:
    """Send the load; what was seen, a status 200 for each export that was taken."""
    seen, lock, numbers = Seen(begun=time.time()), threading.Lock(), itertools.count()
    begun = time.perf_counter()

    def client() -> None:
        template = Template(PROTOBUF, load.application, load.items)
        options = (("grpc.use_local_subchannel_pool", 1),)
        with grpc.insecure_channel(load.url, options) as channel:
            export = channel.unary_unary(EXPORT)
            while time.perf_counter() < begun + load.seconds:
                with lock:
                    body = template.body(next(numbers) * load.items)
                try:
                    export(body, timeout=TIMEOUT)
                except grpc.RpcError:
                    status = 503
                    time.sleep(BATCH_POLL)
                else:
                    status = 200
                with lock:
                    seen.statuses[status] += 1

    threads = [threading.Thread(target=client) for _ in range(load.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.spent = time.perf_counter() - begun
    return seen


if __name__ == "__main__":
    print(json.dumps(vars(run(Load(**json.load(sys.stdin))))))
