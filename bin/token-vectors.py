#!/usr/bin/env python3
"""Makes data/search/token-vectors.bin.gz from a folder with a BERT-like sentence encoder (config of all-MiniLM-L6-v2: model.safetensors,
tokenizer.json): what each token of its vocabulary means when it stands alone, by the mean of the encoder's output, cut to fewer dimensions
by their principal components, weighted by how rare the token is (the vocabulary is in the order of frequency).

    python3 bin/token-vectors.py FOLDER [DIMENSIONS]        (needs numpy)
"""
import gzip
import json
import re
import struct
import sys
from pathlib import Path

import numpy as np

LAYERS, HEADS, CLS, SEP = 6, 12, 101, 102
RARE = 1e-3


def tensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack('<Q', data[:8])
    head = json.loads(data[8 : 8 + size])
    return {
        name: np.frombuffer(data[8 + size + at : 8 + size + end], np.float32).reshape(t['shape'])
        for name, t in head.items()
        if name != '__metadata__' and t['dtype'] == 'F32'
        for at, end in [t['data_offsets']]
    }


def gelu(x):
    z = x * 0.7071067811865476
    a = np.abs(z)
    t = 1 / (1 + 0.3275911 * a)
    p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return 0.5 * x * (1 + np.sign(z) * (1 - p * np.exp(-a * a)))


def forward(w, ids):
    def norm(x, name):
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d * d).mean(-1, keepdims=True) + 1e-12) * w[name + '.weight'] + w[name + '.bias']

    def linear(x, name):
        return x @ w[name + '.weight'].T + w[name + '.bias']

    e = 'embeddings.'
    x = w[e + 'word_embeddings.weight'][ids] + w[e + 'position_embeddings.weight'][: ids.shape[1]]
    x = norm(x + w[e + 'token_type_embeddings.weight'][0], e + 'LayerNorm')
    rows, length, width = x.shape
    for layer in range(LAYERS):
        p = f'encoder.layer.{layer}.'
        q, k, v = (
            linear(x, f'{p}attention.self.{n}').reshape(rows, length, HEADS, -1).transpose(0, 2, 1, 3)
            for n in ('query', 'key', 'value')
        )
        a = q @ k.transpose(0, 1, 3, 2) / float(np.sqrt(width // HEADS))
        a = np.exp(a - a.max(-1, keepdims=True))
        a /= a.sum(-1, keepdims=True)
        c = (a @ v).transpose(0, 2, 1, 3).reshape(rows, length, width)
        x = norm(x + linear(c, p + 'attention.output.dense'), p + 'attention.output.LayerNorm')
        x = norm(x + linear(gelu(linear(x, p + 'intermediate.dense')), p + 'output.dense'), p + 'output.LayerNorm')
    return x


def main():
    folder, dims = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 256
    vocabulary = json.loads((folder / 'tokenizer.json').read_text())['model']['vocab']
    tokens = [t for t in sorted(vocabulary, key=vocabulary.get) if re.fullmatch(r'(##)?[a-z0-9]+', t)]
    w = tensors(folder / 'model.safetensors')
    made = []
    for at in range(0, len(tokens), 128):
        ids = np.array([[CLS, vocabulary[t], SEP] for t in tokens[at : at + 128]])
        made.append(forward(w, ids).mean(1))
    write(np.concatenate(made), tokens, dims)


def write(vectors, tokens, dims):
    x = vectors.astype(np.float64)
    x -= x.mean(0)
    _, axes = np.linalg.eigh(x.T @ x)
    x = x @ axes[:, ::-1][:, 1 : dims + 1]  # the first axis tells hardly more than how common a token is
    share = 1 / (np.arange(1, len(tokens) + 1) + 2.7)
    share /= share.sum()
    most = np.abs(x).max(1)
    values = np.round(x / most[:, None] * 127).astype(np.int8)
    scales = (most / 127 * RARE / (RARE + share)).astype('<f4')
    names = '\n'.join(tokens).encode('latin1')
    head = b'ATV1' + struct.pack('<III', len(tokens), dims, len(names))
    out = Path(__file__).parent.parent / 'data' / 'search' / 'token-vectors.bin.gz'
    out.write_bytes(gzip.compress(head + names + scales.tobytes() + values.tobytes(), 9, mtime=0))
    print(f'{len(tokens)} tokens of {dims} dimensions, {out.stat().st_size} bytes')


if __name__ == '__main__':
    main()
