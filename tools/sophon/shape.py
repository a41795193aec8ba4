"""The tiny Qwen3-VL that the tests run: every part of the real one, two layers deep. Written as its config.json has it."""

SEQUENCE = 128  # tokens of prompt and answer
MAX_INPUT = 64  # tokens of a prompt, in the models without history
CHUNK = 32  # tokens of one prefill, in the model with history
MAX_SIDE = 128  # pixels: the vision tower takes 128 x 128

FIRST_WORD = 256  # ids below are bytes
LETTERS = "aeioustnr"
WORDS = [first + second for first in LETTERS for second in "abcdefghijklmnopqrstuvwxyz"]
# Numbered on without a gap: Hugging Face's tokenizers give added tokens the next ids, whatever the file says.
SPECIAL = {
    text: FIRST_WORD + len(WORDS) + index
    for index, text in enumerate(
        [
            "<|endoftext|>",
            "<|im_start|>",
            "<|im_end|>",
            "<|vision_start|>",
            "<|vision_end|>",
            "<|image_pad|>",
            "<|video_pad|>",
        ]
    )
}

CONFIG = {
    "model_type": "qwen3_vl",
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "image_token_id": SPECIAL["<|image_pad|>"],
    "video_token_id": SPECIAL["<|video_pad|>"],
    "vision_start_token_id": SPECIAL["<|vision_start|>"],
    "vision_end_token_id": SPECIAL["<|vision_end|>"],
    "tie_word_embeddings": False,
    "text_config": {
        "model_type": "qwen3_vl_text",
        "dtype": "bfloat16",
        "eos_token_id": SPECIAL["<|im_end|>"],
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 5_000_000,
        "rope_scaling": {"mrope_interleaved": True, "mrope_section": [6, 5, 5], "rope_type": "default"},
        "vocab_size": 512,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": False,
    },
    "vision_config": {
        "model_type": "qwen3_vl",
        "depth": 2,
        "hidden_size": 64,
        "hidden_act": "gelu_pytorch_tanh",
        "intermediate_size": 128,
        "num_heads": 2,
        "in_channels": 3,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 64,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0],
    },
}
