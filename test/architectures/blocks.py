"""The building blocks of the published architectures, at a width of a few channels."""

import math

import torch
from torch import nn
from torch.nn import functional


def conv_norm(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)): BasicBlock and Bottleneck (He et al. 2015)."""

    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return torch.relu(self.branch(x) + self.shortcut(x))


def basic_block(inputs, outputs, stride=1):
    branch = nn.Sequential(conv_norm(inputs, outputs, stride=stride), conv_norm(outputs, outputs, activation=None))
    same = stride == 1 and inputs == outputs
    return Residual(branch, None if same else conv_norm(inputs, outputs, 1, stride, activation=None))


def bottleneck(inputs, outputs, stride=1):
    width = outputs // 4
    branch = nn.Sequential(
        conv_norm(inputs, width, 1), conv_norm(width, width, 3, stride), conv_norm(width, outputs, 1, activation=None)
    )
    return Residual(branch, conv_norm(inputs, outputs, 1, stride, activation=None))


class DenseLayer(nn.Module):
    """Huang et al. 2017: the new features are put beside all earlier ones."""

    def __init__(self, inputs, growth):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 2 * growth, 1, bias=False),
            nn.BatchNorm2d(2 * growth), nn.ReLU(), nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return torch.cat([x, self.layers(x)], 1)


class Inception(nn.Module):
    """Szegedy et al. 2015: four branches side by side."""

    def __init__(self, inputs, width):
        super().__init__()
        self.branches = nn.ModuleList([
            conv_norm(inputs, width, 1),
            nn.Sequential(conv_norm(inputs, width, 1), conv_norm(width, width, 3)),
            nn.Sequential(conv_norm(inputs, width, 1), conv_norm(width, width, 5)),
            nn.Sequential(nn.MaxPool2d(3, 1, 1), conv_norm(inputs, width, 1)),
        ])

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


class SqueezeExcite(nn.Module):
    """Hu et al. 2018, with the gate of MobileNetV3 (Hardsigmoid) or EfficientNet (Sigmoid)."""

    def __init__(self, channels, squeezed, activation, gate):
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), activation(),
            nn.Conv2d(squeezed, channels, 1), gate(),
        )

    def forward(self, x):
        return x * self.gate(x)


class InvertedResidual(nn.Module):
    """Sandler et al. 2018; with `squeeze` as in MobileNetV3 and EfficientNet."""

    def __init__(self, inputs, outputs, stride=1, activation=nn.ReLU6, squeeze=None):
        super().__init__()
        wide = 2 * inputs
        self.branch = nn.Sequential(
            conv_norm(inputs, wide, 1, activation=activation),
            conv_norm(wide, wide, 3, stride, groups=wide, activation=activation),
            *([squeeze(wide)] if squeeze else []),
            conv_norm(wide, outputs, 1, activation=None),
        )
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.branch(x) if self.is_residual else self.branch(x)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of an image."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """Liu et al. 2022."""

    def __init__(self, channels):
        super().__init__()
        self.block = nn.Sequential(
            nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, 4 * channels), nn.GELU(),
            nn.Linear(4 * channels, channels),
        )
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.5))

    def forward(self, x):
        y = self.block(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * y).permute(0, 3, 1, 2)


class VisionTransformer(nn.Module):
    """Dosovitskiy et al. 2021: patches, a class token, positions, pre-norm encoder layers."""

    def __init__(self, classes, size=8, patch=4, width=4, heads=2):
        super().__init__()
        self.patches = nn.Conv2d(1, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width))
        self.encoder = EncoderLayer(width, heads, True)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], 1) + self.positions
        return self.head(self.norm(self.encoder(tokens))[:, 0])


class EncoderLayer(nn.Module):
    """Vaswani et al. 2017, with nn.MultiheadAttention as exported; the norm before (ViT) or after (BERT) each part."""

    def __init__(self, width, heads, norm_first):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.norm_first = norm_first

    def forward(self, x):
        attend = lambda y: self.attention(y, y, y, need_weights=False)[0]
        if self.norm_first:
            x = x + attend(self.norms[0](x))
            return x + self.mlp(self.norms[1](x))
        x = self.norms[0](x + attend(x))
        return self.norms[1](x + self.mlp(x))


class EinsumAttention(nn.Module):
    """Causal attention written with einsum, as many text models are; root mean square norm and a gated MLP (Llama)."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([RootMeanSquareNorm(width), RootMeanSquareNorm(width)])
        self.project = nn.ModuleList([nn.Linear(width, width, bias=False) for _ in range(4)])
        self.gated = nn.ModuleList([nn.Linear(width, 2 * width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)])

    def forward(self, x):
        n, length, width = x.shape
        y = self.norms[0](x)
        query, key, value = (layer(y).view(n, length, self.heads, width // self.heads) for layer in self.project[:3])
        scores = torch.einsum("bihd,bjhd->bhij", query, key) / math.sqrt(width // self.heads)
        later = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        weights = scores.masked_fill(later, float("-inf")).softmax(-1)
        x = x + self.project[3](torch.einsum("bhij,bjhd->bihd", weights, value).reshape(n, length, width))
        gate, up, down = self.gated
        y = self.norms[1](x)
        return x + down(functional.silu(gate(y)) * up(y))


class RootMeanSquareNorm(nn.Module):
    """Zhang and Sennrich 2019."""

    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale


class Pooled(nn.Module):
    """Logits from the mean of a sequence, or from its last state."""

    def __init__(self, body, width, classes, last=False):
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, classes)
        self.last = last

    def forward(self, x):
        y = self.body(x)
        y = y[0] if isinstance(y, tuple) else y
        return self.head(y[:, -1] if self.last else y.mean(1))


class UnrolledCells(nn.Module):
    """Cells called step by step: the export has one copy of their gates per step."""

    def __init__(self, inputs, width, classes):
        super().__init__()
        self.lstm = nn.LSTMCell(inputs, width)
        self.gru = nn.GRUCell(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        state = cell = second = torch.zeros(x.shape[0], self.lstm.hidden_size)
        for step in range(2):
            state, cell = self.lstm(x[:, step], (state, cell))
            second = self.gru(state, second)
        return self.head(second)


class UNet(nn.Module):
    """Ronneberger et al. 2015: one step down and up by ConvTranspose, one by bilinear and one by nearest Resize."""

    def __init__(self, outputs, width=4):
        super().__init__()
        self.down = nn.ModuleList([conv_norm(1, width), conv_norm(width, 2 * width), conv_norm(2 * width, 2 * width)])
        self.bottom = conv_norm(2 * width, 2 * width)
        self.ups = nn.ModuleList([
            nn.ConvTranspose2d(2 * width, 2 * width, 2, 2),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Upsample(scale_factor=2, mode="nearest"),
        ])
        self.merge = nn.ModuleList([
            conv_norm(4 * width, 2 * width), conv_norm(4 * width, 2 * width), conv_norm(3 * width, width)
        ])
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, x):
        kept = []
        for layer in self.down:
            x = layer(x)
            kept.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottom(x)
        for up, merge, skip in zip(self.ups, self.merge, kept[::-1]):
            x = merge(torch.cat([up(x), skip], 1))
        return self.head(x)


class YoloHead(nn.Module):
    """Two scales of boxes, decoded with grid and anchors as YOLOv5 exports them; spatial pyramid pooling before."""

    def __init__(self, classes=2, width=8):
        super().__init__()
        self.outputs = 5 + classes
        self.stem = nn.Sequential(conv_norm(1, width, 3, 2, activation=nn.SiLU), conv_norm(width, width, 3, 2, activation=nn.SiLU))
        self.deeper = conv_norm(width, width, 3, 2, activation=nn.SiLU)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.mix = conv_norm(2 * width, width, 1, activation=nn.SiLU)
        self.heads = nn.ModuleList([nn.Conv2d(2 * width, 2 * self.outputs, 1), nn.Conv2d(width, 2 * self.outputs, 1)])
        self.anchors = nn.Parameter(torch.tensor([[[2.0, 3.0], [4.0, 4.0]], [[6.0, 8.0], [9.0, 7.0]]]))

    def forward(self, x):
        fine = self.stem(x)
        coarse = self.deeper(fine)
        coarse = self.mix(torch.cat([coarse, self.pool(coarse)], 1))
        fine = torch.cat([fine, functional.interpolate(coarse, scale_factor=2, mode="nearest")], 1)
        return torch.cat([self.decode(y, i, stride) for i, (y, stride) in enumerate([(fine, 4), (coarse, 8)])], 1)

    def decode(self, x, scale, stride):
        y = self.heads[scale](x)
        n, _, rows, columns = y.shape
        y = y.view(n, 2, self.outputs, rows, columns).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
        down, right = torch.arange(rows).float(), torch.arange(columns).float()
        grid = torch.stack([right.expand(rows, columns), down[:, None].expand(rows, columns)], -1)
        centre = (y[..., 0:2] * 2 - 0.5 + grid) * stride
        size = (y[..., 2:4] * 2) ** 2 * self.anchors[scale].view(1, 2, 1, 1, 2)
        return torch.cat([centre, size, y[..., 4:]], -1).view(n, -1, self.outputs)


class Quantised(nn.Module):
    """Weights per channel in 7 bits of int8 (integer kernels may saturate with 8), activations in uint8, with quantisation nodes around every layer (QDQ)."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        x = activations(x, 1 / 128)
        for layer in self.layers:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                weight = layer.weight
                scales = torch.tensor((weight.detach().abs().flatten(1).amax(1) / 63).tolist())
                zeros = torch.zeros(len(scales), dtype=torch.int32)
                weight = torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -128, 127)
                x = functional.linear(x, weight, layer.bias) if isinstance(layer, nn.Linear) else functional.conv2d(
                    x, weight, layer.bias, layer.stride, layer.padding)
                x = activations(x, 1 / 64)
            else:
                x = layer(x)
        return x


def activations(x, scale):
    return torch.fake_quantize_per_tensor_affine(x, scale, 128, 0, 255)
