"""Loads an exported ResNet in torchvision and prints the label of each image. Needs torch.

    wail features FILE... --out IMAGES.npy
    venv/bin/python scripts/checks/torchvision_model.py MODEL_FOLDER IMAGES.npy
"""

import json
import sys

import numpy as np
import safetensors
import torch
import torchvision


def load(folder):
    """The network, from images [n, 1, size, size] to logits [n, classes], and the labels."""
    with safetensors.safe_open(f"{folder}/model.safetensors", "pt") as file:
        info = json.loads(file.metadata()["wail"])["info"]
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    # Batch norm is folded into the convolutions, and the three equal input channels are summed into one.
    net = getattr(torchvision.models, info["arch"])(norm_layer=lambda channels: torch.nn.Identity())
    net.conv1 = torch.nn.Conv2d(1, net.conv1.out_channels, 7, 2, 3)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.bias = torch.nn.Parameter(torch.zeros(module.out_channels))
    inner, n_outputs = tensors["head.0.weight"].shape
    net.fc = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(n_outputs, inner), torch.nn.Linear(inner, len(info["labels"])))
    names = {"head.0": "fc.1", "head.1": "fc.2"}
    net.load_state_dict({names.get(name[:6], name[:6]) + name[6:]: tensor for name, tensor in tensors.items()})
    return net.eval(), info["labels"]


if __name__ == "__main__":
    net, labels = load(sys.argv[1])
    with torch.no_grad():
        logits = net(torch.from_numpy(np.load(sys.argv[2]))[:, None])
    print(*(labels[row.argmax()] for row in logits), sep="\n")
