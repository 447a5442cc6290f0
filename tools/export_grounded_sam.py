#!/usr/bin/env python3
"""Writes Grounding DINO and Segment Anything as the files that `rmrl` reads.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/export_grounded_sam.py --out models

fetches IDEA-Research/grounding-dino-tiny and facebook/sam-vit-base from the Hugging Face hub (1.1 GB), and
writes models/grounding-dino and models/segment-anything. docs/perception-models.md says what to do with
them. `--random` builds networks of the same architecture and size with random weights instead, without a
network connection: they find nothing, and cost what the real ones do.
"""

import argparse
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from grounded_sam_fixture import vocabulary
from grounded_sam_onnx import (
    export_grounding_dino,
    export_sam_box_decoder,
    export_sam_encoder,
    export_sam_meta_decoder,
)
from transformers import (
    AutoTokenizer,
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    SamConfig,
    SamModel,
    SwinConfig,
)

GROUNDING_DINO = "IDEA-Research/grounding-dino-tiny"
PUBLIC_GROUNDING_DINO = "onnx-community/grounding-dino-tiny-ONNX"
SEGMENT_ANYTHING = "facebook/sam-vit-base"
# Largest difference between the exported graph and PyTorch, both of 32 bits.
TOLERANCE = 1e-3


def grounding_dino(options, out):
    if options.public:
        from huggingface_hub import hf_hub_download

        for name in ("onnx/model.onnx", "tokenizer.json"):
            shutil.copyfile(hf_hub_download(PUBLIC_GROUNDING_DINO, name), out / Path(name).name)
        return
    if options.random:
        model = GroundingDinoForObjectDetection(swin_tiny_config())
        words = vocabulary()
        words += [f"[unused{index}]" for index in range(len(words), model.config.text_config.vocab_size)]
        (out / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    else:
        model = GroundingDinoForObjectDetection.from_pretrained(options.grounding_dino)
        tokenizer = AutoTokenizer.from_pretrained(options.grounding_dino)
        tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    file = out / "model.onnx"
    export_grounding_dino(model.eval(), file, options.height, options.width)
    ids = torch.tensor([[101, 2304, 3526, 5127, 1012, 102]])
    inputs = {
        "pixel_values": torch.randn(1, 3, options.height, options.width),
        "input_ids": ids,
        "token_type_ids": torch.zeros_like(ids),
        "attention_mask": torch.ones_like(ids),
        "pixel_mask": torch.ones(1, options.height, options.width, dtype=torch.long),
    }
    with torch.no_grad():
        expected = model(**inputs)
    check(file, inputs, {"logits": expected.logits, "pred_boxes": expected.pred_boxes}, options)


def swin_tiny_config():
    """The architecture of grounding-dino-tiny: Swin-T, BERT-base, 900 queries."""
    return GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=224,
            embed_dim=96,
            depths=[2, 2, 6, 2],
            num_heads=[3, 6, 12, 24],
            window_size=7,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(),
    )


def segment_anything(options, out):
    if options.random:
        # ViT-B. By default its weights would begin so small that all they compute is close to 0.
        model = SamModel(SamConfig(vision_config={"initializer_range": 0.02}))
    else:
        model = SamModel.from_pretrained(options.segment_anything)
    model = model.eval()
    size = model.config.vision_config.image_size
    pixels, boxes = torch.randn(1, 3, size, size), torch.tensor([[[0.2, 0.3, 0.6, 0.7]]]) * size
    export_sam_encoder(model, out / "vision_encoder.onnx")
    if options.decoder == "meta":
        export_sam_meta_decoder(model, out / "decoder.onnx")
    else:
        export_sam_box_decoder(model, out / "decoder.onnx")
    with torch.no_grad():
        embeddings = model.get_image_embeddings(pixels)
        positions = model.get_image_wide_positional_embeddings()
        expected = model(image_embeddings=embeddings, input_boxes=boxes)
    check(out / "vision_encoder.onnx", {"pixel_values": pixels}, {"image_embeddings": embeddings}, options)
    if options.decoder == "boxes":
        inputs = {
            "image_embeddings": embeddings,
            "image_positional_embeddings": positions,
            "input_boxes": boxes,
        }
        outputs = {"iou_scores": expected.iou_scores, "pred_masks": expected.pred_masks}
        check(out / "decoder.onnx", inputs, outputs, options)


def check(file, inputs, expected, options):
    """Holds a file against PyTorch: an exporter may write a graph that computes something else."""
    print(f"{file}: {file.stat().st_size / 1e6:.0f} MB", flush=True)
    if options.no_check:
        return
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    feeds = {name: value.numpy() for name, value in inputs.items()}
    for (name, want), got in zip(expected.items(), session.run(list(expected), feeds), strict=True):
        want = want.numpy()
        finite = np.isfinite(want)
        if not np.array_equal(finite, np.isfinite(got)):
            raise SystemExit(f"{file}: {name} is not finite where it should be")
        scale = max(1.0, float(np.abs(want[finite]).max()))
        difference = float(np.abs(want - got)[finite].max()) / scale
        print(f"{file}: {name} differs from PyTorch's by {difference:.1e}", flush=True)
        if difference > TOLERANCE:
            raise SystemExit(f"{file}: {name} differs by {difference}, expected at most {TOLERANCE}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the directory to write into")
    parser.add_argument("--only", choices=["grounding-dino", "segment-anything"], help="write one of the two")
    parser.add_argument("--random", action="store_true", help="random weights, no network connection")
    parser.add_argument("--public", action="store_true", help=f"fetch {PUBLIC_GROUNDING_DINO} as it is")
    parser.add_argument("--height", type=int, default=800, help="rows of Grounding DINO's picture (800)")
    parser.add_argument("--width", type=int, default=800, help="columns of Grounding DINO's picture (800)")
    parser.add_argument("--decoder", choices=["boxes", "meta"], default="boxes", help="layout of SAM's decoder")
    parser.add_argument("--grounding-dino", default=GROUNDING_DINO, help="a hub's name or a directory")
    parser.add_argument("--segment-anything", default=SEGMENT_ANYTHING, help="a hub's name or a directory")
    parser.add_argument("--no-check", action="store_true", help="do not hold the files against PyTorch")
    options = parser.parse_args()
    if min(options.height, options.width) <= 64:
        parser.error("Grounding DINO's smallest feature map needs two rows: pictures of more than 64 pixels")
    torch.manual_seed(0)
    for name, write in (("grounding-dino", grounding_dino), ("segment-anything", segment_anything)):
        if options.only in (None, name):
            out = options.out / name
            out.mkdir(parents=True, exist_ok=True)
            begin = time.monotonic()
            write(options, out)
            peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"{out}: {time.monotonic() - begin:.0f} s, at most {peak_gb:.1f} GB of memory so far")


if __name__ == "__main__":
    main()
