"""Exports small networks of published architectures with random weights to models/.

    OPENBLAS_CORETYPE=SkylakeX /usr/bin/python3 test/architectures/make_architectures.py [NAME ...]

Needs PyTorch (Debian: apt-get install python3-torch). Only the tests use these files; nothing is trained.
"""

import sys
from functools import partial
from pathlib import Path

import torch
from torch import nn

from blocks import (
    ChannelNorm, ConvNeXtBlock, DenseLayer, EinsumAttention, EncoderLayer, Inception, InvertedResidual, Pooled,
    Quantised, SqueezeExcite, UNet, UnrolledCells, VisionTransformer, YoloHead, basic_block, bottleneck, conv_norm,
)

FOLDER = Path(__file__).resolve().parent / "models"
CLASSES = 5
IMAGE = (1, 8, 8)
SEQUENCE = (3, 6)


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]


def resnet():
    return nn.Sequential(
        conv_norm(1, 8, 3, 2), nn.MaxPool2d(3, 2, 1), basic_block(8, 8), bottleneck(8, 16, 2), *head(16)
    )


def vgg():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, CLASSES),
    )


def densenet():
    transition = [nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1, bias=False), nn.AvgPool2d(2, 2)]
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), DenseLayer(8, 4), DenseLayer(12, 4), *transition, DenseLayer(8, 4),
        nn.BatchNorm2d(12), nn.ReLU(), *head(12),
    )


def inception():
    return nn.Sequential(conv_norm(1, 6, 3, 2), Inception(6, 3), nn.MaxPool2d(3, 2, ceil_mode=True), Inception(12, 3), *head(12))


def mobilenet_v2():
    return nn.Sequential(
        conv_norm(1, 6, 3, 2, activation=nn.ReLU6), InvertedResidual(6, 6), InvertedResidual(6, 8, 2), *head(8)
    )


def mobilenet_v3():
    squeeze = lambda channels: SqueezeExcite(channels, 4, nn.ReLU, nn.Hardsigmoid)
    block = partial(InvertedResidual, activation=nn.Hardswish, squeeze=squeeze)
    return nn.Sequential(
        conv_norm(1, 4, 3, 2, activation=nn.Hardswish), block(4, 4), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 12), nn.Hardswish(), nn.Dropout(), nn.Linear(12, CLASSES),
    )


def efficientnet():
    squeeze = lambda channels: SqueezeExcite(channels, 4, nn.SiLU, nn.Sigmoid)
    block = partial(InvertedResidual, activation=nn.SiLU, squeeze=squeeze)
    return nn.Sequential(conv_norm(1, 4, 3, 2, activation=nn.SiLU), block(4, 4), block(4, 6, 2), *head(6))


def convnext():
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, 4), ChannelNorm(4, eps=1e-6), ConvNeXtBlock(4), ConvNeXtBlock(4), nn.AdaptiveAvgPool2d(1),
        ChannelNorm(4, eps=1e-6), nn.Flatten(), nn.Linear(4, CLASSES),
    )


def norms():
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1), nn.InstanceNorm2d(4, affine=True), nn.Tanh(), nn.Conv2d(4, 4, 3, 2, 1),
        nn.GroupNorm(2, 4), nn.Mish(), nn.Conv2d(4, 4, 3, padding=1), nn.LayerNorm([4, 2, 2]), nn.ELU(),
        nn.LocalResponseNorm(3), *head(4),
    )


def text_transformer():
    return Pooled(EncoderLayer(6, 2, False), 6, CLASSES)


def recurrent(kind, width=8, **settings):
    body = kind(SEQUENCE[1], width, batch_first=True, **settings)
    return Pooled(body, width * (2 if settings.get("bidirectional") else 1), CLASSES, last=True)


def quantised():
    return Quantised([
        nn.Conv2d(1, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, CLASSES),
    ])


ARCHITECTURES = {
    "resnet": (resnet, IMAGE),
    "vgg": (vgg, IMAGE),
    "densenet": (densenet, IMAGE),
    "inception": (inception, IMAGE),
    "mobilenet_v2": (mobilenet_v2, IMAGE),
    "mobilenet_v3": (mobilenet_v3, IMAGE),
    "efficientnet": (efficientnet, IMAGE),
    "convnext": (convnext, IMAGE),
    "norms": (norms, IMAGE),
    "vit": (partial(VisionTransformer, CLASSES), IMAGE),
    "text_transformer": (text_transformer, SEQUENCE),
    "text_transformer_einsum": (lambda: Pooled(EinsumAttention(6, 2), 6, CLASSES), SEQUENCE),
    "lstm": (partial(recurrent, nn.LSTM, bidirectional=True, num_layers=2), SEQUENCE),
    "gru": (partial(recurrent, nn.GRU), SEQUENCE),
    "rnn": (partial(recurrent, nn.RNN), SEQUENCE),
    "unrolled_cells": (partial(UnrolledCells, SEQUENCE[1], 6, CLASSES), SEQUENCE),
    "quantised": (quantised, IMAGE),
    "vit_fixed_batch": (partial(VisionTransformer, CLASSES), IMAGE),
    "lstm_fixed_batch": (partial(recurrent, nn.LSTM), SEQUENCE),
    "unet": (partial(UNet, 2), (1, 16, 16)),
    "yolo": (YoloHead, (1, 32, 32)),
}


def vary(network):
    """Normalisation statistics and scales as training leaves them, instead of 0 and 1."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.2, 0.6)
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0, 0.1)


def balance(network, shape):
    """Logits of mean 0 and deviation 1 over random inputs, so that all classes occur and small changes matter."""
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        for _ in range(2):  # The second time settles what quantisation moved.
            logits = network(torch.rand(256, *shape))
            scale = logits.std(0).clamp_min(1e-3)
            last.bias.sub_(logits.mean(0)).div_(scale)
            last.weight.div_(scale[:, None])


def export(name):
    make, shape = ARCHITECTURES[name]
    torch.manual_seed(1)
    network = make()
    vary(network)
    network.eval()
    if name not in ("unet", "yolo"):
        balance(network, shape)
    is_fixed = name.endswith("_fixed_batch")
    torch.onnx.export(
        network, torch.rand(1 if is_fixed else 2, *shape), FOLDER / f"{name}.onnx", opset_version=16,
        input_names=["input"], output_names=["output"],
        dynamic_axes=None if is_fixed else {"input": {0: "batch"}, "output": {0: "batch"}},
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for chosen in sys.argv[1:] or ARCHITECTURES:
        export(chosen)
