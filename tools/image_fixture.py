#!/usr/bin/env python3
"""Makes the images and depths that the readers of rmrl-vision are tested with, by other programs.

    python3 -m venv .venv && .venv/bin/pip install -r tools/requirements.txt
    .venv/bin/python tools/image_fixture.py

Writes to crates/rmrl-vision/tests/fixtures:

- rgb.jpg, progressive.jpg, cmyk.jpg, turned.jpg, lzw.tif, palette.png, palette.bmp, rgba16.png   one picture of
  64 x 48 pixels by Pillow, OpenCV and tifffile; turned.jpg carries the EXIF note "turn by 90 degrees"
- depth*   one depth of 5 x 3 pixels, 0.805 m and 1 mm more from pixel to pixel; the first pixel has none

It then reads the pictures with OpenCV, which must see the same pixels.
"""

from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

FIXTURES = Path(__file__).resolve().parent.parent / "crates/rmrl-vision/tests/fixtures"


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    v, u = np.mgrid[:48, :64]
    pixels = np.stack([60 + 2 * u, 200 - v, np.full_like(u, 90)], -1).astype(np.uint8)
    picture = Image.fromarray(pixels)
    best = {"quality": 98, "subsampling": 0}
    picture.save(FIXTURES / "rgb.jpg", **best)
    picture.save(FIXTURES / "progressive.jpg", progressive=True, **best)
    picture.convert("CMYK").save(FIXTURES / "cmyk.jpg", **best)
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees to look at it.
    picture.save(FIXTURES / "turned.jpg", exif=exif, **best)
    tifffile.imwrite(FIXTURES / "lzw.tif", pixels, photometric="rgb", compression="lzw")
    palette = picture.quantize(256)
    palette.save(FIXTURES / "palette.png")
    palette.save(FIXTURES / "palette.bmp")
    wide = np.dstack([pixels[..., ::-1].astype(np.uint16) * 257, np.full_like(u, 65535, np.uint16)])
    cv2.imwrite(str(FIXTURES / "rgba16.png"), wide)
    for path in sorted(FIXTURES.iterdir()):
        if not path.name.startswith(("camera", "depth")):
            flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
            seen = cv2.imread(str(path), flags)[..., ::-1]
            off = np.abs(seen.astype(int) - pixels).max()
            print(f"{path.name:20} {path.stat().st_size:6} bytes, OpenCV sees it off by {off}")
            assert off <= 8

    depth_m = 0.805 + 0.001 * np.arange(3 * 5).reshape(3, 5)
    depth_m[0, 0] = 0.0
    millimeters = np.rint(1000 * depth_m).astype(np.uint16)
    cv2.imwrite(str(FIXTURES / "depth.png"), millimeters)
    cv2.imwrite(str(FIXTURES / "depth-tenth-mm.png"), 10 * millimeters)
    cv2.imwrite(str(FIXTURES / "depth16.tif"), millimeters)
    meters = depth_m.astype(np.float32)
    cv2.imwrite(str(FIXTURES / "depth-m.tif"), meters)
    no_return = meters.copy()
    no_return[0, 0] = np.nan
    tifffile.imwrite(FIXTURES / "depth-m-deflate.tif", no_return, compression="zlib", predictor=True)
    no_return[0, 0] = np.inf
    tifffile.imwrite(FIXTURES / "depth-mm64.tif", 1000 * no_return.astype(np.float64))
    np.save(FIXTURES / "depth-u2.npy", millimeters)
    np.save(FIXTURES / "depth-f4.npy", meters)
    np.save(FIXTURES / "depth-f8-big-endian.npy", depth_m.astype(">f8")[..., None])
    np.save(FIXTURES / "depth-f4-fortran.npy", np.asfortranarray(meters))
    print(millimeters)


if __name__ == "__main__":
    main()
