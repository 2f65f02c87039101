"""Lists of tags: page after page, on one host, to an end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lego_compile.registry.client import Registries
from lego_compile.registry.model import RegistryError
from tests.registry import faults
from tests.registry.faults import Answer, Proxy, status

Make = Callable[..., Registries]


def page(*tags: str, link: str = "") -> faults.Deed:
    """A page of tags."""
    names = ",".join(f'"{tag}"' for tag in tags)
    return status(200, f'{{"name":"x","tags":[{names}]}}'.encode(), **({"Link": link} if link else {}))


def test_pages_of_tags(proxy: Proxy, client: Make) -> None:
    """Pages are followed, relative and absolute, to the last; repeated tags count once."""
    proxy.fault(r"tags/list\?n=1000$", page("c", "b", link='</v2/lego/one/tags/list?n=2&last=b>; rel="next"'))
    proxy.fault("last=b", page("b", "a", link=f"<{proxy.url}/v2/lego/one/tags/list?last=a>; rel=next"))
    proxy.fault("last=a", status(200, b'{"name":"x","tags":null}'))

    assert client().tags(f"{proxy.host}/lego/one") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ('<http://localhost:1/v2/x>; rel="next"', "another host"),
        ('<file:///etc/passwd>; rel="next"', "another host"),
        ('</v2/lego/one/tags/list?n=1000>; rel="next"', "never end"),
        ('<http://[>; rel="next"', "another host"),
    ],
)
def test_pages_that_lead_away(link: str, words: str, proxy: Proxy, client: Make) -> None:
    """Another host, another scheme, the same page again: the tags are not believed."""
    proxy.fault("tags/", page("a", link=link))
    with pytest.raises(RegistryError, match=words) as failed:
        client().tags(f"{proxy.host}/lego/one")
    assert failed.value.kind == "wrong"


def test_pages_without_end(proxy: Proxy, client: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that always has another page is left after some."""
    monkeypatch.setattr("lego_compile.registry.client.PAGES", 10)
    count = iter(range(1000))

    def deed(handler: object, answer: Answer) -> Answer:
        number = next(count)
        text = f'{{"tags":["t{number}"]}}'.encode()
        return Answer(200, {"Link": f'</v2/lego/one/tags/list?last={number}>; rel="next"'}, text)

    proxy.fault("tags/", deed)
    assert len(client().tags(f"{proxy.host}/lego/one")) == 10


@pytest.mark.parametrize("text", [b"[]", b'{"tags":"a"}', b'{"tags":[1]}', b"<html>"])
def test_tags_that_are_none(text: bytes, proxy: Proxy, client: Make) -> None:
    """What is no list of tags is ``wrong``."""
    proxy.fault("tags/", status(200, text))
    with pytest.raises(RegistryError) as failed:
        client().tags(f"{proxy.host}/lego/one")
    assert failed.value.kind == "wrong"
