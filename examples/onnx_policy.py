"""Ask a policy that `rmrl export onnx` wrote where to pick; needs onnxruntime and Pillow only.

python examples/onnx_policy.py policy.onnx picture.png 0.33 -0.05 0.1
"""

import json
import sys

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from PIL import Image

ort.set_default_logger_severity(3)  # else it warns of the optional input
model, picture, *pose = sys.argv[1:]
session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
# u8 [height, width, 3], and [x in meters, y in meters, yaw in radians]
image = np.asarray(Image.open(picture).convert("RGB"))
values = session.run(None, {"image": image, "pose": np.array(pose, dtype=np.float64)})
answer = dict(zip([output.name for output in session.get_outputs()], values))

notes = session.get_modelmeta().custom_metadata_map
names, units = json.loads(notes["dimensions"]), json.loads(notes["units"])
for name, unit, correction in zip(names, units, answer["correction"]):
    print(f"{name} {correction:+.5f} {unit}, probability {answer['p_' + name].max():.3f}")
print("pick at", *(f"{value:.5f}" for value in answer["pick"]))
if answer["abstains"]:
    print("the policy abstains: its training had no state like this one")
