#!/usr/bin/python3
"""take_screenshots.py PAGE.html FOLDER: the page at 400 and 1600 px, light and dark, and printed.
For people to look at; needs chromium."""

import os
import sys

import browser


def main():
    page, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    name = os.path.splitext(os.path.basename(page))[0]
    chromium = browser.Browser(browser.find())
    try:
        for width in (400, 1600):
            for dark in (False, True):
                chromium.open(page, width, dark=dark)
                kind = "dark" if dark else "light"
                chromium.screenshot(f"{folder}/{name}-{width}-{kind}.png")
        chromium.open(page, 1600)
        chromium.pdf(f"{folder}/{name}.pdf")
        print("complaints:", chromium.complaints)
    finally:
        chromium.close()


if __name__ == "__main__":
    main()
