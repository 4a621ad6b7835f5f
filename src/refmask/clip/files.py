"""What files in a model's folder, or in a repository of the hub, are called."""

CONFIG_FILE = "open_clip_config.json"
#: Transformers' configurations, of a model and of how images enter it.
CONFIG, PREPROCESSING = "config.json", "preprocessor_config.json"
#: Weights of transformers, and of either.
TRANSFORMERS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", *TRANSFORMERS_WEIGHTS)
