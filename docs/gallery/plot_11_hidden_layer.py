"""
Which units of a hidden layer act together?
===========================================

The units of a layer are features of the part of the network that follows. We train a small network
on scikit-learn's handwritten digits, threes against eights, and look at six hidden units.
"""

# %%
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from skgeh import InteractionDisplay, exemplars, interactions_of

images, labels = load_digits(return_X_y=True)
chosen = np.isin(labels, (3, 8))
X = (images[chosen] / 16).astype(np.float32)
y = torch.tensor((labels[chosen] == 8).astype(np.float32))[:, None]

torch.manual_seed(0)
net = nn.Sequential()
for name, layer in {
    "first": nn.Linear(64, 6),
    "smooth": nn.Softplus(beta=10),
    "second": nn.Linear(6, 16),
    "bent": nn.GELU(),
    "last": nn.Linear(16, 1),
}.items():
    net.add_module(name, layer)
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)
for _ in range(300):
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(net(torch.tensor(X)), y).backward()
    optimizer.step()
right = ((net(torch.tensor(X)) > 0) == y).float().mean()
print(f"{right:.1%} of the images it has seen")

# %%
# ``layer=`` names the layer whose values are the features. The output is the log-odds of an eight.
found = interactions_of(net, X, layer="smooth")
print(found.to_frame().head(5).round(3).to_string(index=False))

# %%
# What do the two units of the first pair stand for? The images that excite them most:
import matplotlib.pyplot as plt

strongest = exemplars(net, "smooth", X, k=5)
first, second = (int(unit) for unit in found.pairs[found.order[0]])
figure, axes = plt.subplots(2, 5, figsize=(6.4, 2.8))
for unit, row in zip((first, second), axes, strict=True):
    for image, ax in zip(X[strongest[unit]], row, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r")
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(f"unit {unit}")

# %%
heatmap = InteractionDisplay.from_interactions(found, kind="heatmap")
