"""The plainest loop over libbmrt in Python: decodes tokens with ctypes and numpy, as the probes of the vendor's demos do.

tokens.py LIBRARIES BMODEL TOKENS answers each line on stdin with the CPU milliseconds per token of a round, as JSON.
"""

import ctypes as c
import json
import os
import sys
import time

import numpy as np


class Memory(c.Structure):
    _fields_ = [("address", c.c_uint64), ("reserved", c.c_uint32), ("fd", c.c_int32), ("flags", c.c_uint32), ("size", c.c_uint32)]


class Shape(c.Structure):
    _fields_ = [("count", c.c_int32), ("sizes", c.c_int32 * 8)]


class Tensor(c.Structure):
    _fields_ = [("dtype", c.c_int32), ("shape", Shape), ("memory", Memory), ("store", c.c_int32)]


class Stage(c.Structure):
    _fields_ = [
        ("input_shapes", c.POINTER(Shape)),
        ("output_shapes", c.POINTER(Shape)),
        ("inputs", c.POINTER(Memory)),
        ("outputs", c.POINTER(Memory)),
    ]


class Net(c.Structure):
    _fields_ = [
        ("name", c.c_char_p),
        ("dynamic", c.c_bool),
        ("input_count", c.c_int32),
        ("input_names", c.c_void_p),
        ("input_dtypes", c.POINTER(c.c_int32)),
        ("input_scales", c.c_void_p),
        ("output_count", c.c_int32),
        ("output_names", c.c_void_p),
        ("output_dtypes", c.POINTER(c.c_int32)),
        ("output_scales", c.c_void_p),
        ("stage_count", c.c_int32),
        ("stages", c.POINTER(Stage)),
    ]


UNSEEN = 0xF0E2


class Model:
    def __init__(self, libraries: str, bmodel: str):
        self.lib = c.CDLL(f"{libraries}/libbmlib.so.0", mode=c.RTLD_GLOBAL)
        self.rt = c.CDLL(f"{libraries}/libbmrt.so.1.0")
        self.rt.bmrt_create.restype = c.c_void_p
        self.rt.bmrt_get_network_info.restype = c.POINTER(Net)
        self.rt.bmrt_load_bmodel.restype = self.rt.bmrt_launch_tensor_ex.restype = c.c_bool
        self.handle = c.c_void_p()
        assert self.lib.bm_dev_request(c.byref(self.handle), 0) == 0
        self.runtime = c.c_void_p(self.rt.bmrt_create(self.handle))
        assert self.rt.bmrt_load_bmodel(self.runtime, bmodel.encode())
        names = []
        while self.info(f"block_cache_{len(names)}"):
            names.append(f"block_cache_{len(names)}")
        self.blocks = [(name.encode(), self.info(name).contents) for name in names]
        self.embedding = self.info("embedding_cache").contents
        self.head = self.info("lm_head").contents
        first = self.blocks[0][1].stages[0]
        self.length = first.input_shapes[3].sizes[1]
        self.row = first.outputs[1].size

    def info(self, name: str):
        return self.rt.bmrt_get_network_info(self.runtime, name.encode())

    def tensors(self, net: Net):
        stage = net.stages[0]
        inputs = (Tensor * net.input_count)()
        outputs = (Tensor * net.output_count)()
        for i in range(net.input_count):
            inputs[i] = Tensor(net.input_dtypes[i], stage.input_shapes[i], stage.inputs[i], 0)
        for i in range(net.output_count):
            outputs[i] = Tensor(net.output_dtypes[i], stage.output_shapes[i], stage.outputs[i], 0)
        return inputs, outputs

    def launch(self, name: bytes, inputs, outputs) -> None:
        assert self.rt.bmrt_launch_tensor_ex(
            self.runtime, name, inputs, len(inputs), outputs, len(outputs), c.c_bool(True), c.c_bool(False)
        )

    def upload(self, memory: Memory, values: np.ndarray) -> None:
        data = values.ctypes.data_as(c.c_void_p)
        assert self.lib.bm_memcpy_s2d_partial_offset(self.handle, memory, data, c.c_uint(values.nbytes), c.c_uint(0)) == 0

    def next(self, token: int, past: int) -> int:
        inputs, outputs = self.tensors(self.embedding)
        self.upload(inputs[0].memory, np.array([token], np.int32))
        self.launch(b"embedding_cache", inputs, outputs)
        hidden = outputs[0].memory
        mask = np.zeros(self.length + 1, np.uint16)
        mask[past : self.length] = UNSEEN
        shared = self.blocks[0][1].stages[0].inputs
        self.upload(shared[1], np.full(3, past, np.int32))
        self.upload(shared[2], mask)
        for name, net in self.blocks:
            inputs, outputs = self.tensors(net)
            inputs[0].memory, inputs[1].memory, inputs[2].memory = hidden, shared[1], shared[2]
            for side in (1, 2):
                cache = inputs[side + 2].memory
                outputs[side].memory = Memory(cache.address + past * self.row, 0, cache.fd, cache.flags, self.row)
            self.launch(name, inputs, outputs)
            hidden = outputs[0].memory
        inputs, outputs = self.tensors(self.head)
        inputs[0].memory = hidden
        self.launch(b"lm_head", inputs, outputs)
        assert self.lib.bm_thread_sync(self.handle) == 0
        chosen = np.empty(1, np.int32)
        data = chosen.ctypes.data_as(c.c_void_p)
        assert self.lib.bm_memcpy_d2s_partial_offset(self.handle, data, outputs[0].memory, c.c_uint(4), c.c_uint(0)) == 0
        return int(chosen[0])

    def close(self) -> None:
        self.rt.bmrt_destroy(self.runtime)
        self.lib.bm_dev_free(self.handle)


def main(libraries: str, bmodel: str, tokens: int) -> None:
    # What the libraries print goes elsewhere.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    model = Model(libraries, bmodel)
    for _ in sys.stdin:
        begin, token = time.process_time(), 10
        for past in range(20, 20 + tokens):
            token = model.next(token, past)
        assert token == 10, "the model repeats what it is given"
        print(json.dumps((time.process_time() - begin) * 1000 / tokens), file=answers, flush=True)
    model.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
