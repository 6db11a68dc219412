"""What a warm child process keeps between jobs: the device, the backbone, the caches, the models in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from axons_runner.backbones import (
    ARCHITECTURES,
    HEADS,
    LITE0_CHANNELS,
    LITE0_SIZE,
    Classifier,
    lite0_features,
    lite0_weights,
    untrained,
)
from axons_runner.cache import DiskCache
from axons_runner.embedding import Embedder
from axons_runner.embedding_cache import EmbeddingCache
from axons_runner.errors import InvalidInput
from axons_runner.explain import grad_cam
from axons_runner.modelfile import FrozenBackbone, LoadedModel, load_model
from axons_runner.published import Refused, mirrored, read_list
from axons_runner.segmenters import Segmenter, untrained_segmenter
from axons_runner.settings import EMBEDDING_CACHE_BYTES
from axons_runner.tuning import Plans, candidates, machine, step_seconds

OBJECT_CACHE_BYTES = 4 << 30
MODEL_CACHE_BYTES = 512 << 20
LARGEST_MODEL_BYTES = 256 << 20
USUAL_BATCH = 32


class Engine:
    """Loads what every job needs, once."""

    def __init__(
        self, cache_dir: Path, threads: int, embedding_cache_bytes: int = EMBEDDING_CACHE_BYTES, processes: int = 1,
        weights_list: Path | None = None,
    ) -> None:  # fmt: skip
        torch.set_num_threads(threads)
        self.device = choose_device()
        # of one training: at most one for each GPU
        self.processes = min(processes, torch.cuda.device_count()) if self.device.type == "cuda" else processes
        self.device_name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        self.threads = threads
        self.files = DiskCache(cache_dir / "objects", OBJECT_CACHE_BYTES)
        self.embeddings = EmbeddingCache(cache_dir, embedding_cache_bytes)
        self.plans = Plans(cache_dir / "plans.json", machine(self.device_name, threads))
        self.refused: list[str] = []  # why weights that the operator lists cannot be used
        self._listed = self._mirrored(weights_list, cache_dir) if weights_list else {}
        features = lite0_features()
        weights, digest = lite0_weights(cache_dir)
        features.load_state_dict(weights, strict=False)  # the file leaves out num_batches_tracked
        features.eval().requires_grad_(False)
        self.backbone = FrozenBackbone(features, "efficientnet_lite0", digest)
        self.embedder = Embedder(self.backbone, self.device, threads)  # reads the weights before they move
        features.to(self.device).to(memory_format=torch.channels_last)
        self._models: OrderedDict[tuple[str, str], LoadedModel] = OrderedDict()

    @property
    def architectures(self) -> list[str]:
        """The names of the networks that this machine can train."""
        return sorted(name for name, about in ARCHITECTURES.items() if not about["listed"] or name in self._listed)

    def published(self, architecture: str) -> dict[str, Tensor]:
        """Return the published weights of a pretrained network's ``features``."""
        read = self._listed.get(architecture)
        return self.backbone.features.state_dict() if read is None else read()

    def _mirrored(self, path: Path, cache_dir: Path) -> dict[str, Callable[[], dict[str, Tensor]]]:
        """Fetch what is listed and not here yet; return what reads the weights of each network that can be had."""
        found: dict[str, Callable[[], dict[str, Tensor]]] = {}
        try:
            listed = read_list(path, HEADS)
        except Refused as problem:
            self.refused.append(str(problem))
            return {}
        for name, entry in listed.items():
            read = partial(mirrored, name, entry, untrained(name, 1).features, HEADS[name][0], cache_dir)
            try:
                read()
                found[name] = read
            except Refused as problem:  # what else is listed is not the worse for it
                self.refused.append(str(problem))
        return found

    def warm_up(self, *, training: bool = True) -> None:
        """Run each path once, so that no learner waits for lazy initialisation.

        With ``training`` on a machine that has no plan yet, the ways to compute are measured too.
        """
        pixels = torch.zeros(2, LITE0_SIZE, LITE0_SIZE, 3, dtype=torch.uint8).numpy()
        self.embedder(pixels)
        network = Classifier(self.backbone.features, LITE0_CHANNELS, 2).to(self.device)
        images = torch.zeros(1, 3, LITE0_SIZE, LITE0_SIZE, device=self.device)
        grad_cam(network, self.embedder.maps(images))
        if not training:
            return
        # on a processor EfficientNet-Lite0 gains nothing from half precision, and measuring it would take a minute
        on_gpu = self.device.type == "cuda"
        among = candidates(torch.cuda.get_device_capability(self.device) if on_gpu else None)
        for name in self.architectures if on_gpu else ("small_cnn",):
            size = ARCHITECTURES[name]["image_size"]
            images = torch.zeros(USUAL_BATCH, 3, size, size)
            self.plans.measure(name, step_seconds(partial(fresh, name, 2), images, self.device), among)

    def maps(self, model: LoadedModel, images: Tensor) -> Tensor:
        """Return the last feature maps (n, c, h, w) of normalised ``images``, by the fastest engine for this model."""
        if model.frozen:
            return self.embedder.maps(images)
        with torch.inference_mode():
            maps: Tensor = model.network.features(images)
        return maps

    def model(self, files: list[Mapping[str, Any]], task: str = "classification") -> LoadedModel:
        """Return the model of an assignment's ``model.files``, from memory when its hashes are known.

        Raises InvalidInput with a sentence, also for a model that was made for another task type.
        """
        by_name = {file["name"]: file for file in files}
        if not {"model.safetensors", "model.json"} <= by_name.keys():
            raise InvalidInput("This model cannot be used: model.safetensors and model.json are both needed.")
        weights, card = by_name["model.safetensors"], by_name["model.json"]
        if weights["bytes"] + card["bytes"] > LARGEST_MODEL_BYTES:
            raise InvalidInput("This model cannot be used: it is larger than 256 MiB.")
        key = (weights["sha256"], card["sha256"])
        if key not in self._models:
            paths = self.files.fetch(card), self.files.fetch(weights)
            model = load_model(paths[0].read_bytes(), paths[1].read_bytes(), self.backbone)
            model.network.to(self.device)
            self._models[key] = model
        self._models.move_to_end(key)
        while sum(m.bytes for m in self._models.values()) > MODEL_CACHE_BYTES and len(self._models) > 1:
            self._models.popitem(last=False)
        model = self._models[key]
        if model.task != task:
            raise InvalidInput(f"This model cannot be used: it was made for {model.task}, and this is {task}.")
        return model


def fresh(architecture: str, classes: int) -> Classifier | Segmenter:
    """Return the network of any task with random weights."""
    segments = ARCHITECTURES[architecture]["task"] == "segmentation"
    return untrained_segmenter(architecture, classes) if segments else untrained(architecture, classes)


def choose_device() -> torch.device:
    """Return the GPU, or the CPU where there is none. Raises RuntimeError for a GPU this torch cannot drive."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    major, minor = torch.cuda.get_device_capability()
    built = torch.cuda.get_arch_list()
    if not drives(built, major, minor):
        raise RuntimeError(f"This GPU is sm_{major}{minor}, and this build of torch has only {', '.join(built)}.")
    return torch.device("cuda")


def drives(built: list[str], major: int, minor: int) -> bool:
    """Return whether one of these architectures ("sm_70", …) runs on a GPU: same major version, no later minor one."""
    return any(f"sm_{major}{older}" in built for older in range(minor + 1))
