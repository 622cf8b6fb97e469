"""The layout of d-li14/mobilenetv3.pytorch, written from a description of it: its names, and its order of layers."""

import torch
from torch import Tensor, nn

from backbones.tables import RE, TABLES, Row

HIDDEN = {"large": 1280, "small": 1024}


class Gate(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        squeezed = max(8, (quarter + 4) // 8 * 8)
        squeezed += 8 if squeezed < 0.9 * quarter else 0
        self.fc = nn.Sequential(nn.Linear(channels, squeezed), nn.ReLU(), nn.Linear(squeezed, channels))

    def forward(self, x: Tensor) -> Tensor:
        gate = nn.functional.relu6(self.fc(x.mean((2, 3))) + 3) / 6
        return x * gate[:, :, None, None]


def activation(row: Row) -> nn.Module:
    return nn.ReLU() if row.NL == RE else nn.Hardswish()


class Residual(nn.Module):
    """One row: the gate stands before the activation in rows with an expansion, after it in the others."""

    def __init__(self, channels: int, row: Row) -> None:
        super().__init__()
        wide, pad = row.exp_size, row.kernel // 2
        gate = Gate(wide) if row.SE else nn.Identity()
        depthwise = nn.Conv2d(wide, wide, row.kernel, row.s, pad, groups=wide, bias=False)
        project = (nn.Conv2d(wide, row.out, 1, bias=False), nn.BatchNorm2d(row.out))
        if wide == channels:
            self.conv = nn.Sequential(depthwise, nn.BatchNorm2d(wide), activation(row), gate, *project)
        else:
            expand = (nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), activation(row))
            self.conv = nn.Sequential(*expand, depthwise, nn.BatchNorm2d(wide), gate, activation(row), *project)
        self.identity = row.s == 1 and channels == row.out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.identity else self.conv(x)


class DLi14(nn.Module):
    """Images (N, 3, H, W) -> logits (N, 1000)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())]
        channels = 16
        for row in TABLES[name].rows:
            layers.append(Residual(channels, row))
            channels = row.out
        last = TABLES[name].last
        self.features = nn.Sequential(*layers)
        self.conv = nn.Sequential(nn.Conv2d(channels, last, 1, bias=False), nn.BatchNorm2d(last), nn.Hardswish())
        hidden = HIDDEN[name]
        self.classifier = nn.Sequential(
            nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(hidden, 1000)
        )

    def maps(self, images: Tensor) -> Tensor:
        return self.conv(self.features(images))

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(torch.mean(self.maps(images), (2, 3)))
