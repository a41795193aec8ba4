"""llama.cpp's own HTTP server, as the wheel xllamacpp embeds it. One argument: settings as JSON."""

import json
import os
import signal
import sys

import xllamacpp

settings = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = settings["path"]
params.hostnames = ["127.0.0.1"]
params.port = settings["port"]
params.n_parallel = settings["slots"]
params.n_ctx = settings["slots"] * settings["context"]
params.kv_unified = False
params.n_gpu_layers = 0
params.cpuparams.n_threads = settings["threads"]
params.cpuparams_batch.n_threads = settings["threads"]
flash = xllamacpp.llama_flash_attn_type
params.flash_attn_type = (
    flash.LLAMA_FLASH_ATTN_TYPE_ENABLED if settings["flashAttention"] else flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
)
# No copies of old prompts in memory: Backplane keeps none either.
params.cache_ram_mib = 0
params.warmup = True
params.ui = False
params.endpoint_slots = False

server = xllamacpp.Server(params)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
os._exit(0)
