"""The numbers of the model and its special tokens. A change here needs a training from scratch."""

from __future__ import annotations

LAYERS = 4
HIDDEN = 192
HEADS = 6
KV_HEADS = 2
HEAD_DIM = 32
FFN = 512
VOCABULARY = 1536
ROPE_THETA = 10000.0
RMS_EPSILON = 1e-6
CONTEXT = 2048

# token -> is it a control token. The order fixes the ids after the BPE vocabulary.
SPECIAL = {
    "<|endoftext|>": True, "<|im_start|>": True, "<|im_end|>": True,
    "<|vision_start|>": True, "<|vision_end|>": True, "<|image_pad|>": True, "<|video_pad|>": True,
    "<tool_call>": False, "</tool_call>": False, "<tool_response>": False, "</tool_response>": False,
    "<think>": False, "</think>": False,
}
