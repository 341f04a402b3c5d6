# browser_png.py - what a browser's screenshot shows.
# SPDX-License-Identifier: ISC
#
# For browser.sh: python3 browser_png.py SCREENSHOT.png STYLE.css light|dark PICTURE
# fails unless the picture is a page in the colours of the style sheet (text,
# background, accent), on which the colour PICTURE, which only the image has,
# is there, too.

import re
import struct
import sys
import zlib


def chunks(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit("not a PNG file")
    at = 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def unfilter(kind, line, above, width):
    """One row of PNG section 9.2; width: bytes of a pixel."""
    if kind == 0:
        return line
    for i in range(len(line)):
        left = line[i - width] if i >= width else 0
        corner = above[i - width] if i >= width else 0
        if kind == 1:
            add = left
        elif kind == 2:
            add = above[i]
        elif kind == 3:
            add = (left + above[i]) // 2
        else:
            add = paeth(left, above[i], corner)
        line[i] = (line[i] + add) & 255
    return line


def read(path):
    """Width, height, and how often each colour is there."""
    with open(path, "rb") as file:
        data = file.read()
    body = b""
    for kind, content in chunks(data):
        if kind == b"IHDR":
            width, height, depth, colour, _, _, laced = struct.unpack(">IIBBBBB", content)
        elif kind == b"IDAT":
            body += content
    if depth != 8 or colour not in (2, 6) or laced:
        sys.exit("a kind of PNG that no browser writes")
    pixel = 3 if colour == 2 else 4
    rows = zlib.decompress(body)
    stride = width * pixel
    above = bytearray(stride)
    count = {}
    for y in range(height):
        at = y * (stride + 1)
        above = unfilter(rows[at], bytearray(rows[at + 1:at + 1 + stride]), above, pixel)
        for x in range(0, stride, pixel):
            rgb = bytes(above[x:x + 3])
            count[rgb] = count.get(rgb, 0) + 1
    return width, height, count


def theme(path, scheme):
    with open(path, encoding="utf-8") as file:
        roots = re.findall(r":root \{(.*?)\}", file.read(), re.S)
    text = roots[1 if scheme == "dark" else 0]
    return dict(re.findall(r"--([a-z]+): #([0-9a-f]{6});", text))


def main(screenshot, style, scheme, picture):
    width, height, count = read(screenshot)
    colours = theme(style, scheme)
    problems = []

    def share(name, colour, least):
        have = count.get(bytes.fromhex(colour), 0) / (width * height)
        print("%s #%s: %.3f %% of %d x %d" % (name, colour, 100 * have, width, height))
        if have < least:
            problems.append("too little of %s #%s" % (name, colour))

    share("background", colours["bg"], 0.4)
    share("text", colours["ink"], 0.001)
    share("accent", colours["accent"], 0.001)
    share("headline", colours["thread"], 0.001)
    share("picture", picture, 0.0005)
    if len(count) < 100:
        problems.append("only %d colours: no text, no picture" % len(count))
    sys.exit("\n".join(problems) or None)


main(*sys.argv[1:])
