# site_pages.py - whether the rendered site holds together.
# SPDX-License-Identifier: ISC
#
# For site.sh: python3 site_pages.py DIRECTORY COUNT prints TAP after COUNT other tests,
# without a plan.  HTML is
# well-formed, every internal link and anchor leads somewhere, every page can be
# reached from the front page, nothing is loaded from elsewhere, and the feed is
# one by RFC 4287.

import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta",
        "source", "track", "wbr"}
BASE = "http://site.invalid/"
ATOM = "{http://www.w3.org/2005/Atom}"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.problems = []
        self.stack = []
        self.ids = set()
        self.links = []       # <a href>
        self.resources = []   # what a browser loads by itself
        self.count = {}
        self.declared = False
        self.language = None
        self.feed(text)
        self.close()
        if self.stack:
            self.problem("not closed: " + " ".join(self.stack))

    def problem(self, text):
        self.problems.append("line %d: %s" % (self.getpos()[0], text))

    def handle_decl(self, decl):
        self.declared = decl.lower() == "doctype html"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.problem("an attribute twice in <%s>" % tag)
        attributes = dict(attrs)
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID:
            self.stack.append(tag)
        if tag == "html":
            self.language = attributes.get("lang")
        if "id" in attributes:
            if attributes["id"] in self.ids:
                self.problem("id twice: " + str(attributes["id"]))
            self.ids.add(attributes["id"])
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "link":
            self.resources.append(attributes.get("href", ""))
        for name in ("src", "srcset", "poster", "data", "background"):
            if name in attributes:
                self.resources.append(attributes[name])
        if tag == "img" and "alt" not in attributes:
            self.problem("<img> without alt")
        if tag in ("script", "iframe", "object", "embed"):
            self.problem("<%s>" % tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.problem("<%s/> is not void" % tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1] != tag:
            self.problem("</%s> where %s is open" % (tag, self.stack[-1:] or "nothing"))
        if tag in self.stack:
            while self.stack.pop() != tag:
                pass

    def handle_data(self, data):
        self.leftover(data)

    def leftover(self, data):
        if re.search(r"@[A-Z-]+@", data):
            self.problem("placeholder: " + data.strip())


count = int(sys.argv[2])
failed = False


def ok(problems, name):
    global count, failed
    count += 1
    if problems:
        failed = True
        for problem in problems[:20]:
            print("# " + problem)
    print("%sok %d - %s" % ("not " if problems else "", count, name), flush=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def walk(root):
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(directory, name), root)
            yield path.replace(os.sep, "/")


def well_formed(path, page):
    problems = list(page.problems)
    for tag in ("html", "head", "title", "body", "main", "h1"):
        if page.count.get(tag, 0) != 1:
            problems.append("%d <%s>" % (page.count.get(tag, 0), tag))
    if not page.declared:
        problems.append("no <!DOCTYPE html>")
    if not page.language:
        problems.append("no language")
    ok(problems, path + ": well-formed")


def outside(url):
    return bool(urlsplit(url).scheme or urlsplit(url).netloc)


def resolve(path, url):
    """The file and the fragment that url means on the page at path."""
    parts = urlsplit(urljoin(BASE + path, url))
    target = unquote(parts.path)[1:]
    return target or "index.html", unquote(parts.fragment)


def links(path, page, pages, files):
    problems = []
    for url in page.links + page.resources:
        if outside(url):
            continue
        target, fragment = resolve(path, url)
        if target not in files:
            problems.append("%s: no such file" % url)
        elif fragment and fragment not in pages[target].ids:
            problems.append("%s: no such anchor" % url)
    ok(problems, "%s: %d links lead somewhere" % (path, len(page.links)))


def reachable(pages):
    seen = set()
    todo = ["index.html"]
    while todo:
        path = todo.pop()
        if path in seen or path not in pages:
            continue
        seen.add(path)
        todo += [resolve(path, url)[0] for url in pages[path].links if not outside(url)]
    lost = sorted(set(pages) - seen - {"404.html"})
    ok(lost, "every page can be reached from the front page")


def nothing_from_elsewhere(root, files, pages):
    problems = []
    for path, page in pages.items():
        problems += ["%s: %s" % (path, url) for url in page.resources if outside(url)]
        if path == "404.html":
            problems += ["%s: %s is not absolute" % (path, url)
                         for url in page.links + page.resources if url[0] not in "/#"]
    for path in files:
        if path.endswith((".css", ".svg")):
            text = re.sub(r'xmlns(:\w+)?="[^"]*"', "", read(os.path.join(root, path)))
            problems += ["%s: %s" % (path, found) for found in
                         re.findall(r"@import|<script|url\([^)#]*\)|https?:[^\s]*", text)]
    ok(problems, "nothing is loaded from elsewhere, no scripts")


def pictures(root, files):
    for path in files:
        if path.endswith(".svg"):
            try:
                tag = ElementTree.parse(os.path.join(root, path)).getroot().tag
                problems = [] if tag == "{http://www.w3.org/2000/svg}svg" else [tag]
            except ElementTree.ParseError as error:
                problems = [str(error)]
            ok(problems, path + ": well-formed")


def one(problems, element, name):
    found = element.findall(ATOM + name)
    if len(found) != 1 or not "".join(found[0].itertext()).strip():
        problems.append("%d of %s in %s" % (len(found), name, element.tag))
        return ""
    return "".join(found[0].itertext())


def feed(root, pages):
    problems = []
    try:
        top = ElementTree.parse(os.path.join(root, "feed.atom")).getroot()
    except (OSError, ElementTree.ParseError) as error:
        ok([str(error)], "feed.atom: well-formed")
        return
    if top.tag != ATOM + "feed":
        problems.append("not a feed: " + top.tag)
    ids = set()
    entries = top.findall(ATOM + "entry")
    if not entries:
        problems.append("no entry")
    for element in [top] + entries:
        identity = one(problems, element, "id")
        one(problems, element, "title")
        date = one(problems, element, "updated")
        if identity in ids:
            problems.append("id twice: " + identity)
        ids.add(identity)
        if not re.match(r"tag:[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:\S+$", identity):
            problems.append("not a tag: URI: " + identity)
        if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", date):
            problems.append("not a date: " + date)
        for link in element.findall(ATOM + "link"):
            if link.get("rel") == "alternate":
                target, fragment = resolve("feed.atom", link.get("href"))
                if target not in pages or \
                        fragment and fragment not in pages[target].ids:
                    problems.append("leads nowhere: " + link.get("href"))
    for entry in entries:
        content = entry.find(ATOM + "content")
        if content is None or content.get("type") != "html":
            problems.append("an entry without HTML content")
        elif Page(content.text).problems:
            problems += Page(content.text).problems
    if [link for link in top.findall(ATOM + "link") if link.get("rel") == "self"] == []:
        problems.append("no link to itself")
    if top.find(ATOM + "author/" + ATOM + "name") is None:
        problems.append("no author")
    ok(problems, "feed.atom: a feed of %d entries" % len(entries))


def main(root):
    files = sorted(walk(root))
    pages = {path: Page(read(os.path.join(root, path)))
             for path in files if path.endswith(".html")}
    for path in ("index.html", "404.html", "style.css", "favicon.svg"):
        ok([] if path in files else ["missing"], path + " is there")
    for path, page in pages.items():
        well_formed(path, page)
        links(path, page, pages, files)
    reachable(pages)
    nothing_from_elsewhere(root, files, pages)
    pictures(root, files)
    feed(root, pages)
    sys.exit(failed)


main(sys.argv[1])
