"""Trains the small MNIST networks of Table 1 of Croce and Hein and writes networks.json.

    python3 test/reproduce/regions/train.py DATA_FOLDER

DATA_FOLDER has t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. Trained on 8500 of these images, the same as the
fixtures are (fixtures/scripts/data_sets.py), so that the samples of the fixture mnist_lenet are new to the networks. The
weights are rounded to 8 bits per layer, which are the networks that the table is about.
"""

import base64
import gzip
import json
import sys
from pathlib import Path

import numpy

SIZES = {"784-50-10": [784, 50, 10], "784-50-15-10": [784, 50, 15, 10]}
SEEDS = [1, 2, 3]
EPOCHS, BATCH, RATE, DECAY = 20, 100, 2e-3, 1e-4


def main():
    (images, labels), (held_images, held_labels) = mnist(Path(sys.argv[1]))
    networks = {}
    for name, sizes in SIZES.items():
        for seed in SEEDS:
            layers = [rounded(*layer) for layer in train(images, labels, sizes, numpy.random.RandomState(seed))]
            used = [(scale * weights, bias) for scale, weights, bias in layers]
            accuracy = (forward(used, held_images)[-1].argmax(1) == held_labels).mean()
            print(name, seed, f"accuracy {accuracy:.4f}")
            networks[f"{name} seed {seed}"] = [
                {
                    "shape": weights.shape,
                    "scale": float(scale),
                    "weights": base64.b64encode(weights.astype(numpy.int8).tobytes()).decode(),
                    "bias": [float(number) for number in bias],
                }
                for scale, weights, bias in layers
            ]
    Path(__file__).with_name("networks.json").write_text(json.dumps(networks) + "\n")


def mnist(folder):
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        images = numpy.frombuffer(file.read(), numpy.uint8, offset=16).reshape(-1, 784) / 255
    with gzip.open(folder / "t10k-labels-idx1-ubyte.gz") as file:
        labels = numpy.frombuffer(file.read(), numpy.uint8, offset=8)
    order = numpy.random.RandomState(1).permutation(len(labels))
    return [(images[rows], labels[rows]) for rows in (order[1500:], order[:1500])]


def forward(layers, inputs):
    """Inputs of all layers, and the logits."""
    values = [inputs]
    for number, (weights, bias) in enumerate(layers):
        image = values[-1] @ weights.T + bias
        values.append(numpy.maximum(image, 0) if number < len(layers) - 1 else image)
    return values


def train(images, labels, sizes, random):
    """Cross-entropy, Adam with a rate that falls along a cosine."""
    layers = [
        [random.normal(size=(outputs, inputs)) * numpy.sqrt(2 / inputs), numpy.zeros(outputs)]
        for inputs, outputs in zip(sizes, sizes[1:])
    ]
    moments = [[[numpy.zeros_like(part) for part in layer] for layer in layers] for _ in range(2)]
    steps = EPOCHS * (len(labels) // BATCH)
    step = 0
    for _ in range(EPOCHS):
        order = random.permutation(len(labels))
        for rows in order[: len(order) // BATCH * BATCH].reshape(-1, BATCH):
            values = forward(layers, images[rows])
            exponentials = numpy.exp(values[-1] - values[-1].max(1, keepdims=True))
            slope = (exponentials / exponentials.sum(1, keepdims=True) - numpy.eye(sizes[-1])[labels[rows]]) / BATCH
            step += 1
            rate = RATE * 0.5 * (1 + numpy.cos(numpy.pi * step / steps))
            for number in reversed(range(len(layers))):
                gradients = [slope.T @ values[number] + DECAY * layers[number][0], slope.sum(0)]
                slope = (slope @ layers[number][0]) * (values[number] > 0)
                for part, gradient in enumerate(gradients):
                    first, second = (moment[number] for moment in moments)
                    first[part] += 0.1 * (gradient - first[part])
                    second[part] += 0.001 * (gradient**2 - second[part])
                    scaled = first[part] / (1 - 0.9**step) / (numpy.sqrt(second[part] / (1 - 0.999**step)) + 1e-8)
                    layers[number][part] -= rate * scaled
    return layers


def rounded(weights, bias):
    scale = numpy.abs(weights).max() / 127
    return scale, numpy.round(weights / scale), bias.astype(numpy.float32)


main()
