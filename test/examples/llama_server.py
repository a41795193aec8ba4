"""llama.cpp's own HTTP server, as the wheel xllamacpp embeds it. One argument: settings as JSON. Prints its address."""

import json
import os
import signal
import sys

import xllamacpp

settings = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = settings["path"]
params.model_alias = {settings["model"]}
params.hostnames = ["127.0.0.1"]
params.port = 0
if "key" in settings:
    params.api_keys = [settings["key"]]
if settings.get("rerank"):
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
params.n_parallel = 4
params.n_ctx = 4 * 2048
params.n_gpu_layers = 0
# With more, threads that spin wait for each other on a busy machine.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.cache_ram_mib = 0
# Programs ask for random answers, of which a model this small gives an empty one now and then; its likeliest are not.
params.sampling.top_k = 1
params.ui = False

server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
os._exit(0)
