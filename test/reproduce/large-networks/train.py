"""Trains networks that are too large to be kept in the repository, and writes them to NAME.onnx in this folder.

    /usr/bin/python3 test/reproduce/large-networks/train.py DATA_FOLDER [NAME ...]

DATA_FOLDER has t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. Trained on 8500 of these images, the same as the
fixtures are, so that the samples of the fixture mnist_lenet are new to the networks. Needs PyTorch (Debian: apt-get
install python3-torch; with its libopenblas0 in the place of the reference BLAS it takes minutes instead of an hour).

- 1x1024_plain, 1x1024_at, 5x1024_plain: Table 2 of Croce and Hein, "A randomized gradient-free attack on ReLU networks".
  at: half of each batch are adversarial examples of PGD in l2 with steps along the gradient, fewer than the paper's 100.
  The paper gives no radius.
- lenet5: Caffe's LeNet-5 (examples/mnist/lenet_train_test.prototxt and lenet_solver.prototxt), which is that of Peck,
  "Lower bounds on the robustness to adversarial perturbations", for pixel values divided by 256.
"""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parents[2] / "fixtures" / "scripts"))
import data_sets

BATCH, RATE = 100, 1e-3
RADIUS, ATTACK_STEPS = 2.0, 10
LENET_STEPS, LENET_BATCH = 10_000, 64


def main():
    folder, only = Path(sys.argv[1]), sys.argv[2:]
    train, held_out = data_sets.mnist(folder)
    recipes = {
        "lenet5": lambda: lenet5(*train),
        "1x1024_plain": lambda: perceptron(1, *train, epochs=20),
        "5x1024_plain": lambda: perceptron(5, *train, epochs=10),
        "1x1024_at": lambda: perceptron(1, *train, epochs=20, adversarial=True),
    }
    for name, recipe in recipes.items():
        if only and name not in only:
            continue
        torch.manual_seed(1)
        network = recipe()
        scale = 255 / 256 if name == "lenet5" else 1
        with torch.no_grad():
            accuracy = (network(scale * held_out[0]).argmax(1) == held_out[1]).float().mean().item()
        print(name, f"accuracy {accuracy:.4f}", flush=True)
        torch.onnx.export(
            network, torch.zeros(1, 1, 28, 28), FOLDER / f"{name}.onnx", opset_version=13,
            input_names=["input"], output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )


def perceptron(layers, images, labels, epochs, adversarial=False):
    """Adam with a rate that falls along a cosine."""
    widths = [784, *[1024] * layers, 10]
    parts = [part for pair in zip(widths, widths[1:]) for part in (nn.Linear(*pair), nn.ReLU())]
    network = nn.Sequential(nn.Flatten(), *parts[:-1])
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (len(labels) // BATCH))
    for _ in range(epochs):
        order = torch.randperm(len(labels))
        for rows in order[: len(order) // BATCH * BATCH].split(BATCH):
            x, y = images[rows], labels[rows]
            if adversarial:
                half = BATCH // 2
                x = torch.cat([attacked(network, x[:half], y[:half]), x[half:]])
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network


def attacked(network, x, y):
    """PGD in the l2 ball and [0, 1], along normalised gradients, from a random start."""
    moved = x + RADIUS * torch.rand(len(x), 1, 1, 1) * unit(torch.randn_like(x))
    for _ in range(ATTACK_STEPS):
        moved.requires_grad_(True)
        slope, = torch.autograd.grad(F.cross_entropy(network(moved), y, reduction="sum"), moved)
        step = moved.detach() + 2.5 * RADIUS / ATTACK_STEPS * unit(slope) - x
        moved = (x + step * (RADIUS / norm(step)).clamp(max=1)).clamp(0, 1)
    return moved


def norm(x):
    return x.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)


def unit(x):
    return x / norm(x)


def lenet5(images, labels):
    network = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )
    weights, biases = [], []
    for layer in network:
        if hasattr(layer, "weight"):
            # Caffe's "xavier" filler.
            bound = (3 / layer.weight[0].numel()) ** 0.5
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)
            weights.append(layer.weight)
            biases.append(layer.bias)
    rates = [0.01, 0.02]
    groups = [{"params": parameters, "lr": rate} for parameters, rate in zip((weights, biases), rates)]
    optimizer = torch.optim.SGD(groups, momentum=0.9, weight_decay=0.0005)
    images = images * (255 / 256)
    order, next_row = torch.randperm(len(labels)), 0
    for step in range(LENET_STEPS):
        for group, rate in zip(optimizer.param_groups, rates):
            group["lr"] = rate * (1 + 0.0001 * step) ** -0.75
        if next_row + LENET_BATCH > len(order):
            order, next_row = torch.randperm(len(labels)), 0
        rows = order[next_row : next_row + LENET_BATCH]
        next_row += LENET_BATCH
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network


main()
