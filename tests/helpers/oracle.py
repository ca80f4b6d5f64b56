r"""The papers' equations in plain float64 NumPy, written from the papers.

Nothing here imports torch or `sklearn_dcn`: the tests compare the package with this
second opinion. Each function takes a single row (1-D arrays) and spells its equation
out in loops over single entries; :func:`batch` repeats it for the rows of a table.

References
----------
.. [1] Wang, Fu, Fu, Wang, "Deep & Cross Network for Ad Click Predictions", 2017,
   arXiv:1708.05123 (DCN).
.. [2] Wang, Shivanna, Cheng, Jain, Lin, Hong, Chi, "DCN V2: Improved Deep & Cross
   Network and Practical Lessons for Web-scale Learning to Rank Systems", 2021,
   arXiv:2008.13535 (DCN-V2, DCN-Mix).
.. [3] Wang, Gu, Li, Zhang, Sun, Chen, "Towards Deeper, Lighter and Interpretable
   Cross Network for CTR Prediction", 2023, arXiv:2311.04635 (GDCN).
.. [4] Škrlj et al., "DCN^2: Interplay of Implicit Collision Weights and Explicit Cross
   Layers for Large-Scale Recommendation", 2025, arXiv:2506.21624, second-hand.
.. [5] Rendle, "Factorization Machines", 2010; Pan et al., "Field-weighted Factorization
   Machines for Click-Through Rate Prediction in Display Advertising", 2018,
   arXiv:1806.03514.
.. [6] Li, Zhang, Zhang, Li, Sang, Zhu, "FCN: Fusing Exponential and Linear Cross
   Network for Click-Through Rate Prediction", 2025, arXiv:2407.13349 (v7), and code.
"""

import math

import numpy as np


def batch(function, *rows, **parameters):
    """Apply a single-row `function` to each row of the tables in `rows`."""
    return np.array([function(*row, **parameters) for row in zip(*rows, strict=True)])


# ----------------------------------------------------------------------------------
# Pieces
# ----------------------------------------------------------------------------------


def dot(a, b):
    """Inner product of two vectors."""
    assert len(a) == len(b)
    total = 0.0
    for a_i, b_i in zip(a, b, strict=True):
        total += float(a_i) * float(b_i)
    return total


def matvec(A, x):
    """Return A x, one row of A at a time."""
    return np.array([dot(row, x) for row in A])


def transpose(A):
    """Return the transposed matrix, entry by entry."""
    n, m = len(A), len(A[0])
    out = np.empty((m, n))
    for i in range(n):
        for j in range(m):
            out[j, i] = A[i][j]
    return out


def sigmoid(z):
    """Logistic function of a number."""
    return 1.0 / (1.0 + math.exp(-z))


def softmax(z):
    """Softmax of a vector."""
    e = [math.exp(z_i - max(z)) for z_i in z]
    return np.array([e_i / sum(e) for e_i in e])


SCALAR_FUNCTIONS = {
    None: lambda z: z,
    "relu": lambda z: max(z, 0.0),
    "tanh": math.tanh,
    "hardtanh": lambda z: min(max(z, -1.0), 1.0),
    "sigmoid": sigmoid,
    "silu": lambda z: z * sigmoid(z),
    "gelu": lambda z: z * 0.5 * (1.0 + math.erf(z / math.sqrt(2.0))),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "selu": lambda z: (
        1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z))
    ),
}


def elementwise(name, x):
    """Apply the scalar function called `name` to each entry."""
    return np.array([SCALAR_FUNCTIONS[name](float(x_i)) for x_i in x])


# ----------------------------------------------------------------------------------
# Cross layers: (x_0, x_l) -> x_{l+1}
# ----------------------------------------------------------------------------------


def vector_cross(x_0, x_l, *, w, b):
    r"""DCN [1], eq. 3: x_{l+1} = x_0 x_l^T w_l + b_l + x_l, the bias outside."""
    d = len(x_0)
    out = np.empty(d)
    for i in range(d):
        product = 0.0  # row i of the outer product x_0 x_l^T, times w
        for j in range(d):
            product += (x_0[i] * x_l[j]) * w[j]
        out[i] = product + b[i] + x_l[i]
    return out


def matrix_cross(x_0, x_l, *, W, b):
    r"""DCN-V2 [2], eq. 1: x_{l+1} = x_0 * (W_l x_l + b_l) + x_l, the bias inside."""
    d = len(x_0)
    out = np.empty(d)
    for i in range(d):
        z = b[i]
        for j in range(d):
            z += W[i][j] * x_l[j]
        out[i] = x_0[i] * z + x_l[i]
    return out


def low_rank_cross(x_0, x_l, *, U, V, b):
    r"""DCN-V2 [2], eq. 2: x_{l+1} = x_0 * (U_l (V_l^T x_l) + b_l) + x_l."""
    z = matvec(U, matvec(transpose(V), x_l))
    return np.array([x_0[i] * (z[i] + b[i]) + x_l[i] for i in range(len(x_0))])


def expert(x_0, x_l, *, U, V, b, C=None, activation=None):
    r"""DCN-V2 [2], one expert E_i.

    Eq. 3: x_0 * (U V^T x_l + b). With the non-linearity g of eq. 4:
    x_0 * (U g(C g(V^T x_l)) + b).
    """
    v = matvec(transpose(V), x_l)
    if activation is not None:
        v = elementwise(activation, v)
        v = elementwise(activation, matvec(C, v))
    u = matvec(U, v)
    return np.array([x_0[i] * (u[i] + b[i]) for i in range(len(x_0))])


def gates(x_l, *, n_experts, gate, G=None):
    r"""DCN-V2 [2], eq. 3: G_i(x_l) with G = softmax, sigmoid or the constant 1."""
    if gate == "constant":
        return np.ones(n_experts)
    logits = matvec(G, x_l)
    if gate == "softmax":
        return softmax(logits)
    assert gate == "sigmoid"
    return np.array([sigmoid(z) for z in logits])


def mixture_cross(x_0, x_l, *, U, V, b, G=None, C=None, gate="softmax", activation):
    r"""DCN-V2 [2], eq. 3 and 4: x_{l+1} = sum_i G_i(x_l) E_i(x_l) + x_l."""
    K = len(U)
    g = gates(x_l, n_experts=K, gate=gate, G=G)
    out = np.array(x_l, dtype=float)
    for k in range(K):
        C_k = None if C is None else C[k]
        E_k = expert(x_0, x_l, U=U[k], V=V[k], b=b, C=C_k, activation=activation)
        for i in range(len(out)):
            out[i] += g[k] * E_k[i]
    return out


def gated_cross(x_0, x_l, *, W, b, W_g):
    r"""GDCN [3]: x_{l+1} = x_0 * (W^c x_l + b) * sigmoid(W^g x_l) + x_l."""
    d = len(x_0)
    out = np.empty(d)
    for i in range(d):
        crossed = x_0[i] * (dot(W[i], x_l) + b[i])
        out[i] = crossed * sigmoid(dot(W_g[i], x_l)) + x_l[i]
    return out


def only_dense_cross(x_0, x_l, *, W, b, phi=1.0):
    r"""DCN^2 [4], "onlydense": x_{l+1} = phi (x_t * x_l), x_t = ReLU(W x_l + b)."""
    x_t = [max(dot(W[i], x_l) + b[i], 0.0) for i in range(len(x_l))]
    return np.array([phi * (x_t[i] * x_l[i]) for i in range(len(x_l))])


def masked_factor(x_l, *, W, b, scale, shift):
    r"""FCN [6]: [c || Mask(c)] + b of c = W x_l, Mask(c) = c * max(0, LN(c)).

    Entries of c and of their masks by turns; of an odd d the last has no mask.
    """
    c = matvec(W, x_l)
    normed = layer_norm(c, gain=scale, shift=shift)
    out = np.array(b, dtype=float)
    for i in range(len(x_l)):
        out[i] += c[i // 2] * (max(0.0, normed[i // 2]) if i % 2 else 1.0)
    return out


def linear_cross(x_0, x_l, **parameters):
    r"""FCN [6], LCN: x_{l+1} = x_0 * ([c_l || Mask(c_l)] + b) + x_l."""
    factor = masked_factor(x_l, **parameters)
    return np.array([x_0[i] * factor[i] + x_l[i] for i in range(len(x_0))])


def exponential_cross(x_0, x_l, **parameters):
    r"""FCN [6], ECN: x_{l+1} = x_l * ([c_l || Mask(c_l)] + b) + x_l."""
    factor = masked_factor(x_l, **parameters)
    return np.array([x_l[i] * factor[i] + x_l[i] for i in range(len(x_0))])


CROSS_LAYERS = {
    "vector": vector_cross,
    "matrix": matrix_cross,
    "low_rank": low_rank_cross,
    "mixture": mixture_cross,
    "gated": gated_cross,
    "onlydense": only_dense_cross,
    "linear": linear_cross,
    "exponential": exponential_cross,
}


def cross_network(x_0, *, kind, layers):
    """Apply each of `layers` (a list of parameter dicts) to x_l, always with x_0."""
    x_l = np.array(x_0, dtype=float)
    for parameters in layers:
        x_l = CROSS_LAYERS[kind](x_0, x_l, **parameters)
    return x_l


def pair_logit(fields, w=None):
    """FM and FwFM [5]: sum_{i < j} w_ij <e_i, e_j>; w is 1, or listed pair by pair."""
    total, p = 0.0, 0
    for i in range(len(fields)):
        for j in range(i + 1, len(fields)):
            total += (1.0 if w is None else w[p]) * dot(fields[i], fields[j])
            p += 1
    return total


# ----------------------------------------------------------------------------------
# Embedding & stacking, deep network, combination
# ----------------------------------------------------------------------------------


def embedding_dim(cardinality):
    """DCN [1], section 4.2: 6 v^{1/4}; here up to a multiple of 4, from 4 to 16."""
    if cardinality <= 4:  # no more than there are ids
        return 4
    width = 0
    while width**4 < 6**4 * cardinality:  # width < 6 v^{1/4}, in exact integers
        width += 4
    return min(width, 16)


def embed(ids, *, tables):
    """DCN [1], eq. 1: x_{embed,i} = W_{embed,i} x_i for one-hot x_i, one per column."""
    embedded = []
    for c, table in enumerate(tables):
        one_hot = np.zeros(len(table))
        one_hot[ids[c]] = 1.0
        embedded.append(matvec(transpose(table), one_hot))
    return embedded


def stack(embedded, numbers):
    """DCN [1], eq. 2: x_0 = [x_{embed,1}, ..., x_{embed,k}, x_dense]."""
    entries = []
    for vector in embedded:
        entries.extend(vector)
    entries.extend(numbers)
    return np.array(entries, dtype=float)


def layer_norm(z, *, gain, shift, eps=1e-5):
    """Layer normalisation of one row."""
    n = len(z)
    mean = sum(z) / n
    variance = sum((z_i - mean) ** 2 for z_i in z) / n
    scale = math.sqrt(variance + eps)
    return np.array([gain[i] * (z[i] - mean) / scale + shift[i] for i in range(n)])


def deep_network(x, *, layers, activation="relu", norms=None):
    """DCN [1], eq. 4: h_{l+1} = f(W_l h_l + b_l), normalised before f if asked for."""
    h = np.array(x, dtype=float)
    for i, (W, b) in enumerate(layers):
        z = matvec(W, h) + np.array(b)
        if norms is not None:
            z = layer_norm(z, **norms[i])
        h = elementwise(activation, z)
    return h


def logits(x_0, *, structure, kind, cross, deep, head, linear=(), activation="relu"):
    """DCN [1], eq. 5 and DCN-V2 [2], section 3.3: the head on the combined network.

    "parallel": head on [x_L; h(x_0)]; "stacked": on h(x_L); "cross": on x_L alone;
    "deep": on h(x_0), the papers' DNN; "fused": FCN [4], z = (z_E + z_L) / 2 with heads
    of twice the halves of W, and b.
    """
    x_L = cross_network(x_0, kind=kind, layers=cross)
    if structure == "parallel":
        h = deep_network(x_0, layers=deep, activation=activation)
        final = list(x_L) + list(h)
    elif structure == "stacked":
        final = deep_network(x_L, layers=deep, activation=activation)
    elif structure == "cross":
        final = x_L
    elif structure == "fused":
        W, b = (np.array(part) for part in head)
        x_E, x_L, d = x_L, cross_network(x_0, kind="linear", layers=linear), len(x_0)
        z_E = matvec(2 * W[:, :d], x_E) + b
        z_L = matvec(2 * W[:, d:], x_L) + b
        return (z_E + z_L) / 2
    else:
        assert structure == "deep"
        final = deep_network(x_0, layers=deep, activation=activation)
    W, b = head
    return matvec(W, final) + np.array(b)


# ----------------------------------------------------------------------------------
# AdamW
# ----------------------------------------------------------------------------------


def adamw(w, m, v, g, *, t, lr, betas, eps, weight_decay):
    """Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, of one entry at step t.

    Return the new w, m and v.
    """
    beta_1, beta_2 = betas
    m = beta_1 * m + (1.0 - beta_1) * g
    v = beta_2 * v + (1.0 - beta_2) * g**2
    m_hat = m / (1.0 - beta_1**t)
    v_hat = v / (1.0 - beta_2**t)
    w = w - lr * (m_hat / (math.sqrt(v_hat) + eps)) - lr * weight_decay * w
    return w, m, v


def adamw_rows(w, m, v, g, rows, **options):
    """Apply :func:`adamw` in place to every entry of the given rows of 2-D arrays."""
    for i in rows:
        for j in range(w.shape[1]):
            w[i, j], m[i, j], v[i, j] = adamw(
                w[i, j], m[i, j], v[i, j], g[i, j], **options
            )
