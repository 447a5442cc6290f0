"""Grounding DINO and Segment Anything from `transformers`, written as the ONNX files that
crates/rmrl-grounded-sam reads."""

import warnings
from pathlib import Path
from types import MethodType

import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, numpy_helper
from transformers.models.grounding_dino import modeling_grounding_dino

# The first opset with GridSample, which the deformable attention is made of.
OPSET = 16
# Of the 64 rows of SAM's feature map: 25 MB of attention at once.
ROWS_AT_ONCE = 2
TEXT_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def export_grounding_dino(model, file, height, width):
    """Writes a `GroundingDinoForObjectDetection` for pictures of `height` x `width` and any prompt."""

    class Detector(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values, input_ids, token_type_ids, attention_mask, pixel_mask):
            out = self.model(
                pixel_values=pixel_values,
                input_ids=input_ids,
                token_type_ids=token_type_ids,
                attention_mask=attention_mask,
                pixel_mask=pixel_mask,
            )
            return out.logits, out.pred_boxes

    ids = torch.tensor([[101, 1012, 1029, 1012, 102]])
    inputs = {
        "pixel_values": torch.randn(1, 3, height, width),
        "input_ids": ids,
        "token_type_ids": torch.zeros_like(ids),
        "attention_mask": torch.ones_like(ids),
        "pixel_mask": torch.ones(1, height, width, dtype=torch.long),
    }
    upstream = modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map
    modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map = phrase_masks
    try:
        _export(
            Detector(),
            inputs,
            file,
            ["logits", "pred_boxes"],
            {name: {1: "tokens"} for name in TEXT_INPUTS},
        )
    finally:
        modeling_grounding_dino.generate_masks_with_special_tokens_and_transfer_map = upstream


def phrase_masks(input_ids, special_tokens):
    """What upstream's `generate_masks_with_special_tokens_and_transfer_map` computes, by operators that
    ONNX has: cumulative maxima are none of them. The dots of the prompt stay variables of the graph, so a
    prompt may have any number of phrases."""
    length = input_ids.shape[1]
    special = (input_ids.unsqueeze(-1) == special_tokens).any(-1).unsqueeze(1)
    at = torch.arange(length).unsqueeze(0)
    row, column = at.unsqueeze(2), at.unsqueeze(1)
    previous = torch.where(special & (column < row), column, torch.full_like(column, -1)).amax(-1)
    following = torch.where(special & (column >= row), column, torch.zeros_like(column) + length).amin(-1)
    inside = (following != 0) & (following != length - 1) & (following != length)
    same_phrase = (following.unsqueeze(2) == following.unsqueeze(1)) & inside.unsqueeze(1)
    positions = torch.where(inside, at - previous - 1, torch.zeros_like(previous)).clamp(min=0)
    return (row == column) | same_phrase, positions


def export_sam_encoder(model, file):
    """Writes the image encoder of a `SamModel`, as optimum does."""

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixel_values):
            embeddings = self.model.vision_encoder(pixel_values)[0]
            positions = self.model.get_image_wide_positional_embeddings()
            return embeddings, positions.repeat(pixel_values.shape[0], 1, 1, 1)

    size = model.config.vision_config.image_size
    outputs = ["image_embeddings", "image_positional_embeddings"]
    upstream = [(layer.attn, layer.attn.forward) for layer in model.vision_encoder.layers if layer.window_size == 0]
    for attention, _ in upstream:
        attention.forward = MethodType(attention_by_rows, attention)
    try:
        _export(Encoder(), {"pixel_values": torch.randn(1, 3, size, size)}, file, outputs)
    finally:
        for attention, forward in upstream:
            attention.forward = forward


def attention_by_rows(self, hidden_states, output_attentions=False):
    """What upstream's `SamVisionAttention.forward` computes, a few rows of the picture at a time. At once, the
    weights of ViT-B's 12 heads have 805 MB a layer, and go to memory and back for every step of the attention."""
    batch, height, width, _ = hidden_states.shape
    heads, tokens = self.num_attention_heads, height * width
    qkv = self.qkv(hidden_states).reshape(batch, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = qkv.reshape(3, batch * heads, tokens, -1).unbind(0)
    key = (key * self.scale).transpose(-2, -1)
    rows = query.reshape(batch * heads, height, width, -1)
    by_height = torch.einsum("bhwc,hkc->bhwk", rows, self.get_rel_pos(height, height, self.rel_pos_h))
    by_width = torch.einsum("bhwc,wkc->bhwk", rows, self.get_rel_pos(width, width, self.rel_pos_w))
    parts = []
    for first in range(0, height, ROWS_AT_ONCE):
        some = slice(first, min(first + ROWS_AT_ONCE, height))
        weights = query[:, some.start * width : some.stop * width] @ key
        place = by_height[:, some, :, :, None] + by_width[:, some, :, None, :]
        weights = torch.softmax(weights + place.reshape(batch * heads, -1, tokens), dim=-1)
        parts.append(weights @ value)
    output = torch.cat(parts, dim=1).reshape(batch, heads, height, width, -1)
    return self.proj(output.permute(0, 2, 3, 1, 4).reshape(batch, height, width, -1)), None


def export_sam_box_decoder(model, file):
    """Writes the decoder of a `SamModel` that takes boxes."""

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, image_embeddings, image_positional_embeddings, input_boxes):
            sparse, dense = self.model.prompt_encoder(None, None, input_boxes, None)
            masks, scores = self.model.mask_decoder(
                image_embeddings=image_embeddings,
                image_positional_embeddings=image_positional_embeddings,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=True,
            )
            return scores, masks

    embeddings, positions = _example_embeddings(model)
    inputs = {
        "image_embeddings": embeddings,
        "image_positional_embeddings": positions,
        "input_boxes": torch.tensor([[[10.0, 20.0, 30.0, 40.0]]]),
    }
    _export(Decoder(), inputs, file, ["iou_scores", "pred_masks"], {"input_boxes": {1: "boxes"}})


def export_sam_point_decoder(model, file):
    """Writes the decoder of a `SamModel` that optimum writes: points only."""

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_points, input_labels, image_positional_embeddings, image_embeddings):
            sparse, dense = self.model.prompt_encoder(input_points, input_labels, None, None)
            masks, scores = self.model.mask_decoder(
                image_embeddings=image_embeddings,
                image_positional_embeddings=image_positional_embeddings,
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=True,
            )
            return scores, masks

    embeddings, positions = _example_embeddings(model)
    inputs = {
        "input_points": torch.tensor([[[[10.0, 20.0]]]]),
        "input_labels": torch.tensor([[[1]]]),
        "image_positional_embeddings": positions,
        "image_embeddings": embeddings,
    }
    axes = {"input_points": {2: "points"}, "input_labels": {2: "points"}}
    _export(Decoder(), inputs, file, ["iou_scores", "pred_masks"], axes)


class MetaDecoder(torch.nn.Module):
    """A `SamModel`'s decoder in the layout of `segment_anything.utils.onnx.SamOnnxModel`."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.size = model.config.vision_config.image_size

    def forward(self, image_embeddings, point_coords, point_labels, mask_input, has_mask_input, orig_im_size):
        prompt, decoder = self.model.prompt_encoder, self.model.mask_decoder
        points = prompt.shared_embedding((point_coords + 0.5).unsqueeze(1), (self.size, self.size))
        label = point_labels.unsqueeze(1).unsqueeze(-1)
        points = points * (label != -1) + prompt.not_a_point_embed.weight * (label == -1)
        for index, embedding in enumerate(prompt.point_embed):
            points = points + embedding.weight * (label == index)
        has_mask = has_mask_input.reshape(1, 1, 1, 1)
        dense = has_mask * prompt.mask_embed(mask_input)
        dense = dense + (1 - has_mask) * prompt.no_mask_embed.weight.reshape(1, -1, 1, 1)
        masks, scores = _all_masks(
            decoder, image_embeddings, self.model.get_image_wide_positional_embeddings(), points, dense
        )
        return self.upscaled(masks, orig_im_size), scores, masks

    def upscaled(self, masks, orig_im_size):
        masks = F.interpolate(masks, (self.size, self.size), mode="bilinear", align_corners=False)
        scale = self.size / torch.max(orig_im_size)
        before_padding = torch.floor(scale * orig_im_size + 0.5).to(torch.int64)
        masks = masks[..., : before_padding[0], : before_padding[1]]
        height, width = orig_im_size[0].to(torch.int64), orig_im_size[1].to(torch.int64)
        return F.interpolate(masks, (height, width), mode="bilinear", align_corners=False)


def export_sam_meta_decoder(model, file):
    """Writes the decoder of a `SamModel` in Meta's own layout."""
    embeddings, _ = _example_embeddings(model)
    mask_side = 4 * embeddings.shape[-1]
    inputs = {
        "image_embeddings": embeddings,
        "point_coords": torch.tensor([[[10.0, 20.0], [30.0, 40.0]]]),
        "point_labels": torch.tensor([[2.0, 3.0]]),
        "mask_input": torch.zeros(1, 1, mask_side, mask_side),
        "has_mask_input": torch.zeros(1),
        "orig_im_size": torch.tensor([48.0, 64.0]),
    }
    axes = {"point_coords": {1: "points"}, "point_labels": {1: "points"}}
    _export(MetaDecoder(model), inputs, file, ["masks", "iou_predictions", "low_res_masks"], axes)


def _all_masks(decoder, embeddings, positions, points, dense):
    """The mask of the single-mask token and those of the others, and their scores, with the batch and the
    prompts in one dimension, as Meta has it."""
    single, multi = (
        decoder(
            image_embeddings=embeddings,
            image_positional_embeddings=positions,
            sparse_prompt_embeddings=points,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        for several in (False, True)
    )
    masks, scores = (torch.cat(parts, dim=2) for parts in zip(single, multi, strict=True))
    return masks[:, 0], scores[:, 0]


def _example_embeddings(model):
    config = model.config.prompt_encoder_config
    side = config.image_embedding_size
    return torch.randn(1, config.hidden_size, side, side), model.get_image_wide_positional_embeddings()


def _export(module, inputs, file, outputs, dynamic_axes=None):
    file = Path(file)
    with warnings.catch_warnings(), torch.no_grad():
        # The tracer warns of every size that it takes for a constant; sizes are.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(file),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=dynamic_axes,
            opset_version=OPSET,
            dynamo=False,
        )
    graph = onnx.load(file)
    doubles_to_floats(graph)
    shorten_names(graph)
    onnx.save(graph, file)


def doubles_to_floats(model):
    """The tracer takes some float constants for doubles, and ONNX Runtime has no GridSample of doubles."""

    def narrowed(tensor):
        if tensor.data_type == TensorProto.DOUBLE:
            values = numpy_helper.to_array(tensor).astype("float32")
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))

    for tensor in model.graph.initializer:
        narrowed(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                narrowed(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
    for info in model.graph.output:
        if info.type.tensor_type.elem_type == TensorProto.DOUBLE:
            info.type.tensor_type.elem_type = TensorProto.FLOAT
    del model.graph.value_info[:]


def shorten_names(model):
    """Numbers instead of the modules' paths: they were half of a small file."""
    graph = model.graph
    kept = {info.name for info in (*graph.input, *graph.output)} | {""}
    short = {}

    def rename(name):
        return name if name in kept else short.setdefault(name, f"v{len(short)}")

    for tensor in graph.initializer:
        tensor.name = rename(tensor.name)
    for node in graph.node:
        node.name = ""
        node.doc_string = ""
        node.input[:] = [rename(name) for name in node.input]
        node.output[:] = [rename(name) for name in node.output]
        if any(attribute.HasField("g") for attribute in node.attribute):
            raise ValueError(f"{node.op_type} has a graph of its own, whose names would have to follow")
