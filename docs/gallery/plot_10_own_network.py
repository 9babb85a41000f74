"""
What has my own network learned?
================================

A network that was trained elsewhere can be measured too: a torch module, a skorch net, an ensemble,
or any function. This one is trained here in a few lines, with torch alone.
"""

# %%
# The target has one product, of x0 and x1, and a jump that depends on x2 alone.
import numpy as np
import torch
from torch import nn

from skgeh import InteractionDisplay, interactions_of, score_test

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 5)).astype(np.float32)
y = X[:, 0] * X[:, 1] + (X[:, 2] > 0) + X[:, 3] + 0.5 * rng.normal(size=1000)

torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(5, 50), nn.GELU(), nn.Dropout(0.05), nn.Linear(50, 50), nn.GELU(), nn.Linear(50, 1)
)
optimizer = torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=0.1)
inputs, target = torch.tensor(X), torch.tensor(y, dtype=torch.float32)[:, None]
for _ in range(300):
    optimizer.zero_grad()
    nn.functional.mse_loss(net(inputs), target).backward()
    optimizer.step()

# %%
# Activations must be smooth: a ReLU network has second derivatives of zero. Dropout is a posterior;
# each draw keeps one mask for all rows.
found = interactions_of(net, X, random_state=0)
print(found.to_frame().head(5).round(3).to_string(index=False))

# %%
# This says what the **network** does, right or wrong. Its interval is about dropout, not about the
# data, and has no p-values.
forest = InteractionDisplay.from_interactions(found, kind="forest", k=6)

# %%
# What do the **data** say? The score test needs no network. Where it finds a pair that the network
# lacks, or the other way round, one of them has missed something.
print(score_test(X, y).to_frame()[["feature_i", "feature_j", "p_value", "p_fdr"]].head(4).round(4))
