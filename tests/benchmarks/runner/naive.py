"""The script that a tutorial would give: ImageFolder, DataLoader, a network, AdamW, one loop.

    python -m tests.benchmarks.runner.naive --train DIR --test DIR --network efficientnet_lite0 --learning-rate 0.001

Float32, batches of 32, all threads torch finds, no workers (the fastest on two cores), the pictures in memory of the
system's file cache. Prints one JSON line per look at the test set; its clock starts with the process and stands still
while it looks. It stops at the target accuracy, after the last epoch, or after --images pictures.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

BEGAN = time.perf_counter()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402
from torchvision import datasets, transforms  # noqa: E402

from axons_runner.backbones import LITE0_CHANNELS, Classifier, lite0_features, lite0_weights, small_cnn  # noqa: E402

SIDES = {"efficientnet_lite0": 224, "small_cnn": 64}


def network_of(name: str, classes: int, cache: Path) -> nn.Module:
    """The same network as the runner's, with the same published weights, all of it trained."""
    if name == "small_cnn":
        return small_cnn(classes)
    features = lite0_features()
    features.load_state_dict(lite0_weights(cache)[0], strict=False)
    return Classifier(features, LITE0_CHANNELS, classes)


@torch.inference_mode()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    hits = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in loader)
    return hits / len(loader.dataset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--network", choices=SIDES, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--images", type=int, default=10**9)
    parser.add_argument("--target", type=float, default=2.0, help="stop at this accuracy")
    parser.add_argument("--look-every", type=int, default=10**9, help="steps between looks at the test set")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    side = SIDES[options.network]
    transform = transforms.Compose(
        [transforms.Resize((side, side)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    )
    train_set = datasets.ImageFolder(options.train, transform)
    train = DataLoader(train_set, batch_size=32, shuffle=True)
    test = DataLoader(datasets.ImageFolder(options.test, transform), batch_size=32)
    model = network_of(options.network, len(train_set.classes), options.cache)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate)
    criterion = nn.CrossEntropyLoss()
    looking, seen, steps, training = 0.0, 0, 0, time.perf_counter()
    for _ in range(options.epochs):
        for images, labels in train:
            model.train()
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen, steps = seen + len(labels), steps + 1
            done = seen >= min(options.images, options.epochs * len(train_set))
            if done or steps % options.look_every == 0:
                now = time.perf_counter()
                rate = seen / (now - training - looking)
                said = {"seconds": now - BEGAN - looking, "seen": seen, "images_per_second": rate}
                if options.target <= 1:
                    said["accuracy"] = accuracy(model, test)
                    looking += time.perf_counter() - now
                print(json.dumps(said), flush=True)
                if done or said.get("accuracy", 0.0) >= options.target:
                    return


if __name__ == "__main__":
    main()
