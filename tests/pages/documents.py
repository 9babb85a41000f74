"""An HTML page as the tests read it."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Document(HTMLParser):
    """Elements in order, with attributes, the open elements around each, and their text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.unbalanced, self.words = [], [], [], []
        self.feed(text)
        self.close()
        self.unbalanced += [tag for tag, _ in self.open]

    def handle_starttag(self, tag, attrs):
        self.elements.append(
            {"tag": tag, "in": [name for name, _ in self.open], "text": "", **dict(attrs)}
        )
        if tag not in VOID:
            self.open.append((tag, self.elements[-1]))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.unbalanced.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data):
        for _, element in self.open:
            element["text"] += data
        if self.open and self.open[-1][0] not in ("style", "title"):
            self.words.append(data)

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())
