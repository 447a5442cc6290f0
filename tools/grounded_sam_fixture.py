#!/usr/bin/env python3
"""Makes the fixtures of crates/rmrl-grounded-sam: small Grounding DINO and Segment Anything networks with
random weights, as ONNX, and what `transformers` makes of two pictures with them.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/grounded_sam_fixture.py

Writes to crates/rmrl-grounded-sam/tests/fixtures. Every tensor comes from the PyTorch network and from the
processors of `transformers` on PIL, none from ONNX.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from grounded_sam_onnx import (
    MetaDecoder,
    export_grounding_dino,
    export_sam_box_decoder,
    export_sam_encoder,
    export_sam_meta_decoder,
    export_sam_point_decoder,
)
from PIL import Image
from safetensors.torch import save_file
from torchvision.ops import nms
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoProcessor,
    SamConfig,
    SamModel,
    SamProcessor,
    SwinConfig,
)
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import (
    GroundingDinoImageProcessorPil,
)
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

FIXTURES = Path(__file__).resolve().parent.parent / "crates/rmrl-grounded-sam/tests/fixtures"
# The least for which every level of the pyramid has two rows: the exporter's linspace of one is NaN.
HEIGHT, WIDTH = 96, 128
SAM_SIZE = 128
PICTURES = {"landscape": (641, 479), "portrait": (333, 517)}
PROMPTS = {"landscape": "black cell plate.", "portrait": "black plate. a remote control. cats."}
# In pixels of the picture: x_min, y_min, x_max, y_max.
BOXES = {"landscape": [120.0, 90.0, 431.0, 305.0], "portrait": [40.5, 200.25, 250.0, 390.75]}
BOX_THRESHOLD, TEXT_THRESHOLD, NMS_IOU = 0.65, 0.6, 0.5
# Of long tensors, every so manieth number is kept.
STRIDE = 97
TEXTS = [
    "black cell plate.",
    "Black Cell-Plate!",
    "cats. a remote control.",
    "plates? no: platers.",
    "Crème brûlée, naïve",
    "  two\tspaces\n and 細胞 plate ",
    "a" * 120,
    "",
]


def picture(name):
    """Shapes, a gradient and grain, by integers: tests/pictures.rs draws the same ones."""
    width, height = PICTURES[name]
    u, v = np.meshgrid(np.arange(width, dtype=np.int64), np.arange(height, dtype=np.int64))
    rgb = np.stack([150 + u * 60 // width, 140 + v * 70 // height, 170 - (u + v) * 50 // (width + height)], -1)
    du, dv = 4 * u - 2 * width, 4 * v - 2 * height
    plate = (abs(3 * du + dv) < 2 * width) & (abs(3 * dv - du) < 2 * height)
    rgb[plate] = [22, 24, 30]
    wells = plate & (((u % 14) - 7) ** 2 + ((v % 14) - 7) ** 2 < 20)
    rgb[wells] = [60, 64, 72]
    cable = (u * height - v * width // 2) // height % 211 < 6
    rgb[cable] = [200, 60, 40]
    grain = (u * 73856093 ^ v * 19349663) >> 4
    rgb += (grain % 17 - 8)[..., None]
    return np.clip(rgb, 0, 255).astype(np.uint8)


def fnv(array):
    """The 64-bit Fowler-Noll-Vo hash (1a) of the bytes of an array."""
    value = 0xCBF29CE484222325
    for byte in np.ascontiguousarray(array).tobytes():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def vocabulary():
    """A vocabulary with BERT's own ids for what the network treats apart."""
    words = [f"[unused{index}]" for index in range(1100)]
    words[0] = "[PAD]"
    words[100:104] = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words[999:1037] = [chr(code) for code in (*range(33, 48), *range(48, 58), *range(58, 65), *range(91, 97))]
    words[1037:1063] = [chr(code) for code in range(97, 123)]
    # As in BERT's: full stop and question mark.
    assert (words[1012], words[1029], words[1037]) == (".", "?", "a")
    pieces = "black cell plate cat dog remote control two spaces and no naive creme ##s ##r ##e ##t ##rs 細".split()
    words[1063 : 1063 + len(pieces)] = pieces
    return words


def shaken(model, scale):
    """Weights as no initialisation leaves them: zeros and ones would hide what they are multiplied with."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return model.eval()


def small_grounding_dino(vocabulary_size):
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64,
            patch_size=4,
            embed_dim=8,
            depths=[1, 1, 2, 1],
            num_heads=[1, 1, 2, 2],
            window_size=4,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(
            vocab_size=vocabulary_size,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        ),
        num_queries=20,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_n_points=2,
        decoder_n_points=2,
        d_model=32,
    )
    model = shaken(GroundingDinoForObjectDetection(config), 0.05)
    # Random features agree and disagree a lot; scores around the threshold need smaller ones.
    model.model.decoder.layer_norm.weight.data *= 0.15
    # And boxes that overlap larger ones.
    for head in {id(head): head for head in model.bbox_embed}.values():
        head.layers[-1].bias.data[2:] += 1.5
    return model


def small_sam():
    config = SamConfig(
        vision_config={
            "hidden_size": 32,
            "output_channels": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SAM_SIZE,
            "patch_size": 8,
            "window_size": 5,
            "global_attn_indexes": [1],
            "num_pos_feats": 16,
            "mlp_dim": 64,
        },
        prompt_encoder_config={
            "hidden_size": 32,
            "image_size": SAM_SIZE,
            "patch_size": 8,
            "mask_input_channels": 8,
        },
        mask_decoder_config={
            "hidden_size": 32,
            "mlp_dim": 64,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
    )
    return shaken(SamModel(config), 0.1)


def grounding_dino_case(name, model, tokenizer, resize):
    """One picture and prompt through the processor, the network and the processor again."""
    pixels = picture(name)
    height, width = pixels.shape[:2]
    if resize == "squash":
        size = {"height": HEIGHT, "width": WIDTH}
    else:
        # A portrait does not fit into the landscape of the graph by the first rule.
        longest = WIDTH if width > height else HEIGHT
        size = {"shortest_edge": HEIGHT, "longest_edge": longest}
    images = GroundingDinoImageProcessorPil(size=size, pad_size={"height": HEIGHT, "width": WIDTH})
    processor = GroundingDinoProcessor(images, tokenizer)
    inputs = processor(images=Image.fromarray(pixels), text=PROMPTS[name], return_tensors="pt")
    with torch.no_grad():
        outputs = model(**inputs)
    (result,) = processor.post_process_grounded_object_detection(
        outputs,
        inputs["input_ids"],
        threshold=BOX_THRESHOLD,
        text_threshold=TEXT_THRESHOLD,
        target_sizes=[(height, width)],
    )
    assert 3 <= len(result["scores"]) < 20 and len(set(result["text_labels"])) > 2, result
    key = f"{name}.{resize}"
    tensors = {
        f"{key}.pixels": inputs["pixel_values"].flatten()[::STRIDE],
        f"{key}.pixel_mask": inputs["pixel_mask"].to(torch.uint8),
        f"{key}.input_ids": inputs["input_ids"].to(torch.int32),
        f"{key}.logits": outputs.logits,
        f"{key}.boxes": outputs.pred_boxes,
        f"{key}.found.scores": result["scores"],
        f"{key}.found.boxes": result["boxes"],
        f"{key}.found.kept": nms(result["boxes"], result["scores"], NMS_IOU).to(torch.int32),
    }
    phrases = [text.replace("[SEP]", "").replace(".", "").split() for text in result["text_labels"]]
    return tensors, {key: [" ".join(words) for words in phrases]}


def sam_case(name, model):
    """One picture and box through the processor, the network and the processor again."""
    pixels = picture(name)
    images = SamImageProcessorPil(
        size={"longest_edge": SAM_SIZE}, pad_size={"height": SAM_SIZE, "width": SAM_SIZE}
    )
    inputs = SamProcessor(images)(Image.fromarray(pixels), input_boxes=[[BOXES[name]]], return_tensors="pt")
    boxes = inputs["input_boxes"].float()
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]

    def best_mask(masks, scores):
        (upscaled,) = images.post_process_masks(masks, *sizes)
        mask = upscaled[0, scores.flatten().argmax()].numpy()
        share = mask.mean()
        assert 0.02 < share < 0.98, f"a mask of {share} of the picture tells little"
        return torch.from_numpy(np.packbits(mask))

    with torch.no_grad():
        embeddings = model.get_image_embeddings(inputs["pixel_values"])
        outputs = model(image_embeddings=embeddings, input_boxes=boxes)
        meta = MetaDecoder(model)
        _, meta_scores, meta_masks = meta(
            embeddings,
            boxes.reshape(1, 2, 2),
            torch.tensor([[2.0, 3.0]]),
            torch.zeros(1, 1, 64, 64),
            torch.zeros(1),
            torch.tensor(pixels.shape[:2]).float(),
        )
    return {
        f"{name}.pixels": inputs["pixel_values"].flatten()[::STRIDE],
        f"{name}.box": boxes,
        f"{name}.embeddings": embeddings.flatten()[::STRIDE],
        f"{name}.boxes.scores": outputs.iou_scores.flatten(),
        f"{name}.boxes.mask": best_mask(outputs.pred_masks, outputs.iou_scores),
        f"{name}.meta.scores": meta_scores.flatten(),
        f"{name}.meta.mask": best_mask(meta_masks[None], meta_scores),
    }


def full_size_upscaling():
    """A mask of SAM's true sizes: 256 -> 1024 -> without padding -> the picture's."""
    u, v = np.meshgrid(np.arange(256), np.arange(256))
    low = ((u - 128) ** 2 + (v - 90) ** 2 * 2 - 5000 + (u * 31 + v * 17) % 257 * 20) / 256.0
    masks = torch.from_numpy(-low.astype(np.float32))[None, None]
    masks = F.interpolate(masks, (1024, 1024), mode="bilinear", align_corners=False)[..., :765, :1024]
    masks = F.interpolate(masks, (479, 641), mode="bilinear", align_corners=False)
    return torch.from_numpy(np.packbits(masks[0, 0].numpy() > 0.0))


def resized():
    """Hashes of what PIL makes of the pictures: smaller, larger, squashed."""
    sizes = [("landscape", (128, 96)), ("portrait", (660, 1024)), ("landscape", (800, 800)), ("portrait", (333, 200))]
    return [
        {
            "picture": name,
            "width": width,
            "height": height,
            "fnv": fnv(np.asarray(Image.fromarray(picture(name)).resize((width, height), Image.BILINEAR))),
        }
        for name, (width, height) in sizes
    ]


def main():
    torch.manual_seed(11)
    torch.use_deterministic_algorithms(True)
    dino_files, sam_files = FIXTURES / "grounding_dino", FIXTURES / "segment_anything"
    for folder in (dino_files, sam_files):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    words = vocabulary()
    (dino_files / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    tokenizer = BertTokenizer.from_pretrained(dino_files)
    tokenizer.backend_tokenizer.save(str(dino_files / "tokenizer.json"), pretty=False)
    expected = {"pictures": {name: fnv(picture(name)) for name in PICTURES}, "resized": resized(), "phrases": {}}
    expected["tokens"] = [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in TEXTS]

    model = small_grounding_dino(len(words))
    tensors = {}
    for name in PICTURES:
        for resize in ("squash", "pad"):
            case, phrases = grounding_dino_case(name, model, tokenizer, resize)
            tensors |= case
            expected["phrases"] |= phrases
    save_file({key: value.contiguous() for key, value in tensors.items()}, FIXTURES / "grounding_dino.safetensors")
    export_grounding_dino(model, dino_files / "model.onnx", HEIGHT, WIDTH)

    model = small_sam()
    tensors = {"full_size_upscaling": full_size_upscaling()}
    for name in PICTURES:
        tensors |= sam_case(name, model)
    save_file({key: value.contiguous() for key, value in tensors.items()}, FIXTURES / "segment_anything.safetensors")
    export_sam_encoder(model, sam_files / "vision_encoder.onnx")
    export_sam_box_decoder(model, sam_files / "decoder_boxes.onnx")
    export_sam_meta_decoder(model, sam_files / "decoder_meta.onnx")
    export_sam_point_decoder(model, sam_files / "decoder_points.onnx")
    (FIXTURES / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
